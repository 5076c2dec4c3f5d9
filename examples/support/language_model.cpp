#include "language_model.hpp"

#include <algorithm>

#include "program.hpp"
#include "training.hpp"

using namespace unroll;

namespace {

NetworkOptions network_of(const LanguageModelOptions& o) {
  NetworkOptions result = o.network;
  result.input = o.embedding ? o.embedding : o.network.hidden;
  require(!o.tied || result.input == result.hidden, "--tied", "an embedding of ", result.input, " and ", result.hidden,
          " units; they must be equal");
  return result;
}

}  // namespace

void add_language_model_options(CLI::App& app, LanguageModelOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* what) {
    return app.add_option(name, value, what)->group(model_group)->capture_default_str();
  };
  add("--cell", o.network.cell, "of the network")->check(CLI::IsMember({"lstm", "gru", "rnn"}));
  add("--hidden", o.network.hidden, "units of a layer")->check(positive);
  add("--layers", o.network.layers, "of the network")->check(positive);
  add("--embedding", o.embedding, "size of a piece's embedding; 0 for that of a layer")->check(natural);
  add("--tied", o.tied, "whether the scores have the table of the embeddings");
}

LanguageModel::LanguageModel(const LanguageModelOptions& o, std::size_t count, Random& random)
    : embedding({.count = count, .size = network_of(o).input}, random),
      network(network_of(o), random),
      scores(o.tied ? nn::Linear<float>(embedding.weight, Parameter<float>(zeros<float>({count}).value()))
                    : nn::Linear<float>({.input = o.network.hidden, .output = count}, random)),
      options(o.network) {
  add("embedding", embedding);
  add("network", network);
  add("scores", scores);
}

Network::Result LanguageModel::operator()(const Indices& tokens, const Network::State& state) const {
  const auto [h, next] = network(nn::dropout(embedding(tokens), options.dropout), {}, state);
  return {scores(nn::dropout(h, options.dropout)), next};
}

Carried::Carried(const LanguageModel& model, std::size_t columns, std::size_t shares) {
  shares = std::min(shares, columns);
  for (std::size_t k = 0; k <= shares; ++k) begins.push_back(columns * k / shares);
  const NetworkOptions& o = model.options;
  for (std::size_t k = 0; k < shares; ++k)
    states.emplace_back(model.network.states(), zeros<float>({o.layers, begins[k + 1] - begins[k], o.hidden}).value());
}

void Carried::reset() {
  for (auto& state : states)
    for (Array<float>& array : state) array.fill(0);
}

Variable<float> Carried::loss(const LanguageModel& model, const Windows& text, std::size_t window, std::size_t share) {
  auto& state = states[share];
  const std::size_t first = begins[share], last = begins[share + 1];
  const auto [scores, next] = model(text.tokens(window, first, last), {state.begin(), state.end()});
  for (std::size_t k = 0; k < state.size(); ++k) state[k] = next[k].value();
  return nn::cross_entropy_total(scores, text.labels(window, first, last)).sum;
}

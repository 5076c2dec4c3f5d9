#include "language_model.hpp"

#include <algorithm>
#include <memory>
#include <numeric>

#include "fingerprint.hpp"

using namespace unroll;

namespace {

/// The states of a model after each share of a window's columns: they are carried into the next window.
struct Carried {
  std::vector<std::vector<Array<float>>> states;
  std::vector<std::size_t> begins;  // of the shares, in columns

  Carried(const LanguageModel& model, std::size_t columns, std::size_t shares) {
    shares = std::min(shares, columns);
    for (std::size_t k = 0; k <= shares; ++k) begins.push_back(columns * k / shares);
    const auto& [cell, input, hidden, layers, bidirectional, dropout] = model.options;
    for (std::size_t k = 0; k < shares; ++k)
      states.emplace_back(model.network.states(), zeros<float>({layers, begins[k + 1] - begins[k], hidden}).value());
  }
  void reset() {
    for (auto& state : states)
      for (Array<float>& array : state) array.fill(0);
  }
  /// The loss of a share of a window, added up; its state goes on.
  Variable<float> loss(const LanguageModel& model, const Windows& text, std::size_t window, std::size_t share) {
    auto& state = states[share];
    const std::size_t first = begins[share], last = begins[share + 1];
    const auto [scores, next] = model(text.tokens(window, first, last), {state.begin(), state.end()});
    for (std::size_t k = 0; k < state.size(); ++k) state[k] = next[k].value();
    return nn::cross_entropy_total(scores, text.labels(window, first, last)).sum;
  }
};

}  // namespace

void add_language_model_options(CLI::App& app, LanguageModelOptions& o) {
  const auto add = [&](const char* group, const char* name, auto& value, const char* what) {
    return add_option(app, group, name, value, what);
  };
  add(model_group, "--unit", o.unit, "what is predicted")->check(CLI::IsMember({"character", "word"}));
  add_network_options(app, o.network);
  add(model_group, "--tied", o.tied, "whether the embedding matrix is the output matrix, too: true or false");
  add(evaluation_group, "--steps", o.steps, "of truncated backpropagation through time")->check(positive);
  add(training_group, "--optimizer", o.optimizer, "adam or sgd")->check(CLI::IsMember({"adam", "sgd"}));
  add(training_group, "--schedule", o.schedule, "of the learning rate")
      ->check(CLI::IsMember({"cosine", "halve", "constant"}));
  add(training_group, "--hold", o.hold, "epochs with the first rate; --schedule halve halves it with each later one")
      ->check(positive);
}

LanguageModel::LanguageModel(const LanguageModelOptions& o, std::size_t count, Random& random)
    : embedding({.count = count, .size = o.network.embedding()}, random),
      network(o.network, random),
      scores(o.tied ? nn::Linear<float>(embedding.weight, Parameter<float>(zeros<float>({count}).value()))
                    : nn::Linear<float>({.input = o.network.hidden, .output = count}, random)),
      options(o.network) {
  require(!o.tied || o.network.embedding() == o.network.hidden, "--tied", "an embedding of ", o.network.embedding(),
          " and ", o.network.hidden, " units; they must be equal");
  add("embedding", embedding);
  add("network", network);
  add("scores", scores);
}

Network::Result LanguageModel::operator()(const Indices& tokens, const Network::State& state) const {
  const auto [h, next] = network(nn::dropout(embedding(tokens), options.dropout), {}, state);
  return {scores(nn::dropout(h, options.dropout)), next};
}

std::vector<std::string> read_pieces(const std::string& path, const LanguageModelOptions& o) {
  return path.empty() ? std::vector<std::string>() : pieces(read_text(path), o.words(), path);
}

std::vector<std::int64_t> encoded(const std::vector<std::string>& pieces, const nn::Vocabulary& vocabulary,
                                  const std::string& name) {
  require(pieces.size() != 1, name, "a text of one piece; there must be two to predict one");
  std::vector<std::int64_t> ids;
  for (const std::string& piece : pieces) ids.push_back(vocabulary[piece]);
  return ids;
}

nn::Metadata description_of(CLI::App& app, const LanguageModelOptions& o, const nn::Vocabulary& vocabulary) {
  nn::Metadata description = model_options(app);
  description["program"] = "language_model";
  description["unit"] = o.unit;
  description["vocabulary"] = joined(vocabulary, o.words());
  return description;
}

bool train(CLI::App& app, const TrainingOptions& t, const LanguageModelOptions& o, LanguageModel& model,
           const nn::Metadata& description, Random& random, const std::vector<std::int64_t>& text,
           const std::vector<std::int64_t>& held_out) {
  const Windows windows(text, t.batch, o.steps);
  Carried carried(model, windows.columns(), t.shares);
  std::unique_ptr<nn::Optimizer<float>> optimizer;
  if (o.optimizer == "adam")
    optimizer = std::make_unique<nn::Adam<float>>(model.parameters());
  else
    optimizer = std::make_unique<nn::SGD<float>>(model.parameters());
  Training training(
      {.app = app,
       .options = t,
       .model = model,
       .optimizer = *optimizer,
       .random = random,
       .description = description,
       .data = Fingerprint(text, held_out).text(),
       .unit = o.unit + "s",
       .columns = held_out.empty() ? std::vector<std::string>() : std::vector<std::string>{"held-out loss"}});
  for (std::size_t share = 0; share < carried.states.size(); ++share)
    for (std::size_t k = 0; k < carried.states[share].size(); ++k)
      training.checkpoint.add("state." + std::to_string(share) + "." + std::to_string(k), carried.states[share][k]);

  const double rate = t.learning_rate;
  const std::size_t steps = t.epochs * windows.size();
  const nn::CosineSchedule cosine({.start = rate, .steps = steps + 1, .warm_up = steps / 50, .least = rate / 100});
  const nn::StepSchedule halving({.start = rate, .from = o.hold - 1});
  const auto batches = [&] {
    std::vector<Training::Batch> each;
    for (std::size_t window = 0; window < windows.size(); ++window) each.push_back({window});
    return each;
  };
  const auto step = [&](const Training::Batch& batch) -> Training::Loss {
    const std::size_t window = batch[0];
    if (window == 0) carried.reset();
    if (o.schedule == "cosine") optimizer->learning_rate = cosine(training.epoch() * windows.size() + window);
    if (o.schedule == "halve") optimizer->learning_rate = halving(training.epoch());
    if (o.schedule == "constant") optimizer->learning_rate = rate;
    const double count = windows.count(window);
    const double loss = training.descend(carried.states.size(), [&](std::size_t share) {
      return carried.loss(model, windows, window, share) / float(count);
    });
    return {loss * count, count};
  };
  const auto measure = [&] {
    return held_out.empty() ? std::vector<double>() : std::vector{evaluate(model, t, o, held_out)};
  };
  return training.run({batches, step, measure});
}

double evaluate(const LanguageModel& model, const TrainingOptions& t, const LanguageModelOptions& o,
                const std::vector<std::int64_t>& text) {
  const Windows windows(text, t.batch, o.steps);
  Carried carried(model, windows.columns(), t.shares);
  std::vector<double> sums(carried.states.size());
  in_parallel(sums.size(), t.threads, [&](std::size_t share) {
    for (std::size_t window = 0; window < windows.size(); ++window)
      sums[share] += double(carried.loss(model, windows, window, share).item());
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0) / double(text.size() - 1);
}

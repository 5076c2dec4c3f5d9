#include "network.hpp"

#include <algorithm>

#include "options.hpp"

using namespace unroll;

void add_network_options(CLI::App& app, NetworkOptions& o) {
  add_option(app, model_group, "--cell", o.cell, "of the network")->check(CLI::IsMember(cells));
  add_option(app, model_group, "--hidden", o.hidden, "units of a layer, in each direction")->check(positive);
  add_option(app, model_group, "--layers", o.layers, "of the network")->check(positive);
  add_option(app, model_group, "--embedding", o.input, "size of an embedding; 0 for that of a layer")->check(natural);
  add_option(app, training_group, "--dropout", o.dropout, "the share that drops out around layers")
      ->check(between(0, 0.95));
}

auto Network::make(const NetworkOptions& o, Random& random) -> Layer {
  const auto layer = [&]<class Kind>(Kind*) -> Layer {
    return Kind({.input = o.embedding(),
                 .hidden = o.hidden,
                 .layers = o.layers,
                 .bidirectional = o.bidirectional,
                 .dropout = o.dropout},
                random);
  };
  if (o.cell == "rnn") return layer(static_cast<nn::RNN<float>*>(nullptr));
  if (o.cell == "gru") return layer(static_cast<nn::GRU<float>*>(nullptr));
  require(o.cell == "lstm", "network", "cell '", o.cell, "'; it must be rnn, lstm or gru");
  return layer(static_cast<nn::LSTM<float>*>(nullptr));
}

Network::Network(const NetworkOptions& options, Random& random) : layer_(make(options, random)) {
  std::visit(
      [&](const auto& layer) {
        for (auto [name, parameter] : layer.named_parameters()) add(name, parameter);
      },
      layer_);
}

auto Network::operator()(const Variable<float>& x, const std::optional<Indices>& lengths, const State& initial) const
    -> Result {
  return std::visit(
      [&]<class Layer>(const Layer& layer) -> Result {
        std::optional<typename Layer::State> start;
        require(initial.empty() || initial.size() == states(), "network", "a state of ", initial.size(),
                " arrays; the cell has ", states());
        if (!initial.empty()) std::copy(initial.begin(), initial.end(), start.emplace().begin());
        const auto result = layer(x, lengths, start);
        return {result.output, {result.state.begin(), result.state.end()}};
      },
      layer_);
}

std::size_t Network::states() const {
  return std::visit([]<class Layer>(const Layer&) { return std::tuple_size_v<typename Layer::State>; }, layer_);
}

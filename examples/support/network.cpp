#include "network.hpp"

#include <algorithm>

using namespace unroll;

auto Network::make(const NetworkOptions& o, Random& random) -> Layer {
  const auto layer = [&]<class Kind>(Kind*) -> Layer {
    return Kind({.input = o.input,
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
        if (!initial.empty()) std::copy(initial.begin(), initial.end(), start.emplace().begin());
        const auto result = layer(x, lengths, start);
        return {result.output, {result.state.begin(), result.state.end()}};
      },
      layer_);
}

std::size_t Network::states() const {
  return std::visit([]<class Layer>(const Layer&) { return std::tuple_size_v<typename Layer::State>; }, layer_);
}

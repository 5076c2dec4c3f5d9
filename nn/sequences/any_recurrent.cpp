#include "any_recurrent.hpp"

#include <algorithm>

namespace unroll::nn {

template <class T> auto AnyRecurrent<T>::make(const Options& o, Random& random) -> Layer {
  const auto layer = [&]<class Kind>(std::in_place_type_t<Kind>) -> Layer {
    return Kind({.input = o.input,
                 .hidden = o.hidden,
                 .layers = o.layers,
                 .bidirectional = o.bidirectional,
                 .dropout = o.dropout,
                 .bias = o.bias,
                 .learned_initial = o.learned_initial,
                 .variational_dropout = o.variational_dropout,
                 .residual = o.residual},
                random);
  };
  if (o.cell == "gru") return layer(std::in_place_type<GRU<T>>);
  if (o.cell == "rnn") return layer(std::in_place_type<RNN<T>>);
  require(o.cell == "lstm", "any_recurrent", "cell '", o.cell, "'; it must be lstm, gru or rnn");
  return layer(std::in_place_type<LSTM<T>>);
}

template <class T>
AnyRecurrent<T>::AnyRecurrent(const Options& options, Random& random)
    : options_(options), layer_(make(options, random)) {
  const auto add_all = [&](const auto& layer) {
    for (auto [name, parameter] : layer.named_parameters()) this->add(name, parameter);
  };
  std::visit(add_all, layer_);
}

template <class T>
auto AnyRecurrent<T>::operator()(const Variable<T>& x, const std::optional<Indices>& lengths,
                                 const std::optional<State>& initial) const -> Result {
  require(!initial || initial->size() == states(), "any_recurrent", "an initial state of ",
          initial ? initial->size() : 0, " entries; a cell of kind ", options_.cell, " has ", states());
  const auto run = [&]<class Kind>(const Kind& layer) -> Result {
    std::optional<typename Kind::State> start;
    if (initial) std::ranges::copy(*initial, start.emplace().begin());
    const auto result = layer(x, lengths, start);
    return {result.output, {result.state.begin(), result.state.end()}};
  };
  return std::visit(run, layer_);
}

template <class T> std::size_t AnyRecurrent<T>::states() const { return options_.cell == "lstm" ? 2 : 1; }

template class AnyRecurrent<float>;
template class AnyRecurrent<double>;

}  // namespace unroll::nn

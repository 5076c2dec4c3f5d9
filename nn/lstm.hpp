#pragma once

#include "nn/cell.hpp"

namespace unroll::nn {

struct LSTMOptions {
  double forget_bias = 0;  ///< added to the forget gate's bias at the start: Jozefowicz et al. (2015) advise 1
};

/// i, f, o = σ(W x + b + U h + d),  g = tanh(W x + b + U h + d)      gates in the order i, f, g, o
/// c' = f ⊙ c + i ⊙ g,  h' = o ⊙ tanh(c')                            Hochreiter and Schmidhuber (1997), Gers et al.
/// (2000)
template <class T>
class LSTMCell : public GateWeights<T> {
 public:
  using Options = LSTMOptions;
  using State = std::array<Variable<T>, 2>;

  LSTMCell(const CellSizes& sizes, const Options& options, Random& random) : GateWeights<T>(4, sizes, random) {
    if (options.forget_bias == 0) return;
    require(sizes.bias, "lstm", "a forget bias of ", options.forget_bias, " in a cell without biases; set bias = true");
    const Variable<T> zero = zeros<T>({sizes.hidden}), start = zero + options.forget_bias;
    b.assign((b + concatenate({zero, start, zero, zero})).value());
  }

  Variable<T> input(const Variable<T>& x) const { return b ? linear(x, W, b + d) : linear(x, W); }

  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h, c] = state;
    const auto [a_i, a_f, a_g, a_o] = split<4>(linear(h, U, projected));
    const auto i = named("i", sigmoid(a_i)), f = named("f", sigmoid(a_f)), o = named("o", sigmoid(a_o));
    const auto g = named("g", tanh(a_g)), next = named("c", f * c + i * g);
    return {named("h", o * tanh(next)), next};
  }

 private:
  using GateWeights<T>::W, GateWeights<T>::U, GateWeights<T>::b, GateWeights<T>::d;
};

}  // namespace unroll::nn

#pragma once

#include <cmath>
#include <limits>

#include "cell.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

struct LSTMOptions {
  double forget_bias = 0;  ///< added to the forget gate's bias at the start: Jozefowicz et al. (2015) advise 1
  bool layer_norm = false, peepholes = false, coupled = false;
  std::size_t projection = 0;  ///< the size of h if it is not `hidden`: PyTorch's proj_size
};

/// i, f, o = σ(W x + b + U h + d),  g = tanh(W x + b + U h + d)      gates in the order i, f, g, o
/// c' = f ⊙ c + i ⊙ g,  h' = o ⊙ tanh(c')    Hochreiter and Schmidhuber (1997), Gers et al. (2000)
/// layer norm: LN(W x) ⊙ p and LN(U h) ⊙ q, over all gates, for W x and U h; LN(c') ⊙ r + s in h': Ba et al. (2016)
/// peepholes:  k ⊙ c added under the σ of i and f, k ⊙ c' under that of o: Gers, Schraudolph and Schmidhuber (2002)
/// coupled:    i = 1 − f, gates f, g, o: Greff et al. (2017)    projection: h' = R (o ⊙ tanh(c')): Sak et al. (2014)
template <class T>
class LSTMCell : public GateWeights<T> {
 public:
  using Options = LSTMOptions;
  using State = std::array<Variable<T>, 2>;

  LSTMCell(const CellSizes& sizes, const Options& options, Random& random)
      : GateWeights<T>(checked(options, sizes).coupled ? 3 : 4, sizes, random, options.layer_norm, options.projection),
        gates_(options.coupled ? 3 : 4, sizes.hidden) {
    const std::size_t n = sizes.hidden, before_f = options.coupled ? 0 : n;
    const auto zero = zeros<T>({n}), one = ones<T>({n});
    if (options.forget_bias != 0) b.assign((b + pad(one * options.forget_bias, {{before_f, 2 * n}})).value());
    if (options.projection) this->add("weight_hr", R, uniform_by_fan_in<T>({options.projection, n}, n, random));
    if (options.layer_norm) this->add("norm_c", r, one.value());
    if (options.layer_norm && sizes.bias) this->add("bias_c", s, zero.value());
    if (options.peepholes && !options.coupled) this->add("peephole_i", k_i, zero.value());
    if (options.peepholes) this->add("peephole_f", k_f, zero.value());
    if (options.peepholes) this->add("peephole_o", k_o, zero.value());
  }
  Shape state_sizes() const { return {U.shape()[1], gates_[0]}; }

  Variable<T> input(const Variable<T>& x) const { return affine(x, W, b.has_value() ? b + d : Variable<T>(), this->p); }

  State step(const Variable<T>& projected, const State& state) const {
    const auto gate = [](auto name, auto& a, auto& k, auto& c) {
      return named(name, sigmoid(k.has_value() ? a + k * c : a));
    };
    const auto& [h, c] = state;
    const auto a = split(affine(h, U, projected, this->q), gates_);
    const auto &i = a.front(), &f = a.end()[-3], &g = a.end()[-2], &o = a.end()[-1];
    const auto take = a.size() == 3 ? Variable<T>() : gate("i", i, k_i, c), keep = gate("f", f, k_f, c);
    const auto next = named("c", fma(take.has_value() ? take : 1 - keep, named("g", tanh(g)), keep * c));
    const auto y = scaled_tanh(gate("o", o, k_o, next), r.has_value() ? layer_norm(next, r, s) : next);
    return {named("h", R.has_value() ? linear(y, R) : y), next};
  }

 private:
  // Before a random number is drawn.
  static const Options& checked(const Options& options, const CellSizes& sizes) {
    require(sizes.bias || options.forget_bias == 0, "lstm", "a forget bias of ", options.forget_bias,
            " in a cell without biases; set bias = true");
    require(std::abs(options.forget_bias) <= std::numeric_limits<T>::max(), "lstm", "a forget bias of ",
            options.forget_bias, "; it must be finite");
    return options;
  }

  using GateWeights<T>::W, GateWeights<T>::U, GateWeights<T>::b, GateWeights<T>::d;
  Parameter<T> R, r, s, k_i, k_f, k_o;
  std::vector<std::size_t> gates_;  // the sizes of i, f, g, o, or of f, g, o
};

}  // namespace nn
}  // namespace unroll

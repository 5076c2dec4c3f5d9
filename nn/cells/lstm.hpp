#pragma once

#include "cell.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// What an LSTM cell has beside the plain equations.
struct LSTMOptions {
  double forget_bias = 0;      ///< added to the bias of f at the start: Jozefowicz et al. (2015) advise 1
  bool layer_norm = false;     ///< LN(W x) ⊙ p, LN(U h) ⊙ q for W x, U h; LN(c') ⊙ r + s in h': Ba et al. (2016)
  bool peepholes = false;      ///< v ⊙ c added under the σ of f and i, v ⊙ c' under that of o: Gers et al. (2002)
  bool coupled = false;        ///< i = 1 − f, so that the gates are f, g, o: Greff et al. (2017)
  std::size_t projection = 0;  ///< the size of h' = R (o ⊙ tanh c'), PyTorch's proj_size: Sak et al. (2014)
};

/// f, i, o = σ(W x + b + U h + d),  g = tanh(W x + b + U h + d)      gates in the order i, f, g, o
/// k = c ⊙ f,  j = g ⊙ i,  c' = j + k,  h' = o ⊙ tanh c'    Hochreiter and Schmidhuber (1997), Gers et al. (2000)
template <class T> class LSTMCell : public GateWeights<T> {
 public:
  using Options = LSTMOptions;               ///< .cell of the layer's
  using State = std::array<Variable<T>, 2>;  ///< h, c

  /// Draws the weights; an Error for a forget bias that is not finite, or without biases.
  LSTMCell(const CellSizes& sizes, const Options& options, Random& random);
  Shape state_sizes() const { return {U.shape()[1], sizes_[1]}; }  ///< of h, c
  /// W x + b + d of all gates.   shape: (rows, input) → (rows, gates × hidden)
  Variable<T> input(const Variable<T>& x) const { return affine(x, W, bias(), p); }
  /// {h, c} → {h', c'}
  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h, c] = state;
    const auto [a_i, a_f, a_g, a_o] = parts(affine(h, U, projected, q), sizes_);
    const auto f = named("f", sigmoid(peep(a_f, v_f, c)));
    const auto k = named("k", c * f);
    const auto i = named("i", coupled_ ? 1 - f : sigmoid(peep(a_i, v_i, c)));
    const auto g = named("g", tanh(a_g));
    const auto j = named("j", g * i);
    const auto c_next = named("c", j + k);
    const auto o = named("o", sigmoid(peep(a_o, v_o, c_next)));
    const auto y = scaled_tanh(o, r.has_value() ? layer_norm(c_next, r, s) : c_next);  // o ⊙ tanh, which is not kept
    return {named("h", R.has_value() ? linear(y, R) : y), c_next};
  }

 private:
  using Weights = GateWeights<T>;
  using Weights::affine, Weights::bias, Weights::parts, Weights::W, Weights::U, Weights::p, Weights::q;

  static Variable<T> peep(const Variable<T>& a, const Parameter<T>& v, const Variable<T>& c) {
    return v.has_value() ? a + v * c : a;
  }

  Parameter<T> R, r, s, v_i, v_f, v_o;
  bool coupled_;
  std::array<std::size_t, 4> sizes_;  // of i, f, g, o in the pre-activations a, where a coupled i has none
};

}  // namespace nn
}  // namespace unroll

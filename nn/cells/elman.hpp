#pragma once

#include "cell.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The g of an Elman network.
enum class Nonlinearity { tanh, relu };

/// What an Elman cell has beside its sizes.
struct ElmanOptions {
  Nonlinearity nonlinearity = Nonlinearity::tanh;  ///< g
  bool layer_norm = false;                         ///< LN(W x) ⊙ p, LN(U h) ⊙ q for W x, U h: Ba et al. (2016)
};

/// h' = g(W x + b + U h + d), where g is tanh or relu: Elman (1990).
template <class T> class ElmanCell : public GateWeights<T> {
 public:
  using Options = ElmanOptions;              ///< .cell of the layer's
  using State = std::array<Variable<T>, 1>;  ///< h

  /// Draws the weights.
  ElmanCell(const CellSizes& sizes, const Options& options, Random& random)
      : Weights(1, sizes, random, options.layer_norm), nonlinearity_(options.nonlinearity) {}

  /// W x + b + d.   shape: (rows, input) → (rows, hidden)
  Variable<T> input(const Variable<T>& x) const { return affine(x, W, bias(), p); }

  /// {h} → {h'}
  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h] = state;
    const auto a = affine(h, U, projected, q);
    return {named("h", nonlinearity_ == Nonlinearity::tanh ? tanh(a) : relu(a))};
  }

 private:
  using Weights = GateWeights<T>;
  using Weights::affine, Weights::bias, Weights::W, Weights::U, Weights::p, Weights::q;
  Nonlinearity nonlinearity_;
};

}  // namespace nn
}  // namespace unroll

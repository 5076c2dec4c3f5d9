#pragma once

#include "cell.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Whether r acts on U h + d, as in PyTorch, or on h, as in the paper.
enum class Reset { after, before };

/// What a GRU cell has beside its sizes.
struct GRUOptions {
  Reset reset = Reset::after;  ///< where r acts
  bool layer_norm = false;  ///< LN(W x) ⊙ p, LN(U h) ⊙ q for W x, U h, and for U (r ⊙ h) on its own: Ba et al. (2016)
};

/// r, z = σ(W x + b + U h + d),  h' = (1 − z) ⊙ n + z ⊙ h            gates in the order r, z, n
/// reset after:   n = tanh(W x + b + r ⊙ (U h + d))                  PyTorch, cuDNN
/// reset before:  n = tanh(W x + b + U (r ⊙ h) + d)                  Cho et al. (2014)
template <class T> class GRUCell : public GateWeights<T> {
 public:
  using Options = GRUOptions;                ///< .cell of the layer's
  using State = std::array<Variable<T>, 1>;  ///< h

  /// Draws the weights.
  GRUCell(const CellSizes& sizes, const Options& options, Random& random)
      : Weights(3, sizes, random, options.layer_norm), sizes_{2 * sizes.hidden, sizes.hidden}, reset_(options.reset) {}

  /// W x + b of all gates.   shape: (rows, input) → (rows, 3 × hidden)
  Variable<T> input(const Variable<T>& x) const { return affine(x, W, this->b, p); }
  /// {h} → {h'}
  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h] = state;
    const auto [x_rz, x_n] = parts(projected, sizes_);
    if (reset_ == Reset::after) {
      const auto [h_rz, h_n] = parts(affine(h, U, d, q), sizes_);
      const auto [r, z] = gates(x_rz + h_rz);
      return {named("h", lerp(named("n", tanh(fma(r, h_n, x_n))), h, z))};
    }
    const auto [U_rz, U_n] = parts(U, sizes_, 0);
    const auto [d_rz, d_n] = parts(d, sizes_);
    const auto [q_rz, q_n] = parts(q, sizes_);
    const auto [r, z] = gates(x_rz + affine(h, U_rz, d_rz, q_rz));
    return {named("h", lerp(named("n", tanh(x_n + affine(r * h, U_n, d_n, q_n))), h, z))};
  }

 private:
  using Weights = GateWeights<T>;
  using Weights::affine, Weights::parts, Weights::W, Weights::U, Weights::d, Weights::p, Weights::q;

  static auto gates(const Variable<T>& a) {
    const auto [r, z] = split<2>(sigmoid(a));
    return std::array{named("r", r), named("z", z)};
  }
  std::array<std::size_t, 2> sizes_;  // of r and z together, and of n
  Reset reset_;
};

}  // namespace nn
}  // namespace unroll

#pragma once

#include "cell.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

enum class Reset { after, before };

struct GRUOptions {
  Reset reset = Reset::after;  ///< whether r acts on U h + d, as in PyTorch, or on h, as in the paper
  bool layer_norm = false;
};

/// r, z = σ(W x + b + U h + d),  h' = (1 − z) ⊙ n + z ⊙ h            gates in the order r, z, n
/// reset after:   n = tanh(W x + b + r ⊙ (U h + d))                  PyTorch, cuDNN
/// reset before:  n = tanh(W x + b + U (r ⊙ h) + d)                  Cho et al. (2014)
/// layer norm: LN(W x) ⊙ p and LN(U h) ⊙ q in the places of W x and U h, as in nn/lstm.hpp; U (r ⊙ h) on its own
template <class T>
class GRUCell : public GateWeights<T> {
 public:
  using Options = GRUOptions;
  using State = std::array<Variable<T>, 1>;

  GRUCell(const CellSizes& sizes, const Options& options, Random& random)
      : GateWeights<T>(3, sizes, random, options.layer_norm),
        sizes_{2 * sizes.hidden, sizes.hidden},
        reset_(options.reset) {}

  Variable<T> input(const Variable<T>& x) const { return affine(x, W, b, this->p); }

  State step(const Variable<T>& projected, const State& state) const {
    const Variable<T>& h = state[0];
    const auto parts = [&](const Variable<T>& of, int axis) {
      return of.has_value() ? split(of, sizes_, axis) : std::vector<Variable<T>>(2);
    };
    const auto x = parts(projected, -1);
    const auto gates = [&](const Variable<T>& h_rz) {
      const auto [r, z] = split<2>(sigmoid(x[0] + h_rz));
      return std::array{named("r", r), named("z", z)};
    };
    const auto next = [&](auto& z, const auto& n) -> State { return {named("h", lerp(named("n", n), h, z))}; };
    if (reset_ == Reset::after) {
      const auto all = parts(affine(h, U, d, this->q), -1);
      const auto [r, z] = gates(all[0]);
      return next(z, tanh(fma(r, all[1], x[1])));
    }
    const auto weights = parts(U, 0), biases = parts(d, 0), gains = parts(this->q, 0);
    const auto [r, z] = gates(affine(h, weights[0], biases[0], gains[0]));
    return next(z, tanh(x[1] + affine(r * h, weights[1], biases[1], gains[1])));
  }

 private:
  using GateWeights<T>::W, GateWeights<T>::U, GateWeights<T>::b, GateWeights<T>::d;
  std::vector<std::size_t> sizes_;  // of r and z together, and of n
  Reset reset_;
};

}  // namespace nn
}  // namespace unroll

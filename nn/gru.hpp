#pragma once

#include "nn/cell.hpp"

namespace unroll::nn {

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
      : GateWeights<T>(3, sizes, random, options.layer_norm), hidden_(sizes.hidden), reset_(options.reset) {}

  Variable<T> input(const Variable<T>& x) const { return affine(x, W, b, this->p); }

  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h] = state;
    const auto [x_r, x_z, x_n] = split<3>(projected);
    if (reset_ == Reset::after) {
      const auto [h_r, h_z, h_n] = split<3>(affine(h, U, d, this->q));
      const auto r = named("r", sigmoid(x_r + h_r));
      return {next(h, sigmoid(x_z + h_z), tanh(x_n + r * h_n))};
    }
    const auto parts = [&](const Variable<T>& of) {
      return of ? split(of, {2 * hidden_, hidden_}, 0) : std::vector<Variable<T>>(2);
    };
    const auto weights = parts(U), biases = parts(d), gains = parts(this->q);
    const auto [h_r, h_z] = split<2>(affine(h, weights[0], biases[0], gains[0]));
    const auto r = named("r", sigmoid(x_r + h_r));
    const auto h_n = affine(r * h, weights[1], biases[1], gains[1]);
    return {next(h, sigmoid(x_z + h_z), tanh(x_n + h_n))};
  }

 private:
  // (1 − z) ⊙ n + z ⊙ h
  static Variable<T> next(const Variable<T>& h, const Variable<T>& z, const Variable<T>& n) {
    return named("h", named("n", n) + named("z", z) * (h - n));
  }

  using GateWeights<T>::W, GateWeights<T>::U, GateWeights<T>::b, GateWeights<T>::d;
  std::size_t hidden_;
  Reset reset_;
};

}  // namespace unroll::nn

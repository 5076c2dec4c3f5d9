#pragma once

#include "nn/cell.hpp"

namespace unroll::nn {

enum class Reset { after, before };

struct GRUOptions {
  Reset reset = Reset::after;  ///< whether r acts on U h + d, as in PyTorch, or on h, as in the paper
};

/// r, z = σ(W x + b + U h + d),  h' = (1 − z) ⊙ n + z ⊙ h            gates in the order r, z, n
/// reset after:   n = tanh(W x + b + r ⊙ (U h + d))                  PyTorch, cuDNN
/// reset before:  n = tanh(W x + b + U (r ⊙ h) + d)                  Cho et al. (2014)
template <class T>
class GRUCell : public GateWeights<T> {
 public:
  using Options = GRUOptions;
  using State = std::array<Variable<T>, 1>;

  GRUCell(const CellSizes& sizes, const Options& options, Random& random)
      : GateWeights<T>(3, sizes, random), hidden_(sizes.hidden), reset_(options.reset) {}

  Variable<T> input(const Variable<T>& x) const { return linear(x, W, b); }

  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h] = state;
    const auto [x_r, x_z, x_n] = split<3>(projected);
    if (reset_ == Reset::after) {
      const auto [h_r, h_z, h_n] = split<3>(linear(h, U, d));
      return {next(h, sigmoid(x_z + h_z), tanh(x_n + sigmoid(x_r + h_r) * h_n))};
    }
    const auto gates = split(U, {2 * hidden_, hidden_}, 0);
    const auto biases = d ? split(d, {2 * hidden_, hidden_}, 0) : std::vector<Variable<T>>(2);
    const auto [h_r, h_z] = split<2>(linear(h, gates[0], biases[0]));
    return {next(h, sigmoid(x_z + h_z), tanh(x_n + linear(sigmoid(x_r + h_r) * h, gates[1], biases[1])))};
  }

 private:
  // (1 − z) ⊙ n + z ⊙ h
  static Variable<T> next(const Variable<T>& h, const Variable<T>& z, const Variable<T>& n) { return n + z * (h - n); }

  using GateWeights<T>::W, GateWeights<T>::U, GateWeights<T>::b, GateWeights<T>::d;
  std::size_t hidden_;
  Reset reset_;
};

}  // namespace unroll::nn

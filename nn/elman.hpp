#pragma once

#include "nn/cell.hpp"

namespace unroll::nn {

enum class Nonlinearity { tanh, relu };

struct ElmanOptions {
  Nonlinearity nonlinearity = Nonlinearity::tanh;
};

/// h' = g(W x + b + U h + d), where g is tanh or relu: Elman (1990).
template <class T>
class ElmanCell : public GateWeights<T> {
 public:
  using Options = ElmanOptions;
  using State = std::array<Variable<T>, 1>;

  ElmanCell(const CellSizes& sizes, const Options& options, Random& random)
      : GateWeights<T>(1, sizes, random), nonlinearity_(options.nonlinearity) {}

  Variable<T> input(const Variable<T>& x) const { return b ? linear(x, W, b + d) : linear(x, W); }

  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h] = state;
    const auto a = linear(h, U, projected);
    return {nonlinearity_ == Nonlinearity::tanh ? tanh(a) : relu(a)};
  }

 private:
  using GateWeights<T>::W, GateWeights<T>::U, GateWeights<T>::b, GateWeights<T>::d;
  Nonlinearity nonlinearity_;
};

}  // namespace unroll::nn

#pragma once

#include "cell.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

enum class Nonlinearity { tanh, relu };

struct ElmanOptions {
  Nonlinearity nonlinearity = Nonlinearity::tanh;
  bool layer_norm = false;
};

/// h' = g(W x + b + U h + d), where g is tanh or relu: Elman (1990).
/// layer norm: LN(W x) ⊙ p and LN(U h) ⊙ q in the places of W x and U h, as in nn/lstm.hpp
template <class T>
class ElmanCell : public GateWeights<T> {
 public:
  using Options = ElmanOptions;
  using State = std::array<Variable<T>, 1>;

  ElmanCell(const CellSizes& sizes, const Options& options, Random& random)
      : GateWeights<T>(1, sizes, random, options.layer_norm), nonlinearity_(options.nonlinearity) {}

  Variable<T> input(const Variable<T>& x) const { return affine(x, W, b.has_value() ? b + d : Variable<T>(), this->p); }

  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h] = state;
    const auto a = affine(h, U, projected, this->q);
    return {named("h", nonlinearity_ == Nonlinearity::tanh ? tanh(a) : relu(a))};
  }

 private:
  using GateWeights<T>::W, GateWeights<T>::U, GateWeights<T>::b, GateWeights<T>::d;
  Nonlinearity nonlinearity_;
};

}  // namespace nn
}  // namespace unroll

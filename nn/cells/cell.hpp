#pragma once

#include <concepts>
#include <limits>

#include "../../autograd/tools/trace.hpp"
#include "../initialisers.hpp"
#include "../layers/layer_norm.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// What every cell is made with; its own options follow.
struct CellSizes {
  std::size_t input = 0, hidden = 0;
  bool bias = true;
};

/// One step of a recurrent network, as its equations. State is a std::array of Variables of shape (batch, hidden), the
/// first of which is the output h. input(x) is what depends on the input alone; it is called for many steps at
/// once, with their rows one after the other. step(projected, state) is called for each step with its rows of that. A
/// cell is made from (CellSizes, Random&), or from (CellSizes, Cell::Options, Random&). If its entries of the state are
/// not all of size hidden, state_sizes() says which they are, as a Shape.
template <class Cell, class T>
concept CellOf = requires(const Cell& cell, const Variable<T>& x, const typename Cell::State& state) {
  { state[0] } -> std::convertible_to<const Variable<T>&>;
  { cell.input(x) } -> std::convertible_to<Variable<T>>;
  { cell.step(x, state) } -> std::convertible_to<typename Cell::State>;
};

/// x Wᵀ + b, or LN(x Wᵀ) ⊙ p + b if p is not empty
template <class T>
Variable<T> affine(const Variable<T>& x, const Variable<T>& W, const Variable<T>& b, const Variable<T>& p) {
  return p.has_value() ? layer_norm(linear(x, W), p, b) : linear(x, W, b);
}

/// The weights of a cell with so many gates, by PyTorch's names and start values: U(−1/√hidden, 1/√hidden).
template <class T>
struct GateWeights : Module<T> {
  Parameter<T> W, U;  // weight_ih (gates × hidden, input), weight_hh (gates × hidden, output)
  Parameter<T> b, d;  // bias_ih, bias_hh (gates × hidden,), empty without biases
  Parameter<T> p, q;  // norm_ih, norm_hh (gates × hidden,): the gains of LN(W x) and LN(U h), empty without layer norm

  /// `output` is the size of h, as `hidden` by default.
  GateWeights(std::size_t gates, const CellSizes& sizes, Random& random, bool layer_norm = false,
              std::size_t output = 0) {
    require(sizes.hidden <= std::numeric_limits<std::size_t>::max() / gates, "cell", gates, " gates of size ",
            sizes.hidden, "; there is no memory for so many");
    const std::size_t rows = gates * sizes.hidden;
    const auto start = [&](const Shape& shape) { return uniform_by_fan_in<T>(shape, sizes.hidden, random); };
    this->add("weight_ih", W, start({rows, sizes.input}));
    this->add("weight_hh", U, start({rows, output ? output : sizes.hidden}));
    if (sizes.bias) this->add("bias_ih", b, start({rows}));
    if (sizes.bias) this->add("bias_hh", d, start({rows}));
    if (layer_norm) this->add("norm_ih", p, ones<T>({rows}).value());
    if (layer_norm) this->add("norm_hh", q, ones<T>({rows}).value());
  }
  Shape state_sizes() const { return {U.shape()[1]}; }
};

}  // namespace nn
}  // namespace unroll

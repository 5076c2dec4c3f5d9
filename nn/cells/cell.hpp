#pragma once

#include <array>
#include <concepts>
#include <utility>

#include "../../autograd/random.hpp"
#include "../../autograd/tools/trace.hpp"
#include "../layers/layer_norm.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// What every cell is made with; its own options follow.
struct CellSizes {
  std::size_t input = 0;   ///< features of x
  std::size_t hidden = 0;  ///< features of the state
  bool bias = true;        ///< whether there are biases
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

namespace detail {

/// A cell for a layer; says what it lacks.
template <class Cell> struct Checked {
  static_assert(
      requires { typename Cell::State::value_type::value_type; },
      "a cell names its state: using State = std::array<Variable<T>, n>, with the output h first");
  using T = typename Cell::State::value_type::value_type;  ///< float or double
  static_assert(std::derived_from<Cell, Module<T>>, "a cell is a module: struct MyCell : nn::Module<T>");
  static_assert(
      requires(const Cell& cell, const Variable<T>& x) {
        { cell.input(x) } -> std::convertible_to<Variable<T>>;
      },
      "a cell has Variable<T> input(const Variable<T>& x) const");
  static_assert(CellOf<Cell, T>, "a cell has State step(const Variable<T>& projected, const State& state) const");
  static_assert(
      std::constructible_from<Cell, const CellSizes&, Random&> ||
          requires(const CellSizes& sizes, Random& random) {
            Cell(sizes, std::declval<const typename Cell::Options&>(), random);
          },
      "a cell is made from (const nn::CellSizes&, Random&), or from (const nn::CellSizes&, const Options&, Random&)");
};

}  // namespace detail

/// The weights of a cell with so many gates, by PyTorch's names and start values: U(−1/√hidden, 1/√hidden).
template <class T> struct GateWeights : Module<T> {
  ///@{
  /// weight_ih (gates × hidden, input), weight_hh (gates × hidden, output); bias_ih, bias_hh (gates × hidden,), empty
  /// without biases; norm_ih, norm_hh (gates × hidden,): gains of LN(W x) and LN(U h), empty without layer norm
  Parameter<T> W, U, b, d, p, q;
  ///@}

  /// `output` is the size of h, `hidden` if 0. An Error, before a number is drawn, where there is no memory for them.
  GateWeights(std::size_t gates, const CellSizes& sizes, Random& random, bool layer_norm = false,
              std::size_t output = 0);
  /// That of h.
  Shape state_sizes() const { return {U.shape()[1]}; }
  /// b + d, for cells that need no more of them; empty without biases.
  Variable<T> bias() const { return b.has_value() ? b + d : Variable<T>(); }
  /// x Wᵀ + b, or LN(x Wᵀ) ⊙ p + b where there is a gain p; without a bias if b is empty.
  static Variable<T> affine(const Variable<T>& x, const Variable<T>& W, const Variable<T>& b, const Variable<T>& p) {
    return p.has_value() ? layer_norm(linear(x, W), p, b) : linear(x, W, b);
  }
  /// x cut into parts of these sizes along an axis, an empty handle into empty ones.
  template <std::size_t n>
  static auto parts(const Variable<T>& x, const std::array<std::size_t, n>& sizes, Axis axis = -1) {
    std::array<Variable<T>, n> result;
    if (!x.has_value()) return result;
    const Scope scope("split");
    std::int64_t end = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const std::int64_t begin = std::exchange(end, end + static_cast<std::int64_t>(sizes[k]));
      result[k] = slice(x, axis, begin, end);
    }
    return result;
  }
};

}  // namespace nn
}  // namespace unroll

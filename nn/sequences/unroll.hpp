#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <tuple>
#include <vector>

#include "../cells/cell.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {
namespace detail {

/// A rate of zoneout for each entry of a cell's state.
template <class Cell> using ZoneoutOf = std::array<double, std::tuple_size_v<typename Cell::State>>;

/// A cell as the loop over time sees it, whatever its type; the cell must live as long.
template <class T> struct AnyCell {
  template <class Cell>
  explicit AnyCell(const Cell& cell)
      : input([&cell](const Variable<T>& x) { return cell.input(x); }),
        step([&cell](const Variable<T>& projected, std::span<const Variable<T>> state, std::span<Variable<T>> next) {
          typename Cell::State before;
          std::ranges::copy(state, before.begin());
          std::ranges::move(typename Cell::State(cell.step(projected, before)), next.begin());
        }) {
    if constexpr (requires { cell.state_sizes(); }) sizes = cell.state_sizes();
  }

  std::function<Variable<T>(const Variable<T>& x)> input;
  std::function<void(const Variable<T>& projected, std::span<const Variable<T>> state, std::span<Variable<T>> next)>
      step;
  Shape sizes;  ///< of the entries of the state, where the cell says
};

/// Each entry of a cell's state after every step of a packed batch (packing.hpp): [entry][step]. `sizes` says how many
/// sequences run at each step.
template <class T>
std::vector<std::vector<Variable<T>>> unroll(const AnyCell<T>& cell, const Variable<T>& rows,
                                             const std::vector<std::size_t>& sizes,
                                             std::span<const Variable<T>> initial, bool reverse,
                                             std::span<const double> zoneout);

}  // namespace detail

/// The states of a cell after every step of a packed batch (packing.hpp), in the order of time. `sizes` says how many
/// sequences run at each step; `initial` is the state of all sequences before the first, entries (batch, hidden). In
/// reverse, each sequence starts at its own last step. Each entry of the state has its rate of zoneout (dropout.hpp).
/// An Error for rows that are not as many as the sizes together, an initial state of another shape or of too few
/// sequences, a step that changes the shape of the state, as one that appends to what it attends to (call the cell's
/// input() and step() for that), and a rate outside [0, 1).   shape of rows: (Σ sizes, input)
template <class Cell, class T = typename Cell::State::value_type::value_type>
requires CellOf<Cell, T> std::vector<typename Cell::State> unroll(
    const Cell& cell, const std::type_identity_t<Variable<T>>& rows, const std::vector<std::size_t>& sizes,
    const typename Cell::State& initial, bool reverse = false, const detail::ZoneoutOf<Cell>& zoneout = {}) {
  const auto entries = detail::unroll<T>(detail::AnyCell<T>(cell), rows, sizes, initial, reverse, zoneout);
  std::vector<typename Cell::State> states(sizes.size());
  for (std::size_t t = 0; t < states.size(); ++t)
    for (std::size_t n = 0; n < entries.size(); ++n) states[t][n] = entries[n][t];
  return states;
}

/// The states of a cell after every step of x, of shape (time, batch, input), from the state `initial`, of entries
/// (batch, hidden); in reverse, from the last step to the first. Errors as above. Where `using namespace unroll::nn`
/// has been said, write nn::unroll still, or `using nn::unroll;` in the function first: `unroll` is the library, too.
///
///     const auto states = nn::unroll(cell, x, {h, c});    // states[t] = {h, c} after step t
template <class Cell, class T = typename Cell::State::value_type::value_type>
requires CellOf<Cell, T> std::vector<typename Cell::State> unroll(const Cell& cell,
                                                                  const std::type_identity_t<Variable<T>>& x,
                                                                  const typename Cell::State& initial,
                                                                  bool reverse = false) {
  require(x.shape().size() == 3, "unroll", "x has shape ", x.shape(), "; it must be (time, batch, input)");
  const std::size_t time = x.shape()[0], batch = x.shape()[1];
  return unroll(cell, reshape(x, {time * batch, x.shape()[2]}), std::vector<std::size_t>(time, batch), initial,
                reverse);
}

}  // namespace nn
}  // namespace unroll

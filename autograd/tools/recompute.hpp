#pragma once

#include <functional>
#include <vector>

#include "../variable.hpp"

namespace UNROLL_PUBLIC unroll {

/// A part of a model: arrays from arrays.
template <class T> using Segment = detail::Returning<std::vector<Variable<T>>, const std::vector<Variable<T>>&>;

/// checkpoint() of a function from a vector to a vector.
template <class T>
std::vector<Variable<T>> checkpoint_segment(const Segment<T>& f, const std::vector<Variable<T>>& inputs);

/// f(inputs), a Variable or a vector of them, of which the tape keeps nothing but the inputs and outputs: the sweep
/// calls f again, with the same random numbers, for what it needs. f may use parameters and recorded variables besides
/// its inputs; it is copied, so local variables must be captured by value, and the rest must live until the sweep. Chen
/// et al. (2016): over √T segments of √T steps each, memory grows with √T instead of T. On a tape it throws where f
/// gives nothing, and in the sweep where it gives other shapes than before.
template <class F, class T> auto checkpoint(const F& f, const std::vector<Variable<T>>& inputs) {
  if constexpr (std::is_convertible_v<std::invoke_result_t<F, const std::vector<Variable<T>>&>, Variable<T>>)
    return checkpoint_segment<T>([f](const auto& x) { return std::vector<Variable<T>>{f(x)}; }, inputs)[0];
  else
    return checkpoint_segment<T>(f, inputs);
}
/// The same: checkpoint(f, {x, h}).
template <class F, class T> auto checkpoint(const F& f, std::initializer_list<Variable<T>> inputs) {
  return checkpoint(f, std::vector<Variable<T>>(inputs));
}

}  // namespace unroll

#pragma once

#include <concepts>

#include "autograd/trace.hpp"
#include "nn/initialisers.hpp"
#include "nn/module.hpp"

namespace unroll::nn {

/// What every cell is made with; its own options follow.
struct CellSizes {
  std::size_t input = 0, hidden = 0;
  bool bias = true;
};

/// One step of a recurrent network, as its equations. State is a std::array of Variables of shape (batch, hidden), the
/// first of which is the output h. input(x) is what depends on the input alone; it is called once for all steps, with
/// their rows one after the other. step(projected, state) is called for each step with its rows of that. A cell is made
/// from (CellSizes, Random&), or from (CellSizes, Cell::Options, Random&).
template <class Cell, class T>
concept CellOf = requires(const Cell& cell, const Variable<T>& x, const typename Cell::State& state) {
  { state[0] } -> std::convertible_to<const Variable<T>&>;
  { cell.input(x) } -> std::convertible_to<Variable<T>>;
  { cell.step(x, state) } -> std::convertible_to<typename Cell::State>;
};

/// The weights of a cell with so many gates, by PyTorch's names and start values: U(−1/√hidden, 1/√hidden).
template <class T>
struct GateWeights : Module<T> {
  Parameter<T> W, U;  // weight_ih (gates × hidden, input), weight_hh (gates × hidden, hidden)
  Parameter<T> b, d;  // bias_ih, bias_hh (gates × hidden,), empty without biases

  GateWeights(std::size_t gates, const CellSizes& sizes, Random& random) {
    const auto make = [&](const char* name, Parameter<T>& parameter, const Shape& shape) {
      parameter = Parameter<T>(uniform_by_fan_in<T>(shape, sizes.hidden, random));
      this->add(name, parameter);
    };
    const std::size_t rows = gates * sizes.hidden;
    make("weight_ih", W, {rows, sizes.input});
    make("weight_hh", U, {rows, sizes.hidden});
    if (!sizes.bias) return;
    make("bias_ih", b, {rows});
    make("bias_hh", d, {rows});
  }
};

}  // namespace unroll::nn

// a cell is a module: struct MyCell : nn::Module<T>
#include <unroll/nn/nn.hpp>

using namespace unroll;

struct Cell {
  using State = std::array<Variable<float>, 1>;
  Cell(const nn::CellSizes&, Random&) {}
  Variable<float> input(const Variable<float>& x) const { return x; }
  State step(const Variable<float>& projected, const State& state) const { return {tanh(projected + state[0])}; }
};

void layer(Random& random) { nn::Recurrent<Cell>({.input = 2, .hidden = 2}, random); }

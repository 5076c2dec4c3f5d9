// a cell has State step(const Variable<T>& projected, const State& state) const
#include <unroll/nn/nn.hpp>

using namespace unroll;

struct Cell : nn::Module<float> {
  using State = std::array<Variable<float>, 1>;
  Cell(const nn::CellSizes&, Random&) {}
  Variable<float> input(const Variable<float>& x) const { return x; }
  void step(const Variable<float>& projected, const State& state) const { tanh(projected + state[0]); }
};

void layer(Random& random) { nn::Recurrent<Cell>({.input = 2, .hidden = 2}, random); }

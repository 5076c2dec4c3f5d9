// a cell is made from (const nn::CellSizes&, Random&), or from (const nn::CellSizes&, const Options&, Random&)
#include <unroll/nn/nn.hpp>

using namespace unroll;

struct Cell : nn::Module<float> {
  using State = std::array<Variable<float>, 1>;
  explicit Cell(std::size_t) {}
  Variable<float> input(const Variable<float>& x) const { return x; }
  State step(const Variable<float>& projected, const State& state) const { return {tanh(projected + state[0])}; }
};

void layer(Random& random) { nn::Recurrent<Cell>({.input = 2, .hidden = 2}, random); }

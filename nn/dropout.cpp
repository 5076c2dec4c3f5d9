#include "nn/dropout.hpp"

#include "autograd/random.hpp"
#include "autograd/tape.hpp"

namespace unroll::nn {

template <class T>
Variable<T> dropout(const Variable<T>& x, double rate, const Axes& same_along) {
  require(0 <= rate && rate < 1, "dropout", "a rate of ", rate, "; it must be in [0, 1)");
  const Tape<T>* const tape = Tape<T>::innermost();
  if (rate == 0 || !tape || !tape->random()) return x;
  const Scope scope("dropout");
  const Variable<T> drawn = tape->random()->template uniform<T>(same_along.kept("dropout", x.shape()), 0, 1);
  return where(drawn < rate, 0, x * (1 / (1 - rate)));
}

template Variable<float> dropout(const Variable<float>&, double, const Axes&);
template Variable<double> dropout(const Variable<double>&, double, const Axes&);

}  // namespace unroll::nn

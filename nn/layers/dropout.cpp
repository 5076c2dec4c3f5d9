#include "dropout.hpp"

#include "../../autograd/instantiate.hpp"
#include "../../autograd/random.hpp"
#include "../../autograd/tape.hpp"

namespace unroll::nn {

template <class T> Variable<T> dropout(const Variable<T>& x, double rate, const Axes& same_along) {
  require(0 <= rate && rate < 1, "dropout", "a rate of ", rate, "; it must be in [0, 1)");
  Random* const random = Tape<T>::stream();
  if (rate == 0 || !random) return x;
  const Scope scope("dropout");
  const Variable<T> drawn = random->uniform<T>(same_along.kept("dropout", x.shape()), 0, 1);
  return where(drawn < rate, 0, x * (1 / (1 - rate)));
}

template <class T> Variable<T> zoneout(const Variable<T>& before, const Variable<T>& after, double rate) {
  require(0 <= rate && rate < 1, "zoneout", "a rate of ", rate, "; it must be in [0, 1)");
  require(before.shape() == after.shape(), "zoneout", "shape ", before.shape(), " before and ", after.shape(),
          " after; they must be equal");
  if (rate == 0) return after;
  const Scope scope("zoneout");
  Random* const random = Tape<T>::stream();
  if (!random) return rate * before + (1 - rate) * after;  // whose differences may be ∞ − ∞
  const Variable<T> drawn = random->uniform<T>(after.shape(), 0, 1);
  return where(drawn < rate, before, after);
}

extern const auto dropouts =
    unroll::detail::for_float_and_double([]<class T>() { return std::tuple(&dropout<T>, &zoneout<T>); });

}  // namespace unroll::nn

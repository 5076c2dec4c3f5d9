#include "dropout.hpp"

#include "../../autograd/random.hpp"
#include "../../autograd/tape.hpp"

namespace unroll::nn {

template <class T> Random* detail::stream() {
  const Tape<T>* const tape = Tape<T>::innermost();
  return tape ? tape->random() : nullptr;
}

template <class T>
Variable<T> detail::dropout(const Variable<T>& x, double rate, const Axes& same_along, Random* random) {
  require(0 <= rate && rate < 1, "dropout", "a rate of ", rate, "; it must be in [0, 1)");
  if (rate == 0 || !random) return x;
  const Scope scope("dropout");
  const Variable<T> drawn = random->uniform<T>(same_along.kept("dropout", x.shape()), 0, 1);
  return where(drawn < rate, 0, x * (1 / (1 - rate)));
}

template <class T>
Variable<T> detail::zoneout(const Variable<T>& before, const Variable<T>& after, double rate, Random* random) {
  require(0 <= rate && rate < 1, "zoneout", "a rate of ", rate, "; it must be in [0, 1)");
  require(before.shape() == after.shape(), "zoneout", "shape ", before.shape(), " before and ", after.shape(),
          " after; they must be equal");
  if (rate == 0) return after;
  const Scope scope("zoneout");
  if (!random) return rate * before + (1 - rate) * after;  // whose differences may be ∞ − ∞
  const Variable<T> drawn = random->uniform<T>(after.shape(), 0, 1);
  return where(drawn < rate, before, after);
}

template <class T> Variable<T> dropout(const Variable<T>& x, double rate, const Axes& same_along) {
  return detail::dropout(x, rate, same_along, detail::stream<T>());
}

template <class T> Variable<T> zoneout(const Variable<T>& before, const Variable<T>& after, double rate) {
  return detail::zoneout(before, after, rate, detail::stream<T>());
}

template Random* detail::stream<float>();
template Random* detail::stream<double>();
template Variable<float> detail::dropout(const Variable<float>&, double, const Axes&, Random*);
template Variable<double> detail::dropout(const Variable<double>&, double, const Axes&, Random*);
template Variable<float> detail::zoneout(const Variable<float>&, const Variable<float>&, double, Random*);
template Variable<double> detail::zoneout(const Variable<double>&, const Variable<double>&, double, Random*);
template Variable<float> dropout(const Variable<float>&, double, const Axes&);
template Variable<double> dropout(const Variable<double>&, double, const Axes&);
template Variable<float> zoneout(const Variable<float>&, const Variable<float>&, double);
template Variable<double> zoneout(const Variable<double>&, const Variable<double>&, double);

}  // namespace unroll::nn

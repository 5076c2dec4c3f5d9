// Random constants from the stream of the innermost tape, the one that dropout draws from. All throw on a tape without
// one, and without a tape.
#pragma once

#include "../random.hpp"
#include "../tape.hpp"
#include "ops.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

template <class T> Random& stream(const char* where) {
  Random* const random = Tape<T>::stream();
  require(random, where, "there are no random numbers; record on a tape that has some: Tape<T> tape(random)");
  return *random;
}

}  // namespace detail

/// Each element from N(mean, deviation²).   shape: as x
template <class T> Variable<T> normal_like(const Variable<T>& x, double mean = 0, double deviation = 1) {
  return detail::stream<T>("normal_like").template normal<T>(x.shape(), mean, deviation);
}
/// Each element from U(low, high).   shape: as x
template <class T> Variable<T> uniform_like(const Variable<T>& x, double low = 0, double high = 1) {
  return detail::stream<T>("uniform_like").template uniform<T>(x.shape(), low, high);
}
/// 1 with probability p, else 0.   shape: as p; throws where p is not in [0, 1]
template <class T> Variable<T> bernoulli(const Variable<T>& p) {
  for (const T each : p.value())
    require(0 <= each && each <= 1, "bernoulli", "a probability of ", each, "; it must be in [0, 1]");
  // A float of U(0, 1) may be 1, which is not less than p = 1.
  const Variable<double> u = detail::stream<T>("bernoulli").template uniform<double>(p.shape());
  return less(u, Variable<double>(p.value())).value();
}
/// An index k along an axis, which goes, with a probability proportional to e^(logits_k): Gumbel (1954). A NaN is
/// chosen before all others. Throws over nothing.
template <class T> Indices categorical(const Variable<T>& logits, Axis axis = -1) {
  const Variable<double> u = detail::stream<T>("categorical").template uniform<double>(logits.shape());
  return argmax(Variable<double>(logits.value()) - log(-log(u)), axis);
}

}  // namespace unroll

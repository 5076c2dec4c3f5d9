// Random constants from the stream of the innermost tape, the one that dropout draws from. All throw on a tape without
// one, and without a tape.
#pragma once

#include "ops.hpp"

namespace UNROLL_PUBLIC unroll {

/// Each element from N(mean, deviation²).   shape: as x
template <class T> Variable<T> normal_like(const Variable<T>& x, double mean = 0, double deviation = 1);
/// Each element from U(low, high).   shape: as x
template <class T> Variable<T> uniform_like(const Variable<T>& x, double low = 0, double high = 1);
/// 1 with probability p, else 0.   shape: as p; throws where p is not in [0, 1]
template <class T> Variable<T> bernoulli(const Variable<T>& p);
/// An index k along an axis, which goes, with a probability proportional to e^(logits_k): Gumbel (1954). A NaN is
/// chosen before all others. Throws over nothing.
template <class T> Indices categorical(const Variable<T>& logits, Axis axis = -1);

}  // namespace unroll

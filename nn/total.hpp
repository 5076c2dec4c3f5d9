#pragma once

#include <cstdint>

#include "../autograd/operations/ops.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The label of what has none, padding for instance; losses skip it.
inline constexpr std::int64_t ignored = -100;

/// A loss in two parts: a mean over uneven shards is the sum of their sums by the sum of their counts.
template <class T> struct Total {
  Variable<T> sum;   ///< ()
  double count = 0;  ///< what counted, weighted

  /// sum / count, or 0, with gradient 0, if nothing counted.
  Variable<T> mean() const { return count > 0 ? sum / count : where(0, sum, 0); }
};

/// The total of losses that have not been reduced: total(mean_squared_error(x, t, {.reduction = Reduction::none})).
template <class T> Total<T> total(const Variable<T>& losses) { return {sum(losses), double(losses.size())}; }

}  // namespace nn
}  // namespace unroll

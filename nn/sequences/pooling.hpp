#pragma once

#include "../../autograd/operations/ops.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The row of each sequence's last step; 0 for length 0. Throws where a length is not in [0, time].
/// shapes: (time, batch, size), (batch,) → (batch, size)
template <class T> Variable<T> last_step(const Variable<T>& x, const Indices& lengths);

/// The mean of the rows of each sequence; 0 for length 0. Padding may hold anything. Throws where last_step does.
/// shapes: (time, batch, size), (batch,) → (batch, size)
template <class T> Variable<T> mean_over_time(const Variable<T>& x, const Indices& lengths);

/// The final states of the last layer of a bidirectional network, side by side.
/// shape: (layers × 2, batch, hidden) → (batch, 2 × hidden)
template <class T> Variable<T> both_ends(const Variable<T>& h);

}  // namespace nn
}  // namespace unroll

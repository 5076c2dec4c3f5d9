#pragma once

#include <cstddef>
#include <cstdint>

#include "../../autograd/array.hpp"
#include "../../autograd/random.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Which tokens can be drawn, and how often.
struct SamplingOptions {
  double temperature = 1;  ///< 0 for the most likely token
  std::size_t top_k = 0;   ///< so many likely tokens only; 0 for all
  double top_p = 1;        ///< the most likely tokens that have this probability together: Holtzman et al. (2020)
};

/// Draws a token from softmax(scores / temperature), whose scores may have any shape: its number in their order. An
/// Error for scores that are NaN or ∞, or all of them −∞, and for options out of range.
template <class T> std::int64_t sample(const Array<T>& scores, const SamplingOptions& options, Random& random);

}  // namespace nn
}  // namespace unroll

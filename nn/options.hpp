// What numbers in options must be.
#pragma once

#include <limits>
#include <string_view>

#include "../autograd/error.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {
namespace detail {

/// Refuses what is negative, or not finite as a T.
template <class T = double> void require_not_negative(std::string_view where, std::string_view what, double given) {
  require(given >= 0 && given <= std::numeric_limits<T>::max(), where, what, " is ", given,
          "; it must be 0 or more, and finite");
}

/// Refuses what is no probability of leaving something out.
inline void require_rate(std::string_view where, std::string_view what, double given) {
  require(0 <= given && given < 1, where, what, " ", given, "; the rate must be in [0, 1)");
}

/// Refuses a course of learning rates that does not fall to 0 or more.
inline void require_falls(std::string_view where, double from, double to) {
  require(0 <= to && to <= from && from <= std::numeric_limits<double>::max(), where, "from ", from, " to ", to,
          "; the rate must fall, to 0 or more");
}

/// Refuses what is no weight of a mean that leaves some to the rest.
inline void require_mean_weight(std::string_view where, std::string_view what, double given) {
  require(0 <= given && given < 1, where, what, " is ", given, "; it must be in [0, 1)");
}

}  // namespace detail
}  // namespace nn
}  // namespace unroll

#pragma once

#include <cstddef>
#include <functional>

#include "../innermost.hpp"

namespace UNROLL_PUBLIC unroll {

/// Calls f(0), ..., f(count − 1) on this thread and others, `threads` of them in all, or one for each core if that is
/// 0. Matrix products inside run on one thread each, unless count is 1, and so does in_parallel inside of f. Returns
/// when all have ended; what the first of them threw, in the order of the numbers, is thrown then.
void in_parallel(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& f);

namespace detail {

/// While it lives, all that this thread calls runs on it alone: others have work of their own.
class SingleThreaded {
 public:
  /// Whether there is one on this thread.
  static bool here() { return Innermost<SingleThreaded>::object(); }

 private:
  Innermost<SingleThreaded> place_{this};
};

/// As many as OpenBLAS was given at the start, whose file says so; one within SingleThreaded.
std::size_t all_threads();

/// Calls f(begin, end) for each of `threads` parts of what is numbered from 0 to size; they begin at multiples of unit.
void in_parts(std::size_t size, std::size_t unit, std::size_t threads,
              const std::function<void(std::size_t, std::size_t)>& f);

}  // namespace detail
}  // namespace unroll

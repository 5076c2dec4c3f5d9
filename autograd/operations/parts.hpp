// Values that share the memory of others.
#pragma once

#include "../tape.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// x without gaps between its rows: x itself if there are none, else a recorded copy.
template <class T> Variable<T> contiguous(const Variable<T>& x);

/// What stands in the memory of x, `offset` elements from where x begins.
template <class T>
Variable<T> part_of(const Variable<T>& x, const Shape& shape, std::size_t offset, const Layout& layout);

}  // namespace detail
}  // namespace unroll

#pragma once

#include "kernels/buffer.hpp"
#include "xtensor.hpp"

namespace UNROLL_PUBLIC unroll {

/// The array type of all values: row-major, made from and read as any xtensor expression.
template <class T>
using Array = xt::xarray_container<detail::Buffer<T>, xt::layout_type::row_major, xt::dynamic_shape<std::size_t>>;

/// Tokens, labels, lengths.
using Indices = Array<std::int64_t>;

/// An array of this shape whose elements are not initialised.
template <class T>
Array<T> uninitialised(const Shape& shape) {
  shape.checked_elements();
  return Array<T>(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
}

}  // namespace unroll

namespace xt {
template <class X, class T>
struct rebind_container<X, unroll::detail::Buffer<T>> {
  using type = unroll::detail::Buffer<X>;
};
}  // namespace xt

// Values that share the memory of others, and values put together from parts: each is the other's derivative.
#pragma once

#include "../tape.hpp"

namespace UNROLL_PUBLIC unroll {

/// x in memory of its own.
template <class T>
Variable<T> packed_copy(const Variable<T>& x);

/// Adds row k of each x to row i_k of memory whose elements stand in runs.
template <class T>
void scatter_into(T* to, std::size_t run, std::size_t pitch, std::span<const RowTerm<T>> terms);

/// Adds Σ aᵀ b, as one product.
template <class T>
void add_products(Adjoint<T>& into, const std::vector<ProductTerm<T>>& terms);

/// x without gaps between its rows: x itself if there are none, else a recorded copy.
template <class T>
Variable<T> contiguous(const Variable<T>& x);

/// Another view of the memory of x, `offset` elements from where x begins.
template <class T>
Variable<T> part_of(const Variable<T>& x, const Shape& shape, std::size_t offset, std::size_t run, std::size_t pitch);

/// Zeros with values added at their parts of the memory.
template <class T>
Variable<T> assemble(const Shape& shape, const std::vector<std::pair<Part, Variable<T>>>& values);

}  // namespace unroll

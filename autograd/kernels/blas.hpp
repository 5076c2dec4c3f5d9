// The one place that calls BLAS.
#pragma once

#include <string>

#include "loops.hpp"
#include "threads.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// c = a b, or c += a b.   shapes: (m, k) (k, n) (m, n), and c is not transposed
template <class T>
void multiply_matrices(const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c, bool add);

/// b = aᵀ.   shapes: (m, n) (n, m), neither transposed
template <class T> void transpose_matrix(const Matrix<const T>& a, const Matrix<T>& b);

/// How many threads a product is worth: all for one of some hundred microseconds; smaller ones lose more by waiting for
/// each other than they gain, and lose it all where another program has a core.
std::size_t threads_for(std::size_t multiplications);

/// Which OpenBLAS this is, and which of its kernels it has chosen.
std::string about_blas();

}  // namespace detail
}  // namespace unroll

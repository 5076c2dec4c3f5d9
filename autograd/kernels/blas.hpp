// The one place that calls BLAS.
#pragma once

#include <cstddef>
#include <string>

#include "threads.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// A matrix in memory: rows of neighbouring elements, `pitch` apart.
template <class T> struct Matrix {
  T* data;
  std::size_t pitch;
};

/// c = a b, or c += a b.   shapes: (m, k) (k, n) (m, n), with a and b stored transposed on request
template <class T>
void multiply_matrices(std::size_t m, std::size_t n, std::size_t k, Matrix<const T> a, bool transposed_a,
                       Matrix<const T> b, bool transposed_b, Matrix<T> c, bool add);

/// b = aᵀ.   shapes: (m, n) (n, m)
template <class T> void transpose_matrix(std::size_t m, std::size_t n, Matrix<const T> a, Matrix<T> b);

/// How many threads a product is worth: all for one of some hundred microseconds; smaller ones lose more by waiting for
/// each other than they gain, and lose it all where another program has a core.
std::size_t threads_for(std::size_t multiplications);

/// Which OpenBLAS this is, and which of its kernels it has chosen.
std::string about_blas();

}  // namespace detail
}  // namespace unroll

#include "blas.hpp"

// This part of xtensor-blas declares cblas itself. Its cxxblas::gemm is not called: it becomes a scalar loop, without a
// word, where its headers are read in another order than they expect, as they do of themselves from 0.21 on.
#include <xflens/cxxblas/drivers/cblas.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "../error.hpp"
#include "../instantiate.hpp"
#include "traverse.hpp"
#include "vector_loops.hpp"

extern "C" {
int openblas_get_num_threads();
void openblas_set_num_threads(int threads);
char* openblas_get_config();
char* openblas_get_corename();
void cblas_somatcopy(int order, int operation, int m, int n, float factor, const float* a, int row_a, float* b,
                     int row_b);
void cblas_domatcopy(int order, int operation, int m, int n, double factor, const double* a, int row_a, double* b,
                     int row_b);
}

namespace unroll::detail {

namespace {

template <class T, class Single, class Double> constexpr auto version(Single single, Double twofold) {
  if constexpr (std::is_same_v<T, float>)
    return single;
  else
    return twofold;
}

template <class T> constexpr auto gemm = version<T>(cblas_sgemm, cblas_dgemm);
template <class T> constexpr auto gemv = version<T>(cblas_sgemv, cblas_dgemv);
template <class T> constexpr auto omatcopy = version<T>(cblas_somatcopy, cblas_domatcopy);

int size(std::size_t x) {
  constexpr int most = std::numeric_limits<int>::max();
  require(x <= most, "product of matrices", "a size of ", x, "; OpenBLAS takes at most ", most);
  return static_cast<int>(x);
}

// OpenBLAS's own threads would compete with those of in_parallel for the cores.
void use_one_thread() {
  all_threads();  // reads how many there are, first
  if (openblas_get_num_threads() > 1) openblas_set_num_threads(1);
}

}  // namespace

std::size_t all_threads() {
  static const auto given = static_cast<std::size_t>(openblas_get_num_threads());
  return SingleThreaded::here() ? 1 : given;
}

std::size_t threads_for(std::size_t multiplications) { return multiplications >> 24 ? all_threads() : 1; }

std::string about_blas() { return std::string(openblas_get_config()) + ", kernels for " + openblas_get_corename(); }

namespace {

constexpr std::size_t deep = 1024, in_a_row = 256;

// Whether the terms of an element of a vector c = a b stand one after the other in memory.
template <class T> bool along_rows(const Matrix<const T>& a, const Matrix<const T>& b) {
  return b.columns == 1 ? !a.transposed : b.transposed;
}

// How many terms of an element of c it adds up in its own way: products along rows go in several lanes, and those of
// large matrices in blocks; others add one term after the other.
template <class T> std::size_t deep_for(const Matrix<const T>& a, const Matrix<const T>& b) {
  constexpr std::size_t small = 1'000'000;  // multiplications, as OpenBLAS has it
  const bool vector = a.rows == 1 || b.columns == 1;
  return (vector ? along_rows(a, b) : a.rows * b.columns * a.columns > small) ? deep : in_a_row;
}

// c += a b for one row or one column c: products that are added up as all that is.
template <class T> void add_long_vector(const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c) {
  const bool inner_last = along_rows(a, b), column = c.columns == 1;
  const auto strided = [&](auto* data, std::size_t outer, std::size_t inner) {
    if (!inner_last) std::swap(outer, inner);
    return Strided<std::remove_pointer_t<decltype(data)>>{
        data, {static_cast<std::ptrdiff_t>(outer), static_cast<std::ptrdiff_t>(inner)}};
  };
  const Strided<const T> in[] = {strided(a.data, column ? a.down() : 0, a.along()),
                                 strided(b.data, column ? 0 : b.along(), b.down())};
  const std::size_t outer = column ? c.rows : c.columns, k = a.columns;
  traverse<T>(inner_last ? Shape{outer, k} : Shape{k, outer}, vector_loops<T>(functions::multiply).rules[0],
              &functions::multiply.a, in, strided(c.data, column ? c.down() : 1, 0), Write::add);
}

// c += a b, with so much of the inner size at a time; a few such products are added up in one part.
template <class T>
void add_in_parts(std::size_t most, const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c) {
  Parts<T> parts(c.rows * c.columns);
  for (std::size_t first = 0; first < a.columns; first += most) {
    if (first > 0 && first % (4 * most) == 0) parts.fold();
    const std::size_t count = std::min(most, a.columns - first);
    multiply_matrices<T>(a.columns_from(first, count), b.rows_from(first, count),
                         {parts.part(), c.rows, c.columns, c.columns}, true);
  }
  const T* const sum = parts.sum();
  for (std::size_t i = 0; i < c.rows; ++i)
    for (std::size_t j = 0; j < c.columns; ++j) c.data[i * c.pitch + j] += sum[i * c.columns + j];
}

}  // namespace

template <class T>
void multiply_matrices(const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c, bool add) {
  const std::size_t m = c.rows, n = c.columns, k = a.columns;
  if (m == 0 || n == 0) return;
  const bool vector = m == 1 || n == 1, long_vector = vector && k > (m == n ? some : deep);
  const std::size_t most = deep_for(a, b);
  if (k == 0 || k > most || long_vector) {
    for (std::size_t i = 0; i < m && !add; ++i) std::fill_n(c.data + i * c.pitch, n, T(0));
    if (k == 0) return;
    if (long_vector) return add_long_vector(a, b, c);
  }
  if (const std::size_t threads = threads_for(m * n * k); threads > 1) {
    constexpr std::size_t unit = 64;  // whole blocks of the kernels
    const bool by_rows = m > n;
    return in_parts(by_rows ? m : n, unit, threads, [&](std::size_t begin, std::size_t end) {
      const SingleThreaded alone_here;
      const std::size_t count = end - begin;
      if (by_rows)
        multiply_matrices(a.rows_from(begin, count), b, c.rows_from(begin, count), add);
      else
        multiply_matrices(a, b.columns_from(begin, count), c.columns_from(begin, count), add);
    });
  }
  if (k > most) return add_in_parts(most, a, b, c);
  use_one_thread();
  const T beta = add ? T(1) : T(0);
  const auto flag = [](bool transposed) { return transposed ? CblasTrans : CblasNoTrans; };
  if (m == 1) {
    // One row is several times faster as a product with a vector: c = bᵀ a.
    gemv<T>(CblasRowMajor, flag(!b.transposed), size(b.transposed ? n : k), size(b.transposed ? k : n), T(1), b.data,
            size(b.pitch), a.data, size(a.along()), beta, c.data, 1);
  } else if (n == 1) {
    gemv<T>(CblasRowMajor, flag(a.transposed), size(a.transposed ? k : m), size(a.transposed ? m : k), T(1), a.data,
            size(a.pitch), b.data, size(b.down()), beta, c.data, size(c.pitch));
  } else {
    gemm<T>(CblasRowMajor, flag(a.transposed), flag(b.transposed), size(m), size(n), size(k), T(1), a.data,
            size(a.pitch), b.data, size(b.pitch), beta, c.data, size(c.pitch));
  }
}

template <class T> void transpose_matrix(const Matrix<const T>& a, const Matrix<T>& b) {
  if (a.rows == 0 || a.columns == 0) return;
  omatcopy<T>(CblasRowMajor, CblasTrans, size(a.rows), size(a.columns), T(1), a.data, size(a.pitch), b.data,
              size(b.pitch));
}

extern const auto matrix_functions =
    for_float_and_double([]<class T>() { return std::tuple(&transpose_matrix<T>, &multiply_matrices<T>); });

}  // namespace unroll::detail

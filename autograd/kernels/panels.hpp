// Products of many rows by a weight: its columns are copied once, to panels that a kernel reads from front to back for
// some rows after the others.
#pragma once

#include <cstddef>
#include <utility>

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T>
struct Tensor;

/// c = start + a b; no start is zeros, and its rows may be one and the same.
/// shapes: a (m, k), b (k, n), start and c (m, n)
template <class T>
struct PanelProduct {
  std::size_t m, n, k;
  const T* a;
  std::size_t row_a;
  const T* panels;  // of b
  const T* start;
  std::size_t row_start;
  T* c;
  std::size_t row_c;
};

/// The kernels for one size of vector registers. A panel has `columns` columns, row after row; the last one has half of
/// them if that is enough, and zeros beyond the last column.
template <class T>
struct PanelKernels {
  std::size_t columns;
  /// Copies columns of a weight whose rows are `row` apart, or those of its transpose.   shape of the panels: (k, n)
  void (*pack)(std::size_t n, std::size_t k, const T* weight, std::size_t row, bool transposed, T* panels);
  void (*multiply)(const PanelProduct<T>& product);
};

template <class T, int bytes>
const PanelKernels<T>& panel_kernels_for();

/// The kernels for this processor.
template <class T>
const PanelKernels<T>& panel_kernels();

/// While it lives, this thread multiplies by the same parameters again and again, and keeps their panels.
class RepeatedProducts {
 public:
  RepeatedProducts() : outer_(std::exchange(here_, true)) {}
  ~RepeatedProducts() { here_ = outer_; }
  RepeatedProducts(const RepeatedProducts&) = delete;
  /// Whether there is one on this thread.
  static bool here() { return here_; }

 private:
  static inline constinit thread_local bool here_ = false;
  const bool outer_;
};

/// Runs a product by a parameter (k, n), or by its transpose, on as many threads as it is worth. Where they are kept,
/// the panels stay with the parameter until it changes; else each is made when it is read.
template <class T>
void multiply_by_panels(PanelProduct<T> product, const Tensor<T>& weight, bool transposed, bool keep);

}  // namespace unroll

// What multiplies by panels: its file is compiled once for each instruction set, like vector_loops.cpp.
#pragma once

#include "loops.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// c = start + a b; no start is zeros, and its rows may be one and the same.
/// shapes: a (m, k), b (k, n), start and c (m, n)
template <class T> struct PanelProduct {
  Matrix<const T> a;
  const T* panels;  // of b
  Matrix<const T> start;
  Matrix<T> c;
};

/// The kernels for one size of vector registers. A panel has `columns` columns, row after row; the last one has half of
/// them if that is enough, and zeros beyond the last column.
template <class T> struct PanelKernels {
  std::size_t columns;
  /// Copies columns of a weight.
  void (*pack)(const Matrix<const T>& weight, T* panels);
  void (*multiply)(const PanelProduct<T>& product);
};

template <class T, int bytes> const PanelKernels<T>& panel_kernels_for();

/// The kernels for this processor.
template <class T> const PanelKernels<T>& panel_kernels();

}  // namespace detail
}  // namespace unroll

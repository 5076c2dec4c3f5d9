// Vector kernels: compiled once for each instruction set, chosen while the program runs.
#pragma once

#include "../functions/functions.hpp"
#include "loops.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

template <class T> struct Kernels { Loops<T> loops[functions::Vectorised::size]; };

/// The kernels for vector registers of this many bytes.
template <class T, int bytes> const Kernels<T>& kernels_for();

/// The kernels for this processor.
template <class T> const Kernels<T>& kernels();

/// The loops of a function of the library.
template <class T, class F> const Loops<T>& vector_loops(const F&) {
  return kernels<T>().loops[functions::Vectorised::index_of<F>()];
}

}  // namespace detail
}  // namespace unroll

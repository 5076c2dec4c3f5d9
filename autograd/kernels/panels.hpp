// Products of many rows by a weight: its columns are copied once, to panels that a kernel reads from front to back for
// some rows after the others.
#pragma once

#include <atomic>

#include "memory.hpp"
#include "panel_kernel.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// Runs a product by a weight (k, n) on as many threads as it is worth. The panels are kept, if
/// there is a place for them, until who has it lets them go; else each is made when it is read.
template <class T>
void multiply_by_panels(PanelProduct<T> product, const Matrix<const T>& weight, std::atomic<Block*>* kept);

}  // namespace detail
}  // namespace unroll

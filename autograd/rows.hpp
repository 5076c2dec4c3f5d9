// Rows of a table, by their indices: the gradient of a table has no others but those that were taken.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "variable.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

template <class T> struct Rows {
  Variable<T> values;  // of the indices' shape and then that of a row
  std::shared_ptr<const Indices> indices;
};

/// Adds to the rows of a table.
template <class T> void add_rows(const View<T>& table, std::span<const Rows<T>> terms);

/// The sum, in which each row stands once and in order.     `row` is the shape of a row
template <class T> Rows<T> sum_of_rows(const Shape& row, std::span<const Rows<T>> terms);

}  // namespace detail
}  // namespace unroll

#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <ostream>
#include <utility>

#include "error.hpp"

namespace UNROLL_PUBLIC unroll {

class Shape;
/// Prints as (3, 4).
std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// The sizes of an array along its axes, held inline; at most Shape::most axes.
class Shape {
 public:
  using value_type = std::size_t;
  using size_type = std::size_t;
  static constexpr std::size_t most = 6;
  static constexpr std::size_t most_elements = std::size_t(1) << 59;  ///< of 8 bytes, in half of what can be addressed

  Shape() = default;
  Shape(std::initializer_list<std::size_t> sizes) : Shape(sizes.begin(), sizes.end()) {}
  template <class Range>
  requires std::integral<typename Range::value_type> &&
      (!requires(const Range& array) { array.dimension(); })Shape(const Range& sizes)
      : Shape(sizes.begin(), sizes.end()) {}
  template <std::input_iterator Iterator>
  Shape(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(static_cast<std::size_t>(*first));
  }

  std::size_t size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::size_t* begin() { return sizes_.data(); }
  std::size_t* end() { return sizes_.data() + rank_; }
  const std::size_t* begin() const { return sizes_.data(); }
  const std::size_t* end() const { return sizes_.data() + rank_; }
  std::size_t& operator[](std::size_t axis) { return sizes_[axis]; }
  std::size_t operator[](std::size_t axis) const { return sizes_[axis]; }
  std::size_t& back() { return sizes_[rank_ - 1]; }
  std::size_t back() const { return sizes_[rank_ - 1]; }
  void push_back(std::size_t size) {
    require(rank_ < most, "shape", "more than ", most, " axes; at most ", most, " are supported");
    sizes_[rank_++] = size;
  }
  void insert(std::size_t axis, std::size_t size) {
    push_back(size);
    for (std::size_t k = rank_ - 1; k > axis; --k) std::swap(sizes_[k], sizes_[k - 1]);
  }
  void erase(std::size_t axis) {
    for (std::size_t k = axis; k + 1 < rank_; ++k) sizes_[k] = sizes_[k + 1];
    --rank_;
  }

  /// The product of the sizes of the axes first, ..., last - 1.
  std::size_t product(std::size_t first, std::size_t last) const {
    std::size_t n = 1;
    for (std::size_t k = first; k < last; ++k) n *= sizes_[k];
    return n;
  }
  std::size_t elements() const { return product(0, rank_); }
  /// The same for a shape to be given memory: throws where that, or the memory of its rows if one size is 0, cannot be.
  std::size_t checked_elements() const {
    std::size_t n = 1;
    double bound = 1;  // which does not wrap
    for (std::size_t k = 0; k < rank_; ++k) {
      n *= sizes_[k];
      bound *= double(sizes_[k] ? sizes_[k] : 1);
    }
    require(bound <= double(most_elements), "shape", *this, " has more elements than memory can hold; at most ",
            most_elements);
    return n;
  }
  /// The index along each axis of the k-th element in row-major order.
  Shape position(std::size_t k) const {
    Shape index = *this;
    for (std::size_t axis = rank_; axis-- > 0; k /= sizes_[axis]) index[axis] = k % sizes_[axis];
    return index;
  }

  friend bool operator==(const Shape& a, const Shape& b) {
    bool same = a.rank_ == b.rank_;
    for (std::size_t k = 0; same && k < a.rank_; ++k) same = a.sizes_[k] == b.sizes_[k];
    return same;
  }

 private:
  std::array<std::size_t, most> sizes_{};
  std::size_t rank_ = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (std::size_t k = 0; k < shape.size(); ++k) out << (k ? ", " : "") << shape[k];
  return out << (shape.size() == 1 ? ",)" : ")");
}

}  // namespace unroll

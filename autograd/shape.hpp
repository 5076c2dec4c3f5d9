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

/// The sizes of an array along its axes, held inline; at most Shape::most axes.
class Shape {
 public:
  static constexpr std::size_t most = 6;                              ///< axes
  static constexpr std::size_t most_elements = std::size_t(1) << 59;  ///< of 8 bytes, in half of what can be addressed

  ///@{
  /// As a std::vector's.
  using value_type = std::size_t;
  using size_type = std::size_t;
  Shape() = default;
  Shape(std::initializer_list<std::size_t> sizes) : Shape(sizes.begin(), sizes.end()) {}
  template <class Range>
  requires std::integral<typename Range::value_type> &&
      (!requires(const Range& array) { array.dimension(); })Shape(const Range& sizes)
      : Shape(sizes.begin(), sizes.end()) {}
  template <std::input_iterator Iterator> Shape(Iterator first, Iterator last) {
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
  ///@}

  /// The product of the sizes of the axes first, ..., last - 1.
  std::size_t product(std::size_t first, std::size_t last) const {
    std::size_t n = 1;
    for (std::size_t k = first; k < last; ++k) n *= sizes_[k];
    return n;
  }
  /// The product of all sizes; 1 without axes.
  std::size_t elements() const { return product(0, rank_); }
  /// The same for a shape to be given memory: throws where that, or the memory of its rows if one size is 0, cannot be.
  std::size_t checked_elements(std::string_view where = "shape") const {
    std::size_t n = 1;
    double bound = 1;  // which does not wrap
    for (std::size_t k = 0; k < rank_; ++k) {
      n *= sizes_[k];
      bound *= double(sizes_[k] ? sizes_[k] : 1);
    }
    require(bound <= double(most_elements), where, *this, " has more elements than memory can hold; at most ",
            most_elements);
    return n;
  }
  /// The index along each axis of the k-th element in row-major order.
  Shape position(std::size_t k) const {
    Shape index = *this;
    for (std::size_t axis = rank_; axis-- > 0; k /= sizes_[axis]) index[axis] = k % sizes_[axis];
    return index;
  }

  /// Whether both have as many axes, of the same sizes.
  friend bool operator==(const Shape& a, const Shape& b) {
    bool same = a.rank_ == b.rank_;
    for (std::size_t k = 0; same && k < a.rank_; ++k) same = a.sizes_[k] == b.sizes_[k];
    return same;
  }

 private:
  std::array<std::size_t, most> sizes_{};
  std::size_t rank_ = 0;
};

namespace detail {

/// Where the elements of an array stand in memory, in row-major order: in runs of `run` neighbours, `pitch` apart. A
/// run is the product of the last sizes of the shape, one at least. Two columns of a matrix (3, 4), run 2 and pitch 4:
///
///     . a b .   . c d .   . e f .
struct Layout {
  std::size_t run, pitch;

  Layout() = default;
  explicit Layout(std::size_t elements) : run(elements), pitch(elements) {}
  /// Runs without gaps between them are one.
  Layout(std::size_t elements, std::size_t run_length, std::size_t distance)
      : run(run_length == distance || run_length >= elements ? elements : run_length),
        pitch(run == elements ? elements : distance) {}

  bool gapless() const { return run == pitch; }
  /// Where the k-th element stands: how far apart neighbours are along an axis whose index steps over k elements.
  std::size_t at(std::size_t k) const { return k < run || run == 0 ? k : k / run * pitch + k % run; }
};

/// An array in memory. Both must live as long.
template <class T> struct View {
  T* data;
  const Shape* shape;
  Layout layout;
};

}  // namespace detail

/// Prints as (3, 4).
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (std::size_t k = 0; k < shape.size(); ++k) out << (k ? ", " : "") << shape[k];
  return out << (shape.size() == 1 ? ",)" : ")");
}

/// The common shape of arrays that broadcast together: shapes are aligned at their last axes, and a size of 1 repeats.
/// Throws in the name of `where` if they do not.
inline Shape broadcast(std::string_view where, const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape common = longer;
  for (std::size_t k = 1; k <= shorter.size(); ++k) {
    std::size_t& size = common[longer.size() - k];
    const std::size_t other = shorter[shorter.size() - k];
    require(size == other || size == 1 || other == 1, where, a, " and ", b, " do not broadcast: the sizes ",
            a[a.size() - k], " and ", b[b.size() - k], " differ and neither is 1");
    if (size == 1) size = other;
  }
  return common;
}

}  // namespace unroll

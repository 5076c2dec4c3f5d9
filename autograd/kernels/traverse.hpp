#pragma once

#include <span>

#include "../shape.hpp"
#include "buffer.hpp"
#include "loops.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// Memory seen through the distance between neighbours along each axis.
template <class T> struct Strided {
  T* data;
  std::array<std::ptrdiff_t, Shape::most> strides;
};

/// x as it looks when it is broadcast to a shape: distance 0 along the axes that are repeated.
template <class T> Strided<T> strided(const View<T>& x, const Shape& shape);

/// The operands of an elementwise function.
template <class T> struct Inputs {
  std::size_t count = 0;
  std::array<View<const T>, most_operands> views;

  /// Whether all have this shape and no gaps, so that one loop runs through them.
  bool dense(const Shape& shape) const {
    bool all = true;
    for (std::size_t k = 0; k < count; ++k)
      all = all && views[k].layout.gapless() && (views[k].shape == &shape || *views[k].shape == shape);
    return all;
  }
  /// The shape to which they broadcast.
  Shape common_shape(const char* where) const {
    Shape shape = *views[0].shape;
    for (std::size_t k = 1; k < count; ++k)
      if (!(shape == *views[k].shape)) shape = broadcast(where, shape, *views[k].shape);
    return shape;
  }
};

/// Arrays that are added up: few of them one after the other into a part, and the parts without loss.
template <class T> class Parts {
 public:
  explicit Parts(std::size_t size) : size_(size), memory_(3 * size, T(0)) {}
  /// Zeros, to be added to.
  T* part() { return memory_.data(); }
  /// Adds an array to the part, and folds where it has few of them.
  void add(const T* x);
  /// Takes the part into the sum, and begins another one.
  void fold();
  /// Folds; the sum of all.
  const T* sum();

 private:
  const std::size_t size_;
  std::size_t terms_ = 0;  // of the part
  Buffer<T> memory_;       // a part, the sum, and what it has lost
};

/// Runs a loop on several threads.
template <class T>
void run_in_parts(Loop<T> loop, const void* function, std::size_t rows, std::size_t columns,
                  std::span<const Stream<const T>> in, const Stream<T>& out, Write write);

/// Runs a loop, a long one on as many threads as it is worth.
template <class T>
void run_loop(Loop<T> loop, const void* function, std::size_t rows, std::size_t columns,
              std::span<const Stream<const T>> in, const Stream<T>& out, Write write) {
  constexpr std::size_t many = 1 << 18;  // elements
  if (rows * columns < many) return loop(function, rows, columns, in.data(), out, write);
  run_in_parts(loop, function, rows, columns, in, out, write);
}

/// The same over arrays without gaps, of n elements.
template <class T>
void run_dense(Loop<T> loop, const void* function, std::size_t n, const Inputs<T>& in, T* out, Write write) {
  Stream<const T> streams[most_operands];
  for (std::size_t k = 0; k < in.count; ++k) streams[k] = {in.views[k].data, 0, 1};
  run_loop<T>(loop, function, 1, n, {streams, in.count}, {out, 0, 1}, write);
}

/// Runs a loop over a shape. Where `out` repeats an element, it must be added to or take the maximum.
template <class T>
void traverse(const Shape& shape, Loop<T> loop, const void* function, std::span<const Strided<const T>> in,
              Strided<T> out, Write write);
/// The same over arrays that broadcast to it.
template <class T>
void traverse(const Shape& shape, Loop<T> loop, const void* function, const Inputs<T>& in, const View<T>& out,
              Write write);

}  // namespace detail
}  // namespace unroll

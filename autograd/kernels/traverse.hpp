#pragma once

#include <span>

#include "../variable.hpp"
#include "loops.hpp"

namespace UNROLL_PUBLIC unroll {

/// Memory seen as an array: runs of `run` neighbouring elements, `pitch` apart.
template <class T>
struct View {
  T* data;
  Shape shape;
  std::size_t run, pitch;

  std::size_t stride(std::size_t elements) const { return unroll::stride(elements, run, pitch); }
};

template <class T>
View<const T> view(const Variable<T>& x) {
  const Tensor<T>& tensor = x.tensor();
  return {tensor.data(), tensor.shape, tensor.run, tensor.pitch};
}

/// Memory seen through the distance between neighbours along each axis.
template <class T>
struct Strided {
  T* data;
  std::array<std::ptrdiff_t, Shape::most> strides;
};

/// x as it looks when it is broadcast to a shape: distance 0 along the axes that are repeated.
template <class T>
Strided<T> strided(const View<T>& x, const Shape& shape);

/// The common shape of arrays that broadcast together; throws in the name of `where` if they do not.
Shape broadcast(std::string_view where, const Shape& a, const Shape& b);

/// Arrays that are added up: few of them one after the other into a part, and the parts without loss.
template <class T>
class Parts {
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

/// Runs a loop over a shape. Where `out` repeats an element, it must be added to or take the maximum.
template <class T>
void traverse(const Shape& shape, Loop<T> loop, const void* function, std::span<const Strided<const T>> in,
              Strided<T> out, Write write);

}  // namespace unroll

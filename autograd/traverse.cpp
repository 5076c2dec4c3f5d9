#include "traverse.hpp"

#include <algorithm>

#include "blas.hpp"
#include "parallel.hpp"

namespace unroll {

Shape broadcast(std::string_view where, const Shape& a, const Shape& b) {
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

template <class T>
Strided<T> strided(const View<T>& x, const Shape& shape) {
  Strided<T> result{x.data, {}};
  const std::size_t offset = shape.size() - x.shape.size();
  std::size_t elements = 1;
  for (std::size_t k = x.shape.size(); k-- > 0;) {
    if (x.shape[k] != 1) result.strides[offset + k] = static_cast<std::ptrdiff_t>(x.stride(elements));
    elements *= x.shape[k];
  }
  return result;
}

namespace {

// Rows of a loop some of whose operands step by neither 0 nor 1: those are copied to and from short buffers.
template <class T>
void run_scattered(Loop<T> loop, const void* function, std::size_t rows, std::size_t columns,
                   std::span<Stream<const T>> in, const Stream<T>& out, Write write) {
  constexpr std::size_t length = 256;
  T buffers[most_operands][length];
  T results[length];
  const auto at = [](auto* data, std::ptrdiff_t step, std::size_t j) {
    return data + static_cast<std::ptrdiff_t>(j) * step;
  };
  const bool direct = out.step == 0 || out.step == 1;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t begin = 0; begin < columns; begin += length) {
      const std::size_t count = std::min(length, columns - begin);
      Stream<const T> part[most_operands];
      for (std::size_t k = 0; k < in.size(); ++k) {
        const T* from = at(at(in[k].data, in[k].row, i), in[k].step, begin);
        part[k] = {from, 0, in[k].step};
        if (in[k].step == 0 || in[k].step == 1) continue;
        for (std::size_t j = 0; j < count; ++j) buffers[k][j] = *at(from, in[k].step, j);
        part[k] = {buffers[k], 0, 1};
      }
      T* to = at(at(out.data, out.row, i), out.step, begin);
      if (direct) {
        loop(function, 1, count, part, {to, 0, out.step}, write);
        continue;
      }
      for (std::size_t j = 0; j < count; ++j) results[j] = *at(to, out.step, j);
      loop(function, 1, count, part, {results, 0, 1}, write);
      for (std::size_t j = 0; j < count; ++j) *at(to, out.step, j) = results[j];
    }
  }
}

}  // namespace

template <class T>
void run_in_parts(Loop<T> loop, const void* function, std::size_t rows, std::size_t columns,
                  std::span<const Stream<const T>> in, const Stream<T>& out, Write write) {
  constexpr std::size_t unit = 64;  // columns: whole vectors and cache lines
  const bool by_rows = rows > 1 && out.row != 0;
  if (!by_rows && !out.step) return loop(function, rows, columns, in.data(), out, write);
  in_parts(by_rows ? rows : columns, by_rows ? 1 : unit, all_threads(), [&](std::size_t begin, std::size_t end) {
    const auto from = [&](auto stream) {
      stream.data += static_cast<std::ptrdiff_t>(begin) * (by_rows ? stream.row : stream.step);
      return stream;
    };
    Stream<const T> part[most_operands];
    std::transform(in.begin(), in.end(), part, from);
    loop(function, by_rows ? end - begin : rows, by_rows ? columns : end - begin, part, from(out), write);
  });
}

template <class T>
void traverse(const Shape& shape, Loop<T> loop, const void* function, std::span<const Strided<const T>> in,
              Strided<T> out, Write write) {
  // Axes of size 1 are dropped, and neighbours that every operand passes through in one stride become one.
  std::size_t sizes[Shape::most + 2] = {1, 1};
  std::ptrdiff_t steps[Shape::most + 2][most_operands + 1] = {};
  std::size_t axes = 2;
  const std::size_t n = in.size();
  const auto stride = [&](std::size_t k, std::size_t axis) { return k < n ? in[k].strides[axis] : out.strides[axis]; };
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::size_t size = shape[axis];
    if (size == 0) return;
    if (size == 1) continue;
    bool joins = axes > 2;
    for (std::size_t k = 0; joins && k <= n; ++k)
      joins = steps[axes - 1][k] == stride(k, axis) * static_cast<std::ptrdiff_t>(size);
    if (!joins) sizes[axes++] = 1;
    sizes[axes - 1] *= size;
    for (std::size_t k = 0; k <= n; ++k) steps[axes - 1][k] = stride(k, axis);
  }
  const std::size_t row = axes - 2, column = axes - 1;
  if (axes == 2)  // a single element
    for (std::size_t k = 0; k <= n; ++k) steps[column][k] = 1;

  bool scattered = false;
  for (std::size_t k = 0; k <= n; ++k) scattered |= steps[column][k] != 0 && steps[column][k] != 1;
  std::size_t position[Shape::most + 2] = {};
  Stream<const T> streams[most_operands];
  for (std::size_t k = 0; k < n; ++k) streams[k] = {in[k].data, steps[row][k], steps[column][k]};
  Stream<T> target{out.data, steps[row][n], steps[column][n]};
  while (true) {
    if (scattered)
      run_scattered<T>(loop, function, sizes[row], sizes[column], {streams, n}, target, write);
    else
      run_loop<T>(loop, function, sizes[row], sizes[column], {streams, n}, target, write);
    std::size_t axis = row;
    while (axis-- > 0) {
      const bool wraps = ++position[axis] == sizes[axis];
      const auto move = wraps ? 1 - static_cast<std::ptrdiff_t>(sizes[axis]) : 1;
      for (std::size_t k = 0; k < n; ++k) streams[k].data += move * steps[axis][k];
      target.data += move * steps[axis][n];
      if (!wraps) break;
      position[axis] = 0;
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

template Strided<const float> strided(const View<const float>&, const Shape&);
template Strided<const double> strided(const View<const double>&, const Shape&);
template Strided<float> strided(const View<float>&, const Shape&);
template Strided<double> strided(const View<double>&, const Shape&);
template void run_in_parts(Loop<float>, const void*, std::size_t, std::size_t, std::span<const Stream<const float>>,
                           const Stream<float>&, Write);
template void traverse(const Shape&, Loop<float>, const void*, std::span<const Strided<const float>>, Strided<float>,
                       Write);
template void run_in_parts(Loop<double>, const void*, std::size_t, std::size_t, std::span<const Stream<const double>>,
                           const Stream<double>&, Write);
template void traverse(const Shape&, Loop<double>, const void*, std::span<const Strided<const double>>, Strided<double>,
                       Write);

}  // namespace unroll

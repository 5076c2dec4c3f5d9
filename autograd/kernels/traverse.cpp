#include "traverse.hpp"

#include <algorithm>

#include "../instantiate.hpp"
#include "threads.hpp"
#include "vector_loops.hpp"

namespace unroll::detail {

template <class T> Strided<T> strided(const View<T>& x, const Shape& shape) {
  Strided<T> result{x.data, {}};
  const Shape& own = *x.shape;
  const std::size_t offset = shape.size() - own.size();
  std::size_t elements = 1;
  for (std::size_t k = own.size(); k-- > 0;) {
    if (own[k] != 1) result.strides[offset + k] = static_cast<std::ptrdiff_t>(x.layout.at(elements));
    elements *= own[k];
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
  const bool adds_up = write == Write::add && out.step == 0, direct = out.step == 0 || out.step == 1;
  for (std::size_t i = 0; i < rows; ++i) {
    Compensated<T> total{};
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
      if (adds_up) {
        T sum = 0;
        loop(function, 1, count, part, {&sum, 0, 0}, write);
        total += sum;
        continue;
      }
      if (direct) {
        loop(function, 1, count, part, {to, 0, out.step}, write);
        continue;
      }
      for (std::size_t j = 0; j < count; ++j) results[j] = *at(to, out.step, j);
      loop(function, 1, count, part, {results, 0, 1}, write);
      for (std::size_t j = 0; j < count; ++j) *at(to, out.step, j) = results[j];
    }
    if (adds_up) *at(out.data, out.row, i) += total.sum;
  }
}

// Loops within each other; the last two are the rows and columns of a Loop.
struct Nest {
  struct Level {
    std::size_t size;
    std::array<std::ptrdiff_t, most_operands + 1> steps;  // of the operands, then of the result
  };
  std::array<Level, Shape::most + 3> levels;
  std::size_t depth = 0;

  Nest() {
    append();
    append();
  }
  void append() { levels[depth++] = {1, {}}; }

  Level& last(std::size_t k = 0) { return levels[depth - 1 - k]; }
  bool scattered(std::size_t operands) const {
    const auto& steps = levels[depth - 1].steps;
    return std::any_of(steps.begin(), steps.begin() + operands + 1, [](auto step) { return step != 0 && step != 1; });
  }
};

template <class T> struct Traversal {
  Loop<T> loop;
  const void* function;
  std::size_t operands;
  Write write;

  void run(const Nest& nest, const T* const* in, T* out) const {
    const std::size_t row = nest.depth - 2, column = nest.depth - 1;
    const auto& levels = nest.levels;
    std::size_t repeats = 1;  // of an element of the result, by the loops around
    for (std::size_t k = 0; k < row; ++k) repeats *= levels[k].steps[operands] ? 1 : levels[k].size;
    if (repeats > few && write == Write::add) return add_parts(nest, in, out, repeats);

    const bool scattered = nest.scattered(operands);
    std::array<std::size_t, Shape::most + 3> position{};
    Stream<const T> streams[most_operands];
    for (std::size_t k = 0; k < operands; ++k) streams[k] = {in[k], levels[row].steps[k], levels[column].steps[k]};
    Stream<T> target{out, levels[row].steps[operands], levels[column].steps[operands]};
    while (true) {
      if (scattered)
        run_scattered<T>(loop, function, levels[row].size, levels[column].size, {streams, operands}, target, write);
      else
        run_loop<T>(loop, function, levels[row].size, levels[column].size, {streams, operands}, target, write);
      std::size_t k = row;
      while (k-- > 0) {
        const bool wraps = ++position[k] == levels[k].size;
        const auto move = wraps ? 1 - static_cast<std::ptrdiff_t>(levels[k].size) : 1;
        for (std::size_t i = 0; i < operands; ++i) streams[i].data += move * levels[k].steps[i];
        target.data += move * levels[k].steps[operands];
        if (!wraps) break;
        position[k] = 0;
      }
      if (k == static_cast<std::size_t>(-1)) return;
    }
  }

  // Takes the outermost loop that comes back to the same elements apart.
  void add_parts(const Nest& nest, const T* const* in, T* out, std::size_t repeats) const {
    const auto& levels = nest.levels;
    std::size_t outer = 0;
    while (levels[outer].steps[operands] || levels[outer].size == 1) ++outer;
    Nest inner = nest, result;
    while (result.depth + 1 < nest.depth) result.append();
    std::copy(levels.begin() + outer + 1, levels.begin() + nest.depth, inner.levels.begin() + outer);
    --inner.depth;
    std::size_t size = 1;
    for (std::size_t k = inner.depth; k-- > 0;) {
      std::ptrdiff_t& step = inner.levels[k].steps[operands];
      if (!step) continue;
      result.levels[k] = {inner.levels[k].size, {static_cast<std::ptrdiff_t>(size), step}};
      step = static_cast<std::ptrdiff_t>(size);
      size *= inner.levels[k].size;
    }
    Parts<T> parts(size);
    const T* from[most_operands];
    std::copy_n(in, operands, from);
    const std::size_t together = std::max<std::size_t>(few * levels[outer].size / repeats, 1);
    for (std::size_t i = 1; i <= levels[outer].size; ++i) {
      run(inner, from, parts.part());
      for (std::size_t k = 0; k < operands; ++k) from[k] += levels[outer].steps[k];
      if (i % together == 0) parts.fold();
    }
    const T* const sum = parts.sum();
    Traversal{vector_loops<T>(functions::copy).value, &functions::copy.value, 1, Write::add}.run(result, &sum, out);
  }
};

}  // namespace

template <class T> void Parts<T>::add(const T* x) {
  T* const part = memory_.data();
  for (std::size_t j = 0; j < size_; ++j) part[j] += x[j];
  if (++terms_ == few) fold();
}

template <class T> void Parts<T>::fold() {
  terms_ = 0;
  T *const part = memory_.data(), *const sum = part + size_, *const lost = sum + size_;
  for (std::size_t j = 0; j < size_; ++j) {
    Compensated<T> total{sum[j], lost[j]};
    total += part[j];
    sum[j] = total.sum;
    lost[j] = total.lost;
    part[j] = T(0);
  }
}

template <class T> const T* Parts<T>::sum() {
  fold();
  return memory_.data() + size_;
}

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
  Nest nest;
  const std::size_t n = in.size();
  const auto stride = [&](std::size_t k, std::size_t axis) { return k < n ? in[k].strides[axis] : out.strides[axis]; };
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::size_t size = shape[axis];
    if (size == 0) return;
    if (size == 1) continue;
    bool joins = nest.depth > 2;
    for (std::size_t k = 0; joins && k <= n; ++k)
      joins = nest.last().steps[k] == stride(k, axis) * static_cast<std::ptrdiff_t>(size);
    if (!joins) nest.append();
    nest.last().size *= size;
    for (std::size_t k = 0; k <= n; ++k) nest.last().steps[k] = stride(k, axis);
  }
  if (nest.depth == 2) nest.last().steps.fill(1);  // a single element
  if (write == Write::add && !nest.last(1).steps[n] && nest.scattered(n)) {
    // A row at a time is what run_scattered copies.
    nest.append();
    std::swap(nest.last(), nest.last(1));
  }
  const T* data[most_operands];
  for (std::size_t k = 0; k < n; ++k) data[k] = in[k].data;
  Traversal<T>{loop, function, n, write}.run(nest, data, out.data);
}

template <class T>
void traverse(const Shape& shape, Loop<T> loop, const void* function, const Inputs<T>& in, const View<T>& out,
              Write write) {
  std::array<Strided<const T>, most_operands> from;
  for (std::size_t k = 0; k < in.count; ++k) from[k] = strided(in.views[k], shape);
  traverse<T>(shape, loop, function, std::span(from.data(), in.count), strided(out, shape), write);
}

template class Parts<float>;
template class Parts<double>;
extern const auto traversals = for_float_and_double([]<class T>() {
  using Strides = void(const Shape&, Loop<T>, const void*, std::span<const Strided<const T>>, Strided<T>, Write);
  using Views = void(const Shape&, Loop<T>, const void*, const Inputs<T>&, const View<T>&, Write);
  return std::tuple(&strided<const T>, &strided<T>, &run_in_parts<T>, static_cast<Strides*>(traverse),
                    static_cast<Views*>(traverse));
});

}  // namespace unroll::detail

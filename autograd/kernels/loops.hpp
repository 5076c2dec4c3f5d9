// The loops that run elementwise functions over memory. The files of vector kernels include this, so it instantiates
// nothing of the standard library.
#pragma once

#include <cstddef>

#include "../functions/function.hpp"

namespace UNROLL_PUBLIC unroll {

template <class X> constexpr X select(bool condition, const X& a, const X& b);

namespace detail {

/// Of a loop: a rule may get g, the result and three operands.
inline constexpr std::size_t most_operands = 5;

/// One operand of a loop: `row` elements from row to row, and along a row a step of 1, or of 0 for one value.
template <class T> struct Stream {
  T* data;
  std::ptrdiff_t row;
  std::ptrdiff_t step;
};

/// A matrix in memory: rows of neighbouring elements, `pitch` apart; or the transpose of what stands there so.
template <class T> struct Matrix {
  T* data;
  std::size_t rows, columns, pitch;
  bool transposed = false;

  /// How far apart the elements of a column are, and those of a row.
  std::size_t down() const { return transposed ? 1 : pitch; }
  std::size_t along() const { return transposed ? pitch : 1; }
  /// So many rows or columns from one on.
  Matrix rows_from(std::size_t first, std::size_t count) const {
    return {data + first * down(), count, columns, pitch, transposed};
  }
  Matrix columns_from(std::size_t first, std::size_t count) const {
    return {data + first * along(), rows, count, pitch, transposed};
  }
};

enum class Write { assign, add, maximum };

/// Runs a function over rows × columns elements. `out` may step by 0, in either direction, unless it is assigned to.
template <class T>
using Loop = void (*)(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                      const Stream<T>& out, Write write);

/// So many terms are added one after the other, and then some sums of them; what is longer is added up without loss.
inline constexpr std::size_t few = 16, some = 8 * few;

/// A sum and what rounding has lost of it, which goes into the next term: Kahan (1965), with an error that is exact
/// whichever is larger, Knuth (1969), 4.2.2.
template <class X> struct Compensated {
  X sum, lost;

  void operator+=(const X& x) {
    const X term = x + lost, next = sum + term, added = next - sum;
    const X error = (sum - (next - added)) + (term - added);
    lost = select(error == error, error, X(0));  // of an infinite sum it is NaN
    sum = next;
  }
};

/// The loops of a function: of its value and of the rules of its operands, null where there is none.
template <class T> struct Loops {
  Loop<T> value;
  Loop<T> rules[3];
};

/// The loops of a function F, run by Runner::run.
template <class T, class Runner, class F> constexpr Loops<T> loops_of() {
  Loops<T> loops{&Runner::template run<T, decltype(F::value), F::operands>, {}};
  if constexpr (!same<decltype(F::a), NoRule>) loops.rules[0] = &Runner::template run<T, decltype(F::a), F::arguments>;
  if constexpr (!same<decltype(F::b), NoRule>) loops.rules[1] = &Runner::template run<T, decltype(F::b), F::arguments>;
  if constexpr (!same<decltype(F::c), NoRule>) loops.rules[2] = &Runner::template run<T, decltype(F::c), F::arguments>;
  return loops;
}

/// Loops for a user's own functions: plain scalar code, compiled with the user's flags.
struct Portable {
  template <class T, class F, int n>
  static void run(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                  const Stream<T>& out, Write write) {
    const F& f = *static_cast<const F*>(function);
    const auto value = [&](std::size_t i, std::size_t j) {
      T x[n];
      for (int k = 0; k < n; ++k)
        x[k] = in[k].data[static_cast<std::ptrdiff_t>(i) * in[k].row + static_cast<std::ptrdiff_t>(j) * in[k].step];
      return static_cast<T>(spread<n>(f, x));
    };
    const bool adds = write == Write::add;
    if (adds && !out.step) return add_up(rows, columns, value, out);
    if (adds && !out.row && rows > few) return add_rows(rows, columns, value, out);
    for (std::size_t i = 0; i < rows; ++i) {
      T* y = out.data + static_cast<std::ptrdiff_t>(i) * out.row;
      for (std::size_t j = 0; j < columns; ++j, y += out.step) *y = adds ? *y + value(i, j) : value(i, j);
    }
  }

 private:
  // Each row adds up to one element, which may be the same for all.
  template <class T, class Value>
  static void add_up(std::size_t rows, std::size_t columns, const Value& value, const Stream<T>& out) {
    Compensated<T> total{};
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns;) {
        T part = 0;
        for (const std::size_t end = columns - j < few ? columns : j + few; j < end; ++j) part += value(i, j);
        total += part;
      }
      if (!out.row && i + 1 < rows) continue;
      out.data[static_cast<std::ptrdiff_t>(i) * out.row] += total.sum;
      total = {};
    }
  }

  // The rows add up to one.
  template <class T, class Value>
  static void add_rows(std::size_t rows, std::size_t columns, const Value& value, const Stream<T>& out) {
    constexpr std::size_t strip = 64;
    for (std::size_t first = 0; first < columns; first += strip) {
      const std::size_t count = columns - first < strip ? columns - first : strip;
      Compensated<T> totals[strip] = {};
      for (std::size_t i = 0; i < rows;) {
        T part[strip] = {};
        for (const std::size_t end = rows - i < few ? rows : i + few; i < end; ++i)
          for (std::size_t j = 0; j < count; ++j) part[j] += value(i, first + j);
        for (std::size_t j = 0; j < count; ++j) totals[j] += part[j];
      }
      for (std::size_t j = 0; j < count; ++j)
        out.data[static_cast<std::ptrdiff_t>(first + j) * out.step] += totals[j].sum;
    }
  }
};

}  // namespace detail
}  // namespace unroll

// Elementwise functions as scalar maths, and the loops that run them over memory. The files of vector kernels include
// this, so it instantiates nothing of the standard library.
#pragma once

#include <cstddef>

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {

/// What a rule is given after the adjoint g, in this order. `other` is for two operands: each rule gets the other one.
namespace keep {
inline constexpr unsigned nothing = 0, result = 1, first = 2, second = 4, third = 8, operands = 14, other = 16;
}

/// Stands for the rule of an operand that is never differentiated.
struct NoRule {};

/// The rule of an operand that gets the adjoint of the result as it is; a sweep then hands it on without a copy.
struct Pass {
  template <class X, class... Kept>
  constexpr const X& operator()(const X& g, const Kept&...) const {
    return g;
  }
};

template <class A, class B>
inline constexpr bool same = false;
template <class A>
inline constexpr bool same<A, A> = true;

/// An elementwise function of up to three operands: its value and the rule of each operand.
template <unsigned Keep, class Value, class A = NoRule, class B = NoRule, class C = NoRule>
struct Function {
  const char* name;
  Value value;
  A a{};
  B b{};
  C c{};

  static constexpr unsigned kept = Keep;
  static constexpr int operands = requires(Value v, double x) { v(x); }
  ? 1 : requires(Value v, double x) { v(x, x); }
  ? 2 : 3;
  static constexpr bool differentiable = !same<A, NoRule> || !same<B, NoRule> || !same<C, NoRule>;
};

template <unsigned Keep, class Value, class... Rules>
constexpr Function<Keep, Value, Rules...> function(const char* name, Value value, Rules... rules) {
  return {name, value, rules...};
}

// Which scalar function of a Function a loop runs, and with how many arguments.
struct ValueOf {
  template <class F>
  static constexpr const auto& of(const F& f) {
    return f.value;
  }
  template <class F>
  static constexpr int arguments = F::operands;
};

template <int operand>
struct RuleOf {
  template <class F>
  static constexpr const auto& of(const F& f) {
    if constexpr (operand == 0)
      return f.a;
    else if constexpr (operand == 1)
      return f.b;
    else
      return f.c;
  }
  // g and what is kept.
  static constexpr int count(unsigned kept, int operands) {
    int n = kept == keep::other ? 2 : 1;
    for (unsigned bit = keep::result; bit <= keep::result << operands; bit *= 2) n += (kept & bit) != 0;
    return n;
  }
  template <class F>
  static constexpr int arguments = count(F::kept, F::operands);
  template <class F>
  static constexpr bool none = same<decltype(of(*static_cast<const F*>(nullptr))), const NoRule&>;
};

/// Calls f with the first N elements of x.
template <int N, class F, class X>
constexpr auto spread(const F& f, const X* x) {
  static_assert(1 <= N && N <= 5);
  if constexpr (N == 1) return f(x[0]);
  if constexpr (N == 2) return f(x[0], x[1]);
  if constexpr (N == 3) return f(x[0], x[1], x[2]);
  if constexpr (N == 4) return f(x[0], x[1], x[2], x[3]);
  if constexpr (N == 5) return f(x[0], x[1], x[2], x[3], x[4]);
}

/// Of a loop: a rule may get g, the result and three operands.
inline constexpr std::size_t most_operands = 5;

/// One operand of a loop: `row` elements from row to row, and along a row a step of 1, or of 0 for one value.
template <class T>
struct Stream {
  T* data;
  std::ptrdiff_t row;
  std::ptrdiff_t step;
};

enum class Write { assign, add, maximum };

/// Runs a function over rows × columns elements. `out` may step by 0, in either direction, unless it is assigned to.
template <class T>
using Loop = void (*)(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                      const Stream<T>& out, Write write);

/// So many terms are added one after the other, and then some sums of them; what is longer is added up without loss.
inline constexpr std::size_t few = 16, some = 8 * few;

template <class X>
constexpr X select(bool condition, const X& a, const X& b);

/// A sum and what rounding has lost of it, which goes into the next term: Kahan (1965), with an error that is exact
/// whichever is larger, Knuth (1969), 4.2.2.
template <class X>
struct Compensated {
  X sum, lost;

  void operator+=(const X& x) {
    const X term = x + lost, next = sum + term, added = next - sum;
    const X error = (sum - (next - added)) + (term - added);
    lost = select(error == error, error, X(0));  // of an infinite sum it is NaN
    sum = next;
  }
};

/// The loops of a function: of its value and of the rules of its operands, null where there is none.
template <class T>
struct Loops {
  Loop<T> value;
  Loop<T> rules[3];
};

/// The loops of a function F, run by Runner::run.
template <class T, class Runner, class F>
constexpr Loops<T> loops_of() {
  Loops<T> loops{&Runner::template run<T, F, ValueOf>, {}};
  if constexpr (!RuleOf<0>::none<F>) loops.rules[0] = &Runner::template run<T, F, RuleOf<0>>;
  if constexpr (!RuleOf<1>::none<F>) loops.rules[1] = &Runner::template run<T, F, RuleOf<1>>;
  if constexpr (!RuleOf<2>::none<F>) loops.rules[2] = &Runner::template run<T, F, RuleOf<2>>;
  return loops;
}

/// Loops for a user's own functions: plain scalar code, compiled with the user's flags.
struct Portable {
  template <class T, class F, class Which>
  static void run(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                  const Stream<T>& out, Write write) {
    constexpr int n = Which::template arguments<F>;
    const auto& f = Which::of(*static_cast<const F*>(function));
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

}  // namespace unroll

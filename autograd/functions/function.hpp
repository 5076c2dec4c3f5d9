// An elementwise function as scalar maths. The files of vector kernels include this, so it instantiates nothing of the
// standard library.
#pragma once

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {

/// What a rule is given after the adjoint g, in this order.
namespace keep {
inline constexpr unsigned nothing = 0;    ///< the rule is linear
inline constexpr unsigned result = 1;     ///< y
inline constexpr unsigned first = 2;      ///< the first operand
inline constexpr unsigned second = 4;     ///< the second one
inline constexpr unsigned third = 8;      ///< the third one
inline constexpr unsigned operands = 14;  ///< all of them
inline constexpr unsigned other = 16;     ///< of two operands, the one that the rule is not of
}  // namespace keep

/// The rule of an operand that gets the adjoint of the result as it is; a sweep then hands it on without a copy.
struct Pass {
  /// g
  template <class X, class... Kept> constexpr const X& operator()(const X& g, const Kept&...) const { return g; }
};

namespace detail {

/// Stands for the rule of an operand that is never differentiated.
struct NoRule {};

template <class A, class B> inline constexpr bool same = false;
template <class A> inline constexpr bool same<A, A> = true;

/// An elementwise function of up to three operands: its value and the rule of each operand.
template <unsigned Keep, class Value, class A = NoRule, class B = NoRule, class C = NoRule> struct Function {
  const char* name;
  [[no_unique_address]] Value value;
  [[no_unique_address]] A a{};
  [[no_unique_address]] B b{};
  [[no_unique_address]] C c{};

  static constexpr int operands = requires(Value v, double x) { v(x); }
  ? 1 : requires(Value v, double x) { v(x, x); }
  ? 2 : 3;
  static constexpr unsigned kept = Keep & ~(operands < 2   ? keep::second | keep::third
                                            : operands < 3 ? keep::third
                                                           : 0u);
  static constexpr bool differentiable = !same<A, NoRule> || !same<B, NoRule> || !same<C, NoRule>;
  /// How many arguments a rule has: g and what is kept.
  static constexpr int arguments = 1 + (kept == keep::other) + ((kept & keep::result) != 0) +
                                   ((kept & keep::first) != 0) + ((kept & keep::second) != 0) +
                                   ((kept & keep::third) != 0);

  template <int operand> constexpr const auto& rule() const {
    if constexpr (operand == 0)
      return a;
    else if constexpr (operand == 1)
      return b;
    else
      return c;
  }
};

template <unsigned Keep, class Value, class... Rules>
constexpr Function<Keep, Value, Rules...> function(const char* name, Value value, Rules... rules) {
  return {name, value, rules...};
}

/// Calls f with the first N elements of x.
template <int N, class F, class X> constexpr auto spread(const F& f, const X* x) {
  static_assert(1 <= N && N <= 5);
  if constexpr (N == 1) return f(x[0]);
  if constexpr (N == 2) return f(x[0], x[1]);
  if constexpr (N == 3) return f(x[0], x[1], x[2]);
  if constexpr (N == 4) return f(x[0], x[1], x[2], x[3]);
  if constexpr (N == 5) return f(x[0], x[1], x[2], x[3], x[4]);
}

template <class F> F plain(const F&);  // only for decltype: the type without const and reference

}  // namespace detail
}  // namespace unroll

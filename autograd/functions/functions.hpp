// The elementwise functions of the library, each with its value and its rules as maths: generic over numbers, vectors
// of numbers (the fused sweep) and Variables (the recorded sweep).
#pragma once

#include <cmath>

#include "function.hpp"
#include "maths.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// x where it is not 0, else 1: keeps a choice that is not taken, and its derivatives, finite.
template <class X> constexpr X nonzero_or_one(const X& x) { return select(nonzero(x), x, X(1)); }

namespace functions {

inline constexpr Pass pass;

/// y = x                                         x̄ = ȳ
inline constexpr auto copy = function<keep::nothing>(
    "copy", [](const auto& x) { return x; }, pass);

/// y = a + b                                     ā = ȳ,  b̄ = ȳ
inline constexpr auto add = function<keep::nothing>(
    "add", [](const auto& a, const auto& b) { return a + b; }, pass, pass);

/// y = a − b                                     ā = ȳ,  b̄ = −ȳ
inline constexpr auto subtract = function<keep::nothing>(
    "subtract", [](const auto& a, const auto& b) { return a - b; }, pass, [](const auto& g) { return -g; });

/// y = a ⊙ b                                     ā = ȳ ⊙ b,  b̄ = ȳ ⊙ a
inline constexpr auto multiply = function<keep::other>(
    "multiply", [](const auto& a, const auto& b) { return a * b; }, [](const auto& g, const auto& b) { return g * b; },
    [](const auto& g, const auto& a) { return g * a; });

/// y = a ⊙ b + c                                 ā = ȳ ⊙ b,  b̄ = ȳ ⊙ a,  c̄ = ȳ
inline constexpr auto fma = function<keep::first | keep::second>(
    "fma", [](const auto& a, const auto& b, const auto& c) { return a * b + c; },
    [](const auto& g, const auto&, const auto& b) { return g * b; },
    [](const auto& g, const auto& a, const auto&) { return g * a; }, pass);

/// y = a + t ⊙ (b − a)                           ā = ȳ ⊙ (1 − t),  b̄ = ȳ ⊙ t,  t̄ = ȳ ⊙ (b − a)
inline constexpr auto lerp = function<keep::first | keep::second | keep::third>(
    "lerp", [](const auto& a, const auto& b, const auto& t) { return a + t * (b - a); },
    [](const auto& g, const auto&, const auto&, const auto& t) { return g * (1 - t); },
    [](const auto& g, const auto&, const auto&, const auto& t) { return g * t; },
    [](const auto& g, const auto& a, const auto& b, const auto&) { return g * (b - a); });

/// y = a / b                                     ā = ȳ / b,  b̄ = −ȳ ⊙ y / b
inline constexpr auto divide = function<keep::result | keep::second>(
    "divide", [](const auto& a, const auto& b) { return a / b; },
    [](const auto& g, const auto&, const auto& b) { return g / b; },
    [](const auto& g, const auto& y, const auto& b) { return -g * y / b; });

/// y = −x                                        x̄ = −ȳ
inline constexpr auto negate = function<keep::nothing>(
    "negate", []<class X>(const X& x) { return x * X(-1); },  // for AVX-512, xsimd's −x of +0 is +0
    [](const auto& g) { return -g; });

/// y = eˣ                                        x̄ = ȳ ⊙ y
inline constexpr auto exp = function<keep::result>(
    "exp", [](const auto& x) { return maths::exp(x); }, [](const auto& g, const auto& y) { return g * y; });

/// y = e^(a − b)                                 ā = ȳ ⊙ y,  b̄ = −ȳ ⊙ y
inline constexpr auto exp_difference = function<keep::result>(
    "exp_difference", []<class X>(const X& a, const X& b) { return maths::exp(X(a - b)); },
    [](const auto& g, const auto& y) { return g * y; }, [](const auto& g, const auto& y) { return -g * y; });

/// y = w ⊙ e^(a − b)                             w̄ = ȳ ⊙ e^(a − b),  ā = ȳ ⊙ y,  b̄ = −ȳ ⊙ y
inline constexpr auto scaled_exp = function<keep::result | keep::second | keep::third>(
    "scaled_exp", []<class X>(const X& w, const X& a, const X& b) { return w * maths::exp(X(a - b)); },
    []<class X>(const X& g, const X&, const X& a, const X& b) { return g * maths::exp(X(a - b)); },
    [](const auto& g, const auto& y, const auto&, const auto&) { return g * y; },
    [](const auto& g, const auto& y, const auto&, const auto&) { return -g * y; });

/// y = ln x                                      x̄ = ȳ / x
inline constexpr auto log = function<keep::first>(
    "log", [](const auto& x) { return maths::log(x); }, [](const auto& g, const auto& x) { return g / x; });

/// y = tanh x                                    x̄ = ȳ ⊙ (1 − y²)
inline constexpr auto tanh = function<keep::result>(
    "tanh", [](const auto& x) { return maths::tanh(x); }, [](const auto& g, const auto& y) { return g * (1 - y * y); });

/// y = w ⊙ tanh x                                w̄ = ȳ ⊙ tanh x,  x̄ = ȳ ⊙ w ⊙ (1 − tanh² x)
inline constexpr auto scaled_tanh = function<keep::first | keep::second>(
    "scaled_tanh", [](const auto& w, const auto& x) { return w * maths::tanh(x); },
    [](const auto& g, const auto&, const auto& x) { return g * maths::tanh(x); },
    [](const auto& g, const auto& w, const auto& x) {
      const auto y = maths::tanh(x);
      return g * w * (1 - y * y);
    });

/// y = σ(x) = 1 / (1 + e⁻ˣ)                      x̄ = ȳ ⊙ y ⊙ (1 − y)
inline constexpr auto sigmoid = function<keep::result>(
    "sigmoid", [](const auto& x) { return maths::logistic(x); },
    [](const auto& g, const auto& y) { return g * (y * (1 - y)); });

/// y = x ⊙ σ(x)                                  x̄ = ȳ ⊙ σ(x) ⊙ (1 + x ⊙ σ(−x))
inline constexpr auto silu = function<keep::first>(
    "silu", [](const auto& x) { return maths::bounded_below(x) * maths::logistic(x); },
    []<class X>(const X& g, const X& x) {
      const X c = maths::bounded(x);
      return g * (maths::logistic(c) * (1 + c * maths::logistic(X(-c))));
    });

/// y = x ⊙ Φ(x)                                  x̄ = ȳ ⊙ (Φ(x) + x ⊙ φ(x)),  φ = Φ′
inline constexpr auto gelu = function<keep::first>(
    "gelu", [](const auto& x) { return maths::bounded_below(x) * maths::normal(x); },
    []<class X>(const X& g, const X& x) {
      const X c = maths::bounded(x);
      return g * (maths::normal(c) + c * (maths::exp(X(c * c / -2)) * maths::number<X>(0.3989422804014327)));
    });

/// y = ln(1 + eˣ)                                x̄ = ȳ ⊙ σ(x)
inline constexpr auto softplus = function<keep::first>(
    "softplus",
    []<class X>(const X& x) { return select(x <= X(0), X(0), x) + maths::log1p(maths::exp(X(-maths::abs(x)))); },
    [](const auto& g, const auto& x) { return g * maths::logistic(x); });

/// y = ln(1 + x)                                 x̄ = ȳ / (1 + x)
inline constexpr auto log1p = function<keep::first>(
    "log1p", [](const auto& x) { return maths::log1p(x); }, [](const auto& g, const auto& x) { return g / (1 + x); });

/// y = eˣ − 1                                    x̄ = ȳ ⊙ eˣ
inline constexpr auto expm1 = function<keep::first>(
    "expm1", [](const auto& x) { return maths::expm1(x); },
    [](const auto& g, const auto& x) { return g * maths::exp(x); });

/// y = √x                                        x̄ = ȳ / 2y
inline constexpr auto sqrt = function<keep::result>(
    "sqrt", [](const auto& x) { return maths::sqrt(x); }, [](const auto& g, const auto& y) { return g / (2 * y); });

/// y = aᵇ                                        ā = ȳ ⊙ b ⊙ aᵇ⁻¹,  b̄ = ȳ ⊙ y ⊙ ln a, but 0 where y or a and b are 0
inline constexpr auto pow = function<keep::result | keep::first | keep::second>(
    "pow", [](const auto& a, const auto& b) { return maths::pow(a, b); },
    []<class X>(const X& g, const X&, const X& a, const X& b) {
      // b − 1 may round to an even number as b is, but the power of a negative a changes its sign; so there it is aᵇ by
      // a. So large a power is 0 or ∞ but about −1, and −1 will do for other a.
      const X sign = select(a < X(0), select(maths::abs(X(a + 1)) < maths::number<X>(0.25), a, X(-1)), X(1));
      const X divisor = select(maths::abs(b) < X(10000000), X(1), sign);
      const X exponent = select(divisor < X(0), b, X(b - 1));
      const X power = maths::pow(a, select(nonzero(b), exponent, X(0))) / divisor;
      const X factor =
          select(maths::abs(b) < maths::number<X>(INFINITY), b, select(nonzero(power), b, X(0)));  // ∞ · 0 = 0
      return g * select(nonzero(b), X(factor * power), X(select(nonzero(b), X(0), b) / nonzero_or_one(a)));
    },
    []<class X>(const X& g, const X& y, const X& a, const X& b) {
      return g * y * maths::log(select(nonzero(y), select(b < X(0), a, nonzero_or_one(a)), X(1)));
    });

/// y = |x|                                       x̄ = ȳ where x > 0, −ȳ where x < 0, else 0
inline constexpr auto abs = function<keep::first>(
    "abs", [](const auto& x) { return maths::abs(x); },
    []<class X>(const X& g, const X& x) { return select(x > X(0), g, select(x < X(0), X(-g), X(0 * x))); });

/// y = erf x                                     x̄ = ȳ ⊙ 2/√π e^(−x²)
inline constexpr auto erf = function<keep::first>(
    "erf", [](const auto& x) { return maths::erf(x); },
    []<class X>(const X& g, const X& x) {
      const X c = maths::bounded(x);
      return g * (maths::exp(X(-c * c)) * maths::number<X>(1.1283791670955126));
    });

/// y = sin x                                     x̄ = ȳ ⊙ cos x
inline constexpr auto sin = function<keep::first>(
    "sin", [](const auto& x) { return maths::sin(x); }, [](const auto& g, const auto& x) { return g * maths::cos(x); });

/// y = cos x                                     x̄ = −ȳ ⊙ sin x
inline constexpr auto cos = function<keep::first>(
    "cos", [](const auto& x) { return maths::cos(x); },
    [](const auto& g, const auto& x) { return -g * maths::sin(x); });

/// y = max(x, 0)                                 x̄ = ȳ where y > 0, else 0
inline constexpr auto relu = function<keep::result>(
    "relu", []<class X>(const X& x) { return select(x <= X(0), X(0), x); },
    []<class X>(const X& g, const X& y) { return select(y > X(0), g, y); });

/// y = a where c ≠ 0, else b                     ā = ȳ where c ≠ 0, else 0;  b̄ = 0 where c ≠ 0, else ȳ
inline constexpr auto where = function<keep::first>(
    "where", []<class X>(const X& c, const X& a, const X& b) { return select(nonzero(c), a, b); }, NoRule{},
    []<class X>(const X& g, const X& c) { return select(nonzero(c), g, X(0)); },
    []<class X>(const X& g, const X& c) { return select(nonzero(c), X(0), g); });

/// y = max(a, b)                                 ā = ȳ where a > b, ȳ / 2 where a = b, else 0, and b̄ likewise
inline constexpr auto maximum = function<keep::first | keep::second>(
    "maximum", []<class X>(const X& a, const X& b) { return select(a > b, a, select(b >= a, b, X(a + b))); },
    []<class X>(const X& g, const X& a, const X& b) {
      return select(a > b, g, select(a < b, X(0), select(a >= b, X(g / 2), X(a + b))));
    },
    []<class X>(const X& g, const X& a, const X& b) {
      return select(b > a, g, select(b < a, X(0), select(b >= a, X(g / 2), X(a + b))));
    });

/// y = 1 where a < b, else 0                     constant
inline constexpr auto less =
    function<keep::nothing>("less", []<class X>(const X& a, const X& b) { return select(a < b, X(1), X(0)); });

/// y = 1 where a ≤ b, else 0                     constant
inline constexpr auto less_equal =
    function<keep::nothing>("less_equal", []<class X>(const X& a, const X& b) { return select(a <= b, X(1), X(0)); });

/// y = 1 where a = b, else 0                     constant
inline constexpr auto equal =
    function<keep::nothing>("equal", []<class X>(const X& a, const X& b) { return select(a == b, X(1), X(0)); });

/// A list of functions.
template <const auto&... function> struct List {
  static constexpr int size = sizeof...(function);
  /// The position of a function in the list.
  template <class F> static constexpr int index_of() {
    int index = 0;
    (void)((same<decltype(plain(function)), F> || (++index, false)) || ...);
    return index;
  }
  /// Whether F is the value of one of them.
  template <class F> static constexpr bool is_value = (same<decltype(plain(function.value)), F> || ...);
};

/// The functions that have vector kernels.
using Vectorised = List<copy, add, subtract, multiply, fma, lerp, divide, negate, exp, exp_difference, scaled_exp, log,
                        tanh, scaled_tanh, sigmoid, silu, gelu, softplus, log1p, expm1, sqrt, pow, abs, erf, sin, cos,
                        relu, where, maximum, less, less_equal, equal>;

}  // namespace functions
}  // namespace detail
}  // namespace unroll

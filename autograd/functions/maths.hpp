// The functions that elementwise functions and their rules are written with: those of the C++ library for numbers, the
// recorded ones for Variables, and for vectors of numbers xsimd's where they are right to 4 units in the last place,
// else what mends or replaces them. None is infinite or 0 too early, and none loses a NaN or the sign of a zero.
#pragma once

#include <cmath>
#include <cstddef>

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {

/// a where the condition holds, else b.
template <class X> constexpr X select(bool condition, const X& a, const X& b) { return condition ? a : b; }

/// Whether x ≠ 0, as a condition for select; so is NaN, which a vector's own ≠ denies.
template <class X> constexpr auto nonzero(const X& x) { return !(x == X(0)); }

// Inline where a call for each vector would cost as much as the function itself.
namespace detail::maths {

template <class X>
concept VectorLike = requires {
  typename X::batch_bool_type;
};

/// The constant c; in float, the nearest one.
template <class X> constexpr X number(double c) {
  if constexpr (requires { typename X::value_type; })
    return X(static_cast<typename X::value_type>(c));
  else
    return static_cast<X>(c);
}

/// max(x, −1000), below which eˣ is 0 in every type: 0 · x can be written without the NaN of 0 · ∞.
template <class X> X bounded_below(const X& x) { return select(x < X(-1000), X(-1000), x); }

/// x within ±1000, beyond which e^−|x| is 0 in every type.
template <class X> X bounded(const X& x) { return select(x > X(1000), X(1000), bounded_below(x)); }

/// The polynomial of these coefficients, from that of the highest power down.
template <class X, class... Lower> inline X polynomial(const X& x, double highest, Lower... lower) {
  X y = number<X>(highest);
  ((y = y * x + number<X>(lower)), ...);
  return y;
}

/// f(a, b) of numbers, lane by lane, in the version for float or for double.
template <class X, class Float, class Double>
inline X each_lane(const X& a, const X& b, const Float& of_float, const Double& of_double) {
  typename X::value_type x[X::size], y[X::size];
  a.store_unaligned(x);
  b.store_unaligned(y);
  for (std::size_t k = 0; k < X::size; ++k)
    if constexpr (sizeof(x[k]) == sizeof(float))
      x[k] = of_float(x[k], y[k]);
    else
      x[k] = of_double(x[k], y[k]);
  return X::load_unaligned(x);
}

template <class X> inline X abs(const X& x) {
  using std::abs;
  return abs(x);
}

template <class X> inline X sqrt(const X& x) {
  using std::sqrt;
  return sqrt(x);
}

template <class X> inline X tanh(const X& x) {
  using std::tanh;
  return tanh(x);
}

/// eˣ of a vector as (e^(x/2))², where eˣ is infinite or subnormal; out of line, since it is seldom needed.
template <class X> [[gnu::noinline]] X exp_far_from_zero(const X& x) {
  const X y = exp(X(x * number<X>(0.5)));
  return y * y;
}

/// eˣ; xsimd's is infinite too early and never subnormal.
template <class X> inline X exp(const X& x) {
  using std::exp;
  if constexpr (VectorLike<X>) {
    const X y = exp(x);
    const auto far = abs(x) > X(sizeof(typename X::value_type) == sizeof(float) ? 87 : 708);
    return any(far) ? select(far, exp_far_from_zero(x), y) : y;
  } else {
    return exp(x);
  }
}

template <class X> inline X log(const X& x) {
  using std::log;
  if constexpr (VectorLike<X>) {
    // xsimd's is wrong for subnormal numbers, so small ones are scaled up by 2¹⁰⁰.
    const auto small = x < number<X>(0x1p-99);
    return log(select(small, X(x * number<X>(0x1p100)), x)) - select(small, number<X>(69.31471805599453), X(0));
  } else {
    return log(x);
  }
}

template <class X> inline X log1p(const X& x) {
  using std::log1p;
  if constexpr (VectorLike<X>)
    return select(nonzero(x), log1p(x), x);
  else
    return log1p(x);
}

template <class X> inline X expm1(const X& x) {
  using std::expm1;
  if constexpr (VectorLike<X>)
    return select(nonzero(x), select(x > X(80), maths::exp(x), expm1(x)), x);
  else
    return expm1(x);
}

/// aᵇ; xsimd's is e^(b ln a), which is far from right to the last digits.
template <class X> inline X pow(const X& a, const X& b) {
  using std::pow;
  if constexpr (VectorLike<X>)
    return each_lane(
        a, b, [](float x, float y) { return ::powf(x, y); }, [](double x, double y) { return ::pow(x, y); });
  else
    return pow(a, b);
}

/// sin x; xsimd's is wrong where it is almost 0.
template <class X> inline X sin(const X& x) {
  using std::sin;
  if constexpr (VectorLike<X>)
    return each_lane(
        x, x, [](float number, float) { return ::sinf(number); }, [](double number, double) { return ::sin(number); });
  else
    return sin(x);
}

template <class X> inline X cos(const X& x) {
  using std::cos;
  if constexpr (VectorLike<X>)
    return each_lane(
        x, x, [](float number, float) { return ::cosf(number); }, [](double number, double) { return ::cos(number); });
  else
    return cos(x);
}

/// 1 − Φ(x) of a vector x ≥ 0, Φ the normal distribution function; right to the last digits however small it is.
template <class X> inline X normal_tail(const X& beyond) {
  const X x = select(beyond > X(40), X(40), beyond), square = x * x;
  // Of e^(−x²/2), what rounding took from the square is put back: x² = h² + (x − h)(x + h), and h² is exact.
  const X h = nearbyint(X(x * X(128))) * number<X>(1. / 128), lost = (h * h - square) + (x - h) * (x + h);
  // (1 + x) e^(x²/2) (1 − Φ(x)) as a polynomial of z, interpolated at Chebyshev nodes for 0 ≤ x ≤ 40.
  const X z = (x - X(6)) / (x + X(6));
  const X slope = polynomial(
      z, 1.5695921634584025e-09, 2.9426390752797887e-09, -1.5639864942746644e-08, -2.0027893278270845e-08,
      1.3236790158938167e-07, -4.2913658269661417e-10, -9.995898526491916e-07, 1.7838116022958124e-06,
      4.412404543912898e-06, -2.6353393572409072e-05, 3.779490167737176e-05, 0.00011948965571717959,
      -0.0008689946656167478, 0.0029356555179146167, -0.007059819421068707, 0.013246864154012135, -0.01976647921997029,
      0.022592467062783016, -0.016141517332197368, -0.004373386779593226, 0.03981142456242982, -0.08502536230577072);
  const X start = number<X>(0.45345520027112796),
          y = start + (slope * z - (start + slope * z) * (lost * number<X>(0.5)));
  return maths::exp(X(square * number<X>(-0.5))) * (y / (x + X(1)));
}

/// erf x of a vector |x| ≤ 1: erf x / x as a polynomial of x², interpolated at Chebyshev nodes
template <class X> inline X erf_near_zero(const X& x) {
  return x * polynomial(X(x * x), -7.795898827002142e-10, 1.3720064546777686e-08, -1.6208483801871705e-07,
                        1.6447424703317362e-06, -1.492473690741966e-05, 0.00012055294904839707, -0.0008548325975389692,
                        0.0052239776071164225, -0.02686617064323777, 0.11283791670945006, -0.37612638903183543,
                        1.1283791670955126);
}

/// erf x; xsimd's is NaN for large numbers and off by 70 units in the last place at 2.2.
template <class X> inline X erf(const X& x) {
  using std::erf;
  if constexpr (VectorLike<X>) {
    const X size = abs(x), far = X(1) - X(2) * normal_tail(X(size * number<X>(1.4142135623730951)));
    return select(size < X(1), erf_near_zero(x), select(x < X(0), X(-far), far));
  } else {
    return erf(x);
  }
}

/// Φ(x), the normal distribution function
template <class X> inline X normal(const X& x) {
  const X half = number<X>(0.5), scaled = x * number<X>(0.7071067811865476);
  if constexpr (VectorLike<X>) {
    const X size = abs(x), tail = normal_tail(size);
    return select(size < half, X(half + half * erf_near_zero(scaled)), select(x < X(0), tail, X(X(1) - tail)));
  } else {
    return half + half * maths::erf(scaled);
  }
}

/// σ(x) = eˣ / (1 + eˣ), which unlike 1 / (1 + e⁻ˣ) is right for subnormal results
template <class X> inline X logistic(const X& x) {
  if constexpr (requires { sigmoid(x); }) {
    return sigmoid(x);
  } else {
    const X y = maths::exp(select(x > X(40), X(40), x));
    return y / (X(1) + y);
  }
}

}  // namespace detail::maths
}  // namespace unroll

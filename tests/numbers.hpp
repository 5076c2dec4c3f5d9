// The numbers that suites try things on, and what they compare.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <unroll/autograd/operations/ops.hpp>
#include <unroll/autograd/random.hpp>
#include <vector>

namespace unroll {

using A = Array<double>;
using V = Variable<double>;
using P = Parameter<double>;
using Many = std::vector<V>;

inline constexpr double infinity = std::numeric_limits<double>::infinity(),
                        not_a_number = std::numeric_limits<double>::quiet_NaN();
inline constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

/// Normal numbers, the same each time.
template <class T = double> Array<T> numbers(const Shape& shape, std::uint64_t seed = 1) {
  return Random(seed).normal<T>(shape);
}

/// Random sequences [time, batch, features] with NaN for padding.
template <class T = double>
Array<T> padded(std::size_t time, const Indices& lengths, std::size_t features, Random& random) {
  Array<T> x = random.normal<T>({time, lengths.size(), features});
  for (std::size_t t = 0; t < time; ++t)
    for (std::size_t b = 0; b < lengths.size(); ++b)
      for (std::size_t k = 0; k < features && std::int64_t(t) >= lengths(b); ++k) x(t, b, k) = T(not_a_number);
  return x;
}

/// Σ v ⊙ y, with the same random v each time.
template <class T> Variable<T> weighted(const Variable<T>& y) { return sum(y * numbers<T>(y.shape(), 99)); }

inline double sigma(double x) { return 1 / (1 + std::exp(-x)); }

/// The largest |a − b| / (1 + |b|); infinite for other shapes, and where only one is NaN or they are other infinities.
template <class T> double difference(const Array<T>& a, const A& b) {
  double worst = Shape(a.shape()) == Shape(b.shape()) ? 0 : infinity;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double x = double(a.storage()[k]), y = double(b.storage()[k]);
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    const double error = std::abs(x - y) / (1 + std::abs(y));
    worst = std::isfinite(error) ? std::max(worst, error) : infinity;
  }
  return worst;
}

inline double difference(const V& a, const V& b) { return difference(a.value(), b.value()); }

}  // namespace unroll

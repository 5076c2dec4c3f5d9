// How the runners compare results with figures from elsewhere.
#pragma once

#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <unroll/autograd/array.hpp>

namespace unroll {

/// What is near enough: |a − b| ≤ absolute + relative |b|.
struct Tolerance {
  double absolute, relative;
};

/// The shortest decimal that is this number.
inline std::string decimal(double x) {
  if (std::isnan(x)) return "nan";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

/// The index of element k, as (3, 1); nothing for a scalar.
inline std::string position(const Shape& shape, std::size_t k) {
  std::string text;
  for (std::size_t axis = shape.size(); axis-- > 0; k /= shape[axis])
    text = std::to_string(k % shape[axis]) + (text.empty() ? ")" : ", ") + text;
  return shape.empty() ? text : "(" + text;
}

/// The worst entry beside what is expected, as "(3, 1): 0.5, expected 0.25"; empty if all are near enough.
inline std::string disagreement(const Array<double>& value, const Array<double>& expected, Tolerance tolerance) {
  const Shape shape(value.shape()), wanted(expected.shape());
  if (!(shape == wanted)) {
    std::ostringstream text;
    text << ": shape " << shape << ", expected " << wanted;
    return text.str();
  }
  std::string text;
  double worst = 1;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const double a = value.flat(k), b = expected.flat(k);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const bool finite = std::isfinite(a) && std::isfinite(b);
    const double error = finite ? std::abs(a - b) / (tolerance.absolute + tolerance.relative * std::abs(b))
                                : std::numeric_limits<double>::infinity();
    if (error <= worst) continue;
    worst = error;
    text = position(shape, k) + ": " + decimal(a) + ", expected " + decimal(b);
  }
  return text;
}

}  // namespace unroll

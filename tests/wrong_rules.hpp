// Rules that are wrong, or have a kink, for what a gradient check must find.
#pragma once

#include <sstream>
#include <string>
#include <unroll/autograd/autograd.hpp>
#include <utility>

#include "support.hpp"

namespace unroll {

inline std::string text(const GradientReport& report) {
  std::ostringstream out;
  out << report;
  return out.str();
}

inline P random_parameter(Random& random, const Shape& shape, std::string name, double deviation = 1) {
  return P(random.normal<double>(shape, 0, deviation), std::move(name));
}

// y = x, with a rule that multiplies by `factors`.
inline V scaled_rule(const V& x, const Array<double>& factors) {
  const V factor(factors);
  return primitive("scaled_rule", {x}, x, [factor](const auto& g) { return g * factor; });
}

inline Array<double> ones_but(const Shape& shape, std::size_t entry, double value) {
  Array<double> array = ones<double>(shape).value();
  array.data()[entry] = value;
  return array;
}

// y = |x|, with slopes to choose.
inline V absolute(const V& x, double left = -1, double right = 1) {
  return elementwise<keep::first>(
      "absolute", x, []<class X>(const X& x) { return select(x < X(0), -x, x); },
      [left, right]<class X>(const X& g, const X& x) { return g * select(x < X(0), X(left), X(right)); });
}

}  // namespace unroll

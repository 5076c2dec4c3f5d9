// What rows of operations have in common.
#pragma once

#include <numeric>

#include "programs.hpp"

namespace unroll::programs {

using Rows = std::vector<Row>;
using Check = std::function<void(Call&)>;  // throws Inapplicable, or tells on what a choice depends

inline bool broadcast_together(const Shape& a, const Shape& b) {
  for (std::size_t k = 1; k <= std::min(a.size(), b.size()); ++k) {
    const std::size_t x = a[a.size() - k], y = b[b.size() - k];
    if (x != y && x != 1 && y != 1) return false;
  }
  return true;
}
inline bool broadcasts_to(const Shape& a, const Shape& b) {
  if (a.size() > b.size()) return false;
  for (std::size_t k = 1; k <= a.size(); ++k)
    if (a[a.size() - k] != b[b.size() - k] && a[a.size() - k] != 1) return false;
  return true;
}
inline A difference_of(const V& a, const V& b) { return (detach(a) - detach(b)).value(); }
inline double least(const V& x) {
  const auto& all = x.value().storage();
  return all.empty() ? 1 : *std::min_element(all.begin(), all.end());
}

inline const Check anything = [](Call&) {}, positive = [](Call&c) { need(least(c[0]) > 0.1); },
                   by_sign = [](Call&c) { c.decide(c[0]); },
                   by_order = [](Call&c) { c.decide(difference_of(c[0], c[1])); };

template <class F>
Row unary(const std::string& name, const Check& check, const F& f) {
  return {name, 1, 1, [=](Call& c) {
            check(c);
            return c(name, f, c[0]);
          }};
}
template <class F>
Row binary(const std::string& name, const Check& check, const F& f) {
  return {name, 2, 2, [=](Call& c) {
            need(broadcast_together(c.shape(0), c.shape(1)));
            check(c);
            return c(name, f, c[0], c[1]);
          }};
}
// With a number on either side.
template <class F>
Row with_number(const std::string& name, const Check& check, const F& f) {
  return {name + " with a number", 1, 1, [=](Call& c) {
            check(c);
            const double number = 0.5 * double(c.between(1, 4));
            const bool left = c.chance();
            c.decide(detach(c[0]) - number);
            return left ? c(name, f, number, c[0]) : c(name, f, c[0], number);
          }};
}
template <class F>
Row ternary(const std::string& name, const Check& check, const F& f) {
  return {name, 3, 3, [=](Call& c) {
            need(broadcast_together(c.shape(0), c.shape(1)) && broadcast_together(c.shape(0), c.shape(2)) &&
                 broadcast_together(c.shape(1), c.shape(2)));
            check(c);
            return c(name, f, c[0], c[1], c[2]);
          }};
}

template <class F>
Row unary(const std::string& name, const F& f) {
  return unary(name, anything, f);
}
template <class F>
Row binary(const std::string& name, const F& f) {
  return binary(name, anything, f);
}
template <class F>
Row ternary(const std::string& name, const F& f) {
  return ternary(name, anything, f);
}
template <class F>
Row with_number(const std::string& name, const F& f) {
  return with_number(name, anything, f);
}

}  // namespace unroll::programs

// What rows of operations have in common.
#pragma once

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

template <class F> Row unary(const std::string& name, const Check& check, const F& f) {
  return {name, 1, 1, [=](Call& c) {
            check(c);
            return c(name, f, c[0]);
          }};
}
template <class F> Row binary(const std::string& name, const Check& check, const F& f) {
  return {name, 2, 2, [=](Call& c) {
            need(broadcast_together(c.shape(0), c.shape(1)));
            check(c);
            return c(name, f, c[0], c[1]);
          }};
}
// With a number on either side.
template <class F> Row with_number(const std::string& name, const Check& check, const F& f) {
  return {name + " with a number", 1, 1, [=](Call& c) {
            check(c);
            const double number = 0.5 * double(c.between(1, 4));
            const bool left = c.chance();
            c.decide(detach(c[0]) - number);
            return left ? c(name, f, number, c[0]) : c(name, f, c[0], number);
          }};
}
template <class F> Row ternary(const std::string& name, const Check& check, const F& f) {
  return {name, 3, 3, [=](Call& c) {
            need(broadcast_together(c.shape(0), c.shape(1)) && broadcast_together(c.shape(0), c.shape(2)) &&
                 broadcast_together(c.shape(1), c.shape(2)));
            check(c);
            return c(name, f, c[0], c[1], c[2]);
          }};
}

template <class F> Row unary(const std::string& name, const F& f) { return unary(name, anything, f); }
template <class F> Row binary(const std::string& name, const F& f) { return binary(name, anything, f); }
template <class F> Row ternary(const std::string& name, const F& f) { return ternary(name, anything, f); }
template <class F> Row with_number(const std::string& name, const F& f) { return with_number(name, anything, f); }

inline Chosen some_axes(Call& c) {
  if (c.chance(4)) return {true, {}};
  std::vector<int> axes;
  const int rank = int(c.shape().size());
  for (int k = 0; k < rank; ++k)
    if (c.chance()) axes.push_back(c.chance() ? k : k - rank);
  c.random.shuffle(axes);
  return {false, axes};
}
// The elements of which one result is made.
inline std::size_t group(const Call& c, const Chosen& axes) {
  const std::size_t left = Axes(axes).kept("", c.shape()).elements();
  need(c[0].size() > 0 && left > 0);
  return c[0].size() / left;
}

template <class F> Row reduction(const std::string& name, const F& f) {
  return {name, 1, 1, [=](Call& c) {
            const Chosen axes = some_axes(c);
            const bool keep = c.chance();
            if (name != "sum") group(c, axes);
            const auto kept = [&](const V& y) {
              return broadcast_to(reshape(y, Axes(axes).kept("", c.shape())), c.shape());
            };
            const V x = detach(c[0]);
            if (name == "max" || name == "min") c.decide(x - kept(f(x, axes, false)));
            if (name == "norm") c.decide(f(x, axes, false));
            return c(name, f, c[0], axes, keep);
          }};
}
template <class F> Row along_axis(const std::string& name, const F& f, std::size_t fewest) {
  return {name, 1, 1, [=](Call& c) {
            const int axis = c.axis(c.shape().size());
            need(c[0].size() >= fewest);
            return c(name, f, c[0], axis);
          }};
}

}  // namespace unroll::programs

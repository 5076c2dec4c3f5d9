// The operations under "Shape" in autograd/operations/ops.hpp, with the operands that they take.
#pragma once

#include "program_row_kinds.hpp"

namespace unroll::programs {

inline Rows shape_rows() {
  const auto range = [](Call& c, std::size_t size) {
    std::int64_t begin = std::int64_t(c.between(0, size)), end = std::int64_t(c.between(0, size));
    if (begin > end) std::swap(begin, end);
    need(begin < end || c.chance(8));
    if (c.chance(3) && begin < std::int64_t(size)) begin -= std::int64_t(size);
    return std::pair(begin, end);
  };
  const auto like_first = [](const Call& c, std::size_t free) {
    for (std::size_t k = 1; k < c.size(); ++k) {
      Shape shape = c.shape(k);
      need(shape.size() == c.shape().size());
      shape[free] = c.shape()[free];
      need(shape == c.shape());
    }
  };
  const auto in_parts = [](std::size_t n) {
    return [n](Call& c) {
      const std::size_t rank = c.shape().size();
      const int axis = c.axis(rank);
      need(c.shape()[Call::at(axis, rank)] % n == 0);
      if (n == 2)
        return c(
            "split<2>", [](auto& x, int k) { return split<2>(x, k); }, c[0], axis);
      return c(
          "split<3>", [](auto& x, int k) { return split<3>(x, k); }, c[0], axis);
    };
  };
  return {
      {"reshape", 1, 1,
       [](Call& c) {
         std::vector<std::size_t> sizes;
         std::size_t left = c[0].size();
         need(left > 0);
         for (std::size_t p = 2; left > 1 && sizes.size() < 4; left % p ? ++p : (sizes.push_back(p), left /= p)) {
         }
         sizes.push_back(left);
         while (sizes.size() > 1 && (sizes.size() > 4 || c.chance())) {
           sizes[sizes.size() - 2] *= sizes.back();
           sizes.pop_back();
         }
         c.random.shuffle(sizes);
         const Shape shape(sizes);
         return c(
             "reshape", [](auto& x, const Shape& s) { return reshape(x, s); }, c[0], shape);
       }},
      {"transpose", 1, 1,
       [](Call& c) {
         std::vector<int> order;
         if (c.chance(4))
           return c(
               "transpose", [](auto& x) { return transpose(x); }, c[0]);
         const std::size_t rank = c.shape().size();
         need(rank > 0);
         for (std::size_t axis : c.random.permutation(rank)) order.push_back(int(axis) - (c.chance() ? int(rank) : 0));
         return c(
             "transpose", [](auto& x, const std::vector<int>& o) { return transpose(x, o); }, c[0], order);
       }},
      {"broadcast_to", 1, 1,
       [](Call& c) {
         Shape shape = c.shape();
         for (std::size_t& size : shape)
           if (size == 1 && c.chance()) size = c.between(1, 3);
         if (shape.size() < 4 && c.chance()) shape.insert(0, c.between(1, 3));
         return c(
             "broadcast_to", [](auto& x, const Shape& s) { return broadcast_to(x, s); }, c[0], shape);
       }},
      {"slice", 1, 1,
       [=](Call& c) {
         const std::size_t rank = c.shape().size();
         const int axis = c.axis(rank);
         const auto [begin, end] = range(c, c.shape()[Call::at(axis, rank)]);
         return c(
             "slice", [](auto& x, int k, std::int64_t a, std::int64_t b) { return slice(x, k, a, b); }, c[0], axis,
             begin, end);
       }},
      {"slice of columns", 1, 1,
       [=](Call& c) {
         need(c.shape().size() > 1 && c.shape().back() > 1);
         const std::size_t size = c.shape().back();
         const auto begin = std::int64_t(c.random.below(size)),
                    end = std::min(begin + 1 + std::int64_t(c.random.below(2)), std::int64_t(size));
         return c(
             "slice", [](auto& x, int k, std::int64_t a, std::int64_t b) { return slice(x, k, a, b); }, c[0], -1, begin,
             end);
       },
       4},
      {"slice of rows", 1, 1,
       [=](Call& c) {
         need(!c.shape().empty() && c.shape()[0] > 1);
         const std::size_t size = c.shape()[0];
         const auto begin = std::int64_t(c.random.below(size)),
                    end = std::min(begin + 1 + std::int64_t(c.random.below(2)), std::int64_t(size));
         return c(
             "slice", [](auto& x, int k, std::int64_t a, std::int64_t b) { return slice(x, k, a, b); }, c[0], 0, begin,
             end);
       },
       3},
      {"slice in steps", 1, 1,
       [=](Call& c) {
         const std::size_t rank = c.shape().size(), step = c.between(1, 3);
         const int axis = c.axis(rank);
         const auto [begin, end] = range(c, c.shape()[Call::at(axis, rank)]);
         return c(
             "slice",
             [](auto& x, int k, std::int64_t a, std::int64_t b, std::size_t s) { return slice(x, k, a, b, s); }, c[0],
             axis, begin, end, step);
       }},
      {"split", 1, 1,
       [](Call& c) {
         const std::size_t rank = c.shape().size();
         const int axis = c.axis(rank);
         std::vector<std::size_t> sizes;
         for (std::size_t left = c.shape()[Call::at(axis, rank)]; left > 0; left -= sizes.back())
           sizes.push_back(c.between(c.chance(8) ? 0 : 1, left));
         return c(
             "split", [](auto& x, const std::vector<std::size_t>& s, int k) { return split(x, s, k); }, c[0], sizes,
             axis);
       }},
      {"split into two", 1, 1, in_parts(2)},
      {"split into three", 1, 1, in_parts(3)},
      along_axis(
          "unstack", [](auto& x, int axis) { return unstack(x, axis); }, 0),
      {"concatenate", 1, 4,
       [=](Call& c) {
         const std::size_t rank = c.shape().size();
         const int axis = c.axis(rank);
         like_first(c, Call::at(axis, rank));
         return c(
             "concatenate", [](const Many& xs, int k) { return concatenate(xs, k); }, c.all(), axis);
       }},
      {"stack", 1, 3,
       [=](Call& c) {
         for (std::size_t k = 1; k < c.size(); ++k) need(c.shape(k) == c.shape());
         need(c.shape().size() < 5);
         const int axis = c.axis(c.shape().size() + 1);
         return c(
             "stack", [](const Many& xs, int k) { return stack(xs, k); }, c.all(), axis);
       }},
      {"pad", 1, 1,
       [](Call& c) {
         std::vector<std::pair<std::size_t, std::size_t>> widths;
         for (std::size_t k = 0; k < c.shape().size(); ++k) widths.push_back({c.random.below(3), c.random.below(2)});
         const double value = 0.5 * double(c.random.below(3));
         return c(
             "pad", [](auto& x, const auto& w, double v) { return pad(x, w, v); }, c[0], widths, value);
       }},
      {"select", 1, 1,
       [](Call& c) {
         const std::size_t rank = c.shape().size();
         const int axis = c.axis(rank);
         const auto size = std::int64_t(c.shape()[Call::at(axis, rank)]);
         need(size > 0);
         const std::int64_t index = std::int64_t(c.between(0, std::size_t(2 * size - 1))) - size;
         return c(
             "select", [](auto& x, int k, std::int64_t i) { return select(x, k, i); }, c[0], axis, index);
       }},
      {"squeeze", 1, 1,
       [](Call& c) {
         const std::size_t rank = c.shape().size();
         const int axis = c.axis(rank);
         need(c.shape()[Call::at(axis, rank)] == 1);
         return c(
             "squeeze", [](auto& x, int k) { return squeeze(x, k); }, c[0], axis);
       }},
      {"unsqueeze", 1, 1,
       [](Call& c) {
         need(c.shape().size() < 5);
         const int axis = c.axis(c.shape().size() + 1);
         return c(
             "unsqueeze", [](auto& x, int k) { return unsqueeze(x, k); }, c[0], axis);
       }},
      {"swap_axes", 1, 1,
       [](Call& c) {
         const int a = c.axis(c.shape().size()), b = c.axis(c.shape().size());
         return c(
             "swap_axes", [](auto& x, int k, int l) { return swap_axes(x, k, l); }, c[0], a, b);
       }},
      {"flip", 1, 1,
       [](Call& c) {
         const Chosen axes = some_axes(c);
         return c(
             "flip", [](auto& x, const Axes& a) { return flip(x, a); }, c[0], axes);
       }},
  };
}

}  // namespace unroll::programs

// What random programs are made of: each operation of autograd/operations/ops.hpp with the operands that it takes.
#pragma once

#include "program_shape_rows.hpp"

namespace unroll::programs {

inline Rows elementwise_rows() {
  const Check by_half = [](Call& c) { c.decide(detach(c[0]) - 0.5); };
  const Check above_minus_one = [](Call& c) { need(least(c[0]) > -0.7); };
  const Check by_signs = [](Call& c) {
    c.decide(c[0]);
    c.decide(c[1]);
  };
  const Check by_size = [](Call& c) { need(least(abs(detach(c[0]))) > 0.2); };
  const Check by_divisor = [](Call& c) { need(least(abs(detach(c[1]))) > 0.2); };
  return {
      binary("add", [](auto& a, auto& b) { return add(a, b); }),
      binary("subtract", [](auto& a, auto& b) { return subtract(a, b); }),
      binary("multiply", [](auto& a, auto& b) { return multiply(a, b); }),
      binary("divide", by_divisor, [](auto& a, auto& b) { return divide(a, b); }),
      binary("operator+", [](auto& a, auto& b) { return a + b; }),
      binary("operator-", [](auto& a, auto& b) { return a - b; }),
      binary("operator*", [](auto& a, auto& b) { return a * b; }),
      binary("operator/", by_divisor, [](auto& a, auto& b) { return a / b; }),
      binary("operator+=", [](auto a, auto& b) { return a += b; }),
      binary("operator-=", [](auto a, auto& b) { return a -= b; }),
      binary("operator*=", [](auto a, auto& b) { return a *= b; }),
      binary("operator/=", by_divisor, [](auto a, auto& b) { return a /= b; }),
      binary("operator<", by_order, [](auto& a, auto& b) { return a < b; }),
      binary("operator<=", by_order, [](auto& a, auto& b) { return a <= b; }),
      binary("operator>", by_order, [](auto& a, auto& b) { return a > b; }),
      binary("operator>=", by_order, [](auto& a, auto& b) { return a >= b; }),
      binary("less", by_order, [](auto& a, auto& b) { return less(a, b); }),
      binary("less_equal", by_order, [](auto& a, auto& b) { return less_equal(a, b); }),
      binary("equal", by_order, [](auto& a, auto& b) { return equal(a, b); }),
      binary("not_equal", by_order, [](auto& a, auto& b) { return not_equal(a, b); }),
      binary("operator==", by_order, [](auto& a, auto& b) { return a == b; }),
      binary("operator!=", by_order, [](auto& a, auto& b) { return a != b; }),
      binary("logical_and", by_signs, [](auto& a, auto& b) { return logical_and(a, b); }),
      binary("logical_or", by_signs, [](auto& a, auto& b) { return logical_or(a, b); }),
      binary("operator&&", by_signs, [](auto& a, auto& b) { return a && b; }),
      binary("operator||", by_signs, [](auto& a, auto& b) { return a || b; }),
      unary("logical_not", by_sign, [](auto& x) { return logical_not(x); }),
      unary("operator!", by_sign, [](auto& x) { return !x; }),
      with_number("operator+", [](auto& a, auto& b) { return a + b; }),
      with_number("operator-", [](auto& a, auto& b) { return a - b; }),
      with_number("operator*", [](auto& a, auto& b) { return a * b; }),
      with_number("operator/", by_size, [](auto& a, auto& b) { return a / b; }),
      with_number("maximum", [](auto& a, auto& b) { return maximum(a, b); }),
      with_number("minimum", [](auto& a, auto& b) { return minimum(a, b); }),
      with_number("operator<", [](auto& a, auto& b) { return a < b; }),
      with_number("pow", positive, [](auto& a, auto& b) { return pow(a, b); }),
      ternary("fma", [](auto& a, auto& b, auto& x) { return fma(a, b, x); }),
      ternary("lerp", [](auto& a, auto& b, auto& t) { return lerp(a, b, t); }),
      ternary("scaled_exp", [](auto& w, auto& a, auto& b) { return scaled_exp(w, a, b); }),
      ternary("where", by_sign, [](auto& condition, auto& a, auto& b) { return where(condition, a, b); }),
      ternary("where with a comparison", by_half, [](auto& x, auto& a, auto& b) { return where(x < 0.5, a, b); }),
      ternary("select", by_sign, [](auto& condition, auto& a, auto& b) { return select(condition, a, b); }),
      binary("exp_difference", [](auto& a, auto& b) { return exp_difference(a, b); }),
      binary("scaled_tanh", [](auto& w, auto& x) { return scaled_tanh(w, x); }),
      binary("pow", positive, [](auto& a, auto& b) { return pow(a, b); }),
      {"pow with a whole exponent", 1, 1,
       [](Call& c) {
         const int exponent = int(c.between(0, 3));
         return c(
             "pow", [](auto& x, int n) { return pow(x, n); }, c[0], exponent);
       }},
      binary("maximum", by_order, [](auto& a, auto& b) { return maximum(a, b); }),
      binary("minimum", by_order, [](auto& a, auto& b) { return minimum(a, b); }),
      unary("negate", [](auto& x) { return negate(x); }),
      unary("operator-", [](auto& x) { return -x; }),
      unary("exp", [](auto& x) { return exp(x); }),
      unary("log", positive, [](auto& x) { return log(x); }),
      unary("tanh", [](auto& x) { return tanh(x); }),
      unary("sigmoid", [](auto& x) { return sigmoid(x); }),
      unary("logistic", [](auto& x) { return logistic(x); }),
      unary("softplus", [](auto& x) { return softplus(x); }),
      unary("log_sigmoid", [](auto& x) { return log_sigmoid(x); }),
      unary("log1p", above_minus_one, [](auto& x) { return log1p(x); }),
      unary("expm1", [](auto& x) { return expm1(x); }),
      unary("sqrt", positive, [](auto& x) { return sqrt(x); }),
      unary("rsqrt", positive, [](auto& x) { return rsqrt(x); }),
      unary("reciprocal", by_size, [](auto& x) { return reciprocal(x); }),
      unary("abs", by_sign, [](auto& x) { return abs(x); }),
      unary("sign", by_sign, [](auto& x) { return sign(x); }),
      unary("erf", [](auto& x) { return erf(x); }),
      unary("sin", [](auto& x) { return sin(x); }),
      unary("cos", [](auto& x) { return cos(x); }),
      unary("silu", [](auto& x) { return silu(x); }),
      unary("gelu", [](auto& x) { return gelu(x); }),
      unary("relu", by_sign, [](auto& x) { return relu(x); }),
      unary("square", [](auto& x) { return square(x); }),
      unary("nonzero", [](auto& x) { return nonzero(x); }),
      {"clamp", 1, 1,
       [](Call& c) {
         const double low = 0.5 * double(c.random.below(3)) - 1, high = low + 0.5 * double(c.random.below(4));
         c.decide(detach(c[0]) - low);
         c.decide(detach(c[0]) - high);
         return c(
             "clamp", [](auto& x, double a, double b) { return clamp(x, a, b); }, c[0], low, high);
       }},
  };
}

inline Rows product_rows() {
  const auto multiplied = [](Call& c) {
    const Shape &a = c.shape(0), &b = c.shape(1);
    need(!a.empty() && !b.empty());
    Transposed t;
    if (a.size() > 1) t.a = c.chance();
    if (b.size() > 1) t.b = c.chance();
    const auto inner = [&] {
      return a[a.size() - (t.a ? 2 : 1)] == (b.size() == 1 ? b[0] : b[b.size() - (t.b ? 1 : 2)]);
    };
    for (int turn = 0; turn < 4 && !inner(); ++turn) (turn % 2 ? t.b : t.a) ^= (turn % 2 ? b : a).size() > 1;
    need(inner());
    if (a.size() > 2 && b.size() > 2)
      need(broadcast_together(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2)));
    return c(
        "matmul", [](auto& x, auto& y, Transposed both) { return matmul(x, y, both); }, c[0], c[1], t);
  };
  const auto affine = [](Call& c) {
    const Shape &x = c.shape(0), &w = c.shape(1);
    need(!x.empty() && w.size() == 2 && x.back() == w[1]);
    if (c.size() == 2)
      return c(
          "linear", [](auto& a, auto& b) { return linear(a, b); }, c[0], c[1]);
    Shape y = x;
    y.back() = w[0];
    need(broadcasts_to(c.shape(2), y));
    return c(
        "linear", [](auto& a, auto& b, auto& bias) { return linear(a, b, bias); }, c[0], c[1], c[2]);
  };
  return {{"matmul", 2, 2, multiplied}, {"linear", 2, 2, affine}, {"linear with a bias", 3, 3, affine}};
}

inline Rows reduction_rows() {
  return {
      reduction("sum", [](auto& x, const Axes& axes, bool keep) { return sum(x, axes, keep); }),
      reduction("mean", [](auto& x, const Axes& axes, bool keep) { return mean(x, axes, keep); }),
      reduction("max", [](auto& x, const Axes& axes, bool keep) { return max(x, axes, keep); }),
      reduction("min", [](auto& x, const Axes& axes, bool keep) { return min(x, axes, keep); }),
      reduction("prod", [](auto& x, const Axes& axes, bool keep) { return prod(x, axes, keep); }),
      reduction("norm", [](auto& x, const Axes& axes, bool keep) { return norm(x, axes, keep); }),
      reduction("logsumexp", [](auto& x, const Axes& axes, bool keep) { return logsumexp(x, axes, keep); }),
      {"variance", 1, 1,
       [](Call& c) {
         const Chosen axes = some_axes(c);
         const std::size_t correction = c.random.below(2);
         need(group(c, axes) > correction);
         const bool keep = c.chance();
         return c(
             "variance", [](auto& x, const Axes& a, bool k, std::size_t n) { return variance(x, a, k, n); }, c[0], axes,
             keep, correction);
       }},
      along_axis(
          "cumulative_sum", [](auto& x, int axis) { return cumulative_sum(x, axis); }, 0),
      along_axis(
          "cumulative_prod", [](auto& x, int axis) { return cumulative_prod(x, axis); }, 0),
      {"masked_softmax", 2, 2,
       [](Call& c) {
         need(broadcasts_to(c.shape(1), c.shape(0)) && c[0].size() > 0 && c.shape().size() > 0);
         c.decide(c[1]);
         const int axis = c.axis(c.shape().size());
         return c(
             "masked_softmax", [](auto& x, auto& mask, int k) { return masked_softmax(x, mask, k); }, c[0], c[1], axis);
       }},
      along_axis(
          "softmax", [](auto& x, int axis) { return softmax(x, axis); }, 1),
      along_axis(
          "log_softmax", [](auto& x, int axis) { return log_softmax(x, axis); }, 1),
      {"logsumexp_above", 2, 2,
       [](Call& c) {
         need(broadcasts_to(c.shape(1), c.shape(0)) && c[0].size() > 0);
         return c(
             "logsumexp_above", [](auto& x, auto& shift) { return logsumexp_above(x, shift); }, c[0], c[1]);
       }},
      {"sum_to", 1, 1,
       [](Call& c) {
         Shape shape = c.shape();
         for (std::size_t& size : shape)
           if (c.chance()) size = 1;
         while (!shape.empty() && shape[0] == 1 && c.chance()) shape.erase(0);
         return c(
             "sum_to", [](auto& x, const Shape& s) { return sum_to(x, s); }, c[0], shape);
       }},
  };
}

inline Rows selection_rows() {
  const auto of_most = [](const std::string& name, double sign, const auto& f) {
    return Row{name, 1, 1, [=](Call& c) {
                 const int axis = c.axis(c.shape().size());
                 const std::size_t size = c.shape()[Call::at(axis, c.shape().size())];
                 need(size > 0 && c.shape().size() < 5);
                 const V x = sign * detach(c[0]);
                 if (x.size() > 0) c.decide(x - max(x, axis, true));
                 const Many result = c(
                     name, [size, f](auto& y, int a) { return one_hot<double>(f(y, a), size); }, c[0], axis);
                 c.text = "one_hot<double>(" + c.text + ", " + std::to_string(size) + ")";
                 return result;
               }};
  };
  const auto any_shape = [](Call& c) {
    Shape shape;
    while (shape.size() < 2 && c.chance()) shape.push_back(c.between(c.chance(8) ? 0 : 1, 3));
    return shape;
  };
  return {
      {"take", 1, 1,
       [=](Call& c) {
         need(!c.shape().empty() && c.shape().size() < 5);
         const Indices indices = c.indices(any_shape(c), c.shape()[0]);
         return c(
             "take", [](auto& x, const Indices& i) { return take(x, i); }, c[0], indices);
       },
       4},
      {"scatter", 1, 1,
       [](Call& c) {
         const std::size_t axes = c.between(0, c.shape().size()), count = c.between(1, 4);
         const Indices indices = c.indices(Shape(c.shape().begin(), c.shape().begin() + axes), count);
         return c(
             "scatter", [](auto& x, const Indices& i, std::size_t n) { return scatter(x, i, n); }, c[0], indices,
             count);
       }},
      {"take_along", 1, 1,
       [](Call& c) {
         const int axis = c.axis(c.shape().size());
         Shape shape = c.shape();
         std::size_t& size = shape[Call::at(axis, shape.size())];
         const std::size_t limit = size;
         size = c.between(1, 4);
         const Indices indices = c.indices(shape, limit);
         return c(
             "take_along", [](auto& x, const Indices& i, int k) { return take_along(x, i, k); }, c[0], indices, axis);
       }},
      {"scatter_along", 1, 1,
       [](Call& c) {
         const int axis = c.axis(c.shape().size());
         Shape shape = c.shape();
         std::size_t& size = shape[Call::at(axis, shape.size())];
         size = c.between(1, 4);
         const Indices indices = c.indices(c.shape(), size);
         return c(
             "scatter_along",
             [](auto& x, const Indices& i, int k, const Shape& s) { return scatter_along(x, i, k, s); }, c[0], indices,
             axis, shape);
       }},
      {"one_hot", 0, 0,
       [=](Call& c) {
         const std::size_t count = c.between(1, 4);
         const Indices indices = c.indices(any_shape(c), count);
         return c(
             "one_hot<double>", [](const Indices& i, std::size_t n) { return one_hot<double>(i, n); }, indices, count);
       }},
      {"top_k", 1, 1,
       [](Call& c) {
         const int axis = c.axis(c.shape().size());
         const std::size_t size = c.shape()[Call::at(axis, c.shape().size())], k = c.between(0, size);
         const TopK<double> order = top_k(detach(c[0]), size, axis);
         for (std::int64_t index : order.indices) c.decide(std::uint64_t(index));
         if (size > 1) c.decide(slice(order.values, axis, 0, -1) - slice(order.values, axis, 1, std::int64_t(size)));
         const Many result = c(
             "top_k", [](auto& x, std::size_t n, int a) { return Many{top_k(x, n, a).values}; }, c[0], k, axis);
         c.text += ".values";
         return result;
       }},
      of_most("argmax", 1, [](auto& x, int axis) { return argmax(x, axis); }),
      of_most("argmin", -1, [](auto& x, int axis) { return argmin(x, axis); }),
  };
}

inline Rows other_rows() {
  const auto filled = [](const std::string& name, const auto& f) {
    return Row{name, 1, 1, [=](Call& c) {
                 const Shape shape = c.shape();
                 return c(name + "<double>", f, shape);
               }};
  };
  return {
      {"detach", 1, 1,
       [](Call& c) {
         return Many{c.held(c(
             "detach", [](auto& x) { return detach(x); }, c[0])[0])};
       }},
      filled("zeros", [](const Shape& s) { return zeros<double>(s); }),
      filled("ones", [](const Shape& s) { return ones<double>(s); }),
      {"full", 1, 1,
       [](Call& c) {
         const Shape shape = c.shape();
         const double value = 0.5 * double(c.random.below(5)) - 1;
         return c(
             "full<double>", [](const Shape& s, double x) { return full<double>(s, x); }, shape, value);
       }},
      // Random numbers of the tape, as dropout draws them.
      {"noise", 1, 1,
       [](Call& c) {
         const auto drawn = [](auto& x) {
           return x * V(Tape<double>::innermost()->random()->normal<double>(x.shape()));
         };
         return c("noise", drawn, c[0]);
       }},
      // Derivatives that are part of the loss.
      {"gradient", 2, 4,
       [](Call& c) {
         Run& run = c.run();
         need(run.depth == 0);
         for (std::size_t k = 0; k < c.size(); ++k) need(run.tape.index_of(c[k]) != Node<double>::constant);
         const Many all = c.all(), xs(all.begin() + 1, all.end());
         if (c[0].size() == 1 && c.chance())
           return c(
               "tape.gradient", [&](auto& y, const Many& by) { return run.tape.gradient(y, by); }, c[0], xs);
         const Draw cotangent{c.random.below(100), c.shape()};
         return c(
             "tape.gradient", [&](auto& y, const Many& by, const V& g) { return run.tape.gradient(y, by, g); }, c[0],
             xs, cotangent);
       }},
      // The same where the cotangent is recorded too.
      {"gradient along a value", 3, 3,
       [](Call& c) {
         Run& run = c.run();
         need(run.depth == 0 && c.shape(2) == c.shape(0));
         for (std::size_t k = 0; k < 2; ++k) need(run.tape.index_of(c[k]) != Node<double>::constant);
         const Many by{c[1]};
         return c(
             "tape.gradient", [&](auto& y, const Many& xs, auto& g) { return run.tape.gradient(y, xs, g); }, c[0], by,
             c[2]);
       }},
  };
}

/// The rows, by the part of ops.hpp in which they are.
inline std::vector<Rows> all_rows() {
  return {elementwise_rows(), product_rows(), reduction_rows(), shape_rows(), selection_rows(), other_rows()};
}

}  // namespace unroll::programs

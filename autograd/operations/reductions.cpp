#include <algorithm>
#include <cmath>
#include <limits>

#include "../instantiate.hpp"
#include "../kernels/kernels.hpp"
#include "../primitive.hpp"
#include "ops.hpp"

namespace unroll {

using namespace detail;

std::size_t normal_axis(const char* where, Axis axis, std::size_t rank, const char* of) {
  const auto n = static_cast<std::int64_t>(rank);
  require(n > 0, where, "axis ", axis, " of ", of, " with 0 axes; there is none");
  require(-n <= axis.value && axis.value < n, where, "axis ", axis, " of ", of, " with ", n,
          " axes; it must be between ", -n, " and ", n - 1);
  return static_cast<std::size_t>(axis.value < 0 ? axis.value + n : axis.value);
}

Shape Axes::reduced(const char* where, const Shape& shape, bool keep) const {
  std::vector<bool> chosen(shape.size(), all_);
  for (Axis axis : axes_) {
    auto chosen_already = chosen[normal_axis(where, axis, shape.size())];
    require(!chosen_already, where, "axis ", axis, " is given twice");
    chosen_already = true;
  }
  Shape result;
  for (std::size_t k = 0; k < shape.size(); ++k)
    if (keep || !chosen[k]) result.push_back(chosen[k] ? 1 : shape[k]);
  return result;
}

namespace {

// The function of the operands, added up or maximised over the axes that `shape` does not have.
template <class T, const auto& f, class... More>
Variable<T> reduce(const Shape& shape, T start, Write write, const Variable<T>& x, const More&... more) {
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  std::fill_n(result->buffer.data(), result->size(), start);
  const Inputs<T> in{1 + sizeof...(more), {x.tensor().view(), more.tensor().view()...}};
  traverse(x.shape(), vector_loops<T>(f).value, &f.value, in, result->place(), write);
  return Variable<T>(std::move(result));
}

template <class T> Variable<T> maximum_to(const Variable<T>& x, const Shape& shape) {
  return reduce<T, functions::copy>(shape, -std::numeric_limits<T>::infinity(), Write::maximum, x);
}

template <class T>
Variable<T> with_axes(const Variable<T>& kept, const char* where, const Variable<T>& x, const Axes& axes, Keep keep) {
  return keep ? kept : reshape(kept, axes.dropped(where, x.shape()));
}

}  // namespace

/// y = Σx                                        x̄ = ȳ, repeated
template <class T> Variable<T> sum_to(const Variable<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(broadcast("sum_to", x.shape(), shape) == x.shape(), "sum_to", x.shape(), " to ", shape,
          ": the latter must broadcast to the former");
  Shape aligned = shape;
  while (aligned.size() < x.shape().size()) aligned.insert(0, 1);
  const Variable<T> y = reduce<T, functions::copy>(aligned, T(0), Write::add, x);
  return primitive("sum", {x}, reshape(y, shape), Pass{});
}

template <class T> Variable<T> sum(const Variable<T>& x, const Axes& axes, Keep keep) {
  const Scope scope("sum");
  return with_axes(sum_to(x, axes.kept("sum", x.shape())), "sum", x, axes, keep);
}

template <class T> Variable<T> mean(const Variable<T>& x, const Axes& axes, Keep keep) {
  const Scope scope("mean");
  const std::size_t left = axes.kept("mean", x.shape()).elements();
  require(x.size() > 0 || left == 0, "mean", "the shape is ", x.shape(), "; there is nothing to average");
  return sum(x, axes, keep) * (double(left) / double(std::max<std::size_t>(x.size(), 1)));
}

namespace {

/// y = max x                                     x̄ = ȳ / n for the n elements that equal y, else 0
template <class T> Variable<T> largest(const char* name, const Variable<T>& x, const Axes& axes, Keep keep) {
  const Shape shape = axes.kept(name, x.shape());
  require(x.size() > 0 || shape.elements() == 0, name, "the shape is ", x.shape(), "; there is nothing to choose from");
  const Variable<T> y = maximum_to(x, shape);
  const Variable<T> kept = primitive(name, {x}, y, [x, y](const Variable<T>& g) {
    const Variable<T> ties = equal(x, y);
    return g * (ties / sum_to(ties, y.shape()));
  });
  return with_axes(kept, name, x, axes, keep);
}

}  // namespace

template <class T> Variable<T> max(const Variable<T>& x, const Axes& axes, Keep keep) {
  const Scope scope("max");
  return largest("max", x, axes, keep);
}

template <class T> Variable<T> min(const Variable<T>& x, const Axes& axes, Keep keep) {
  const Scope scope("min");
  return -largest("min", -x, axes, keep);
}

template <class T> Variable<T> prod(const Variable<T>& x, const Axes& axes, Keep keep) {
  const Scope scope("prod");
  const Shape& shape = x.shape();
  const Shape kept = axes.kept("prod", shape);
  std::vector<int> order;  // what is multiplied comes first
  for (std::size_t k = 0; k < shape.size(); ++k)
    order.insert(kept[k] == shape[k] ? order.end() : order.begin(), static_cast<int>(k));
  std::size_t n = 1;
  for (std::size_t k = 0; k < shape.size(); ++k) n *= kept[k] == shape[k] ? 1 : shape[k];
  if (n == 0) return exp(sum(x, axes, keep));
  Variable<T> y = reshape(order.empty() ? x : transpose(x, order), {n, kept.elements()});
  for (std::int64_t rows = static_cast<std::int64_t>(n), half; rows > 1; rows -= half) {
    half = rows / 2;
    const Variable<T> pairs = slice(y, 0, 0, half) * slice(y, 0, half, 2 * half);
    y = rows % 2 ? concatenate({pairs, slice(y, 0, 2 * half, rows)}) : pairs;
  }
  return with_axes(reshape(y, kept), "prod", x, axes, keep);
}

template <class T> Variable<T> variance(const Variable<T>& x, const Axes& axes, Keep keep, std::size_t correction) {
  const Scope scope("variance");
  const std::size_t left = axes.kept("variance", x.shape()).elements();
  const std::size_t n = x.size() / std::max<std::size_t>(left, 1);
  require(n > correction || left == 0, "variance", n, " elements with a correction of ", correction,
          "; there must be more");
  const Variable<T> sum_of_squares = sum(square(x - mean(x, axes, true)), axes, keep);
  return sum_of_squares * (left == 0 ? 0.0 : 1 / double(n - correction));
}

namespace {

// √Σx² without gaps in what it can be: the squares of small numbers are 0, those of large ones ∞.
template <class T> Variable<T> length(const Variable<T>& x, const Shape& shape) {
  using Limits = std::numeric_limits<T>;
  const auto lengths = [&](const Variable<T>& x) { return sqrt(sum_to(square(x), shape)); };
  const Variable<T> y = lengths(x);
  const T* const values = y.tensor().data();
  // Some squares of a smaller sum may have been lost.
  const T least = std::sqrt(Limits::min()) / Limits::epsilon();
  if (std::all_of(values, values + y.size(), [&](T value) { return least < value && value <= Limits::max(); }))
    return y;
  const Variable<T> scale = maximum_to(abs(x), shape);
  for (T& s : scale.shared()->buffer) s = s > 0 && s <= Limits::max() ? std::ldexp(T(1), std::ilogb(s)) : T(1);
  return scale * lengths(x / scale);
}

}  // namespace

/// y = √Σx²                                      x̄ = ȳ x / y, 0 where y = 0
template <class T> Variable<T> norm(const Variable<T>& x, const Axes& axes, Keep keep) {
  const Scope scope("norm");
  const Variable<T> constant = detach(x);
  const Variable<T> y = primitive("norm", {x}, length(constant, axes.kept("norm", x.shape())),
                                  [x](const Variable<T>& g, const Variable<T>& y) {
                                    return g * (x / where(y, y, std::numeric_limits<T>::infinity()));
                                  });
  return with_axes(y, "norm", x, axes, keep);
}

/// y_k = Σ_{i ≤ k} x_i                           x̄_k = Σ_{i ≥ k} ȳ_i
template <class T> Variable<T> cumulative_sum(const Variable<T>& x, Axis axis) {
  const std::size_t k = normal_axis("cumulative_sum", axis, x.shape().size());
  const std::size_t inner = x.shape().product(k + 1, x.shape().size()), outer = inner * x.shape()[k];
  const Variable<T> y = copy_of(x);
  T* const sums = y.shared()->buffer.data();
  std::vector<Compensated<T>> before(inner);
  for (std::size_t row = 0, height; row < y.size(); row += height * inner) {
    if (row % outer == 0) std::fill(before.begin(), before.end(), Compensated<T>{});
    height = std::min(few, (outer - row % outer) / inner);
    for (std::size_t j = 0; j < inner; ++j) {
      T part = 0;
      for (std::size_t i = 0; i < height; ++i) {
        T& element = sums[row + i * inner + j];
        part += element;
        element = before[j].sum + part;
      }
      before[j] += part;
    }
  }
  return primitive("cumulative_sum", {x}, y,
                   [axis](const Variable<T>& g) { return flip(cumulative_sum(flip(g, axis), axis), axis); });
}

template <class T> Variable<T> cumulative_prod(const Variable<T>& x, Axis axis) {
  normal_axis("cumulative_prod", axis, x.shape().size());
  const Scope scope("cumulative_prod");
  std::vector<Variable<T>> products = unstack(x, axis);
  for (std::size_t k = 1; k < products.size(); ++k) products[k] *= products[k - 1];
  return products.empty() ? x : stack(products, axis);
}

/// y = ln Σe^(x − s)                            x̄ = ȳ e^(−y) ⊙ e^(x − s), 0 where y = −∞;  s̄ = −ȳ
template <class T> Variable<T> logsumexp_above(const Variable<T>& x, const std::type_identity_t<Variable<T>>& shift) {
  require(broadcast("logsumexp_above", x.shape(), shift.shape()) == x.shape(), "logsumexp_above", "x has shape ",
          x.shape(), ", the shift ", shift.shape(), "; the latter must broadcast to the former");
  const Variable<T> y = log(reduce<T, functions::exp_difference>(shift.shape(), T(0), Write::add, x, shift));
  return primitive(
      "logsumexp", {x, shift}, y,
      [x, shift](const Variable<T>& g, const Variable<T>& y) {
        const Variable<T> finite = where(equal(y, -std::numeric_limits<T>::infinity()), 0, y);
        return scaled_exp(scaled_exp(g, Variable<T>(0), finite), x, shift);
      },
      [](const Variable<T>& g) { return -g; });
}

namespace {

// x, but in lines whose largest element is ∞ that is 0 and all below it −∞: what ∞ and numbers tend to as exponents.
// Of several that are ∞ each is `several`.
template <class T> Variable<T> limited(const Variable<T>& x, const Variable<T>& largest, T several) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T* const first = largest.tensor().data();
  if (std::find(first, first + largest.size(), infinity) == first + largest.size()) return x;
  const Variable<T> values = detach(x), top = equal(values, infinity);
  const Variable<T> of_top = unroll::where(sum_to(top, largest.shape()) > 1, several, 0);
  return primitive("limit", {x}, unroll::where(equal(largest, infinity), unroll::where(top, of_top, -infinity), values),
                   Pass{});
}

// x less its largest element along the axis, a constant: softmax does not depend on it, but is exact only near 0.
template <class T> Variable<T> shifted(const char* where, const Variable<T>& x, Axis axis) {
  const Variable<T> largest = maximum_to(x, Axes(axis).kept(where, x.shape()));
  const Variable<T> line = limited(x, largest, std::numeric_limits<T>::quiet_NaN());
  return line.shared().get() == x.shared().get() ? x - largest : line - maximum_to(line, largest.shape());
}

}  // namespace

template <class T> Variable<T> logsumexp(const Variable<T>& x, const Axes& axes, Keep keep) {
  const Scope scope("logsumexp");
  const Variable<T> largest = maximum_to(x, axes.kept("logsumexp", x.shape()));
  const Variable<T> shift = where(equal(largest - largest, 0), largest, 0);  // 0 instead of an infinity
  return with_axes(logsumexp_above(limited(x, largest, T(0)), shift) + largest, "logsumexp", x, axes, keep);
}

template <class T> Variable<T> softmax(const Variable<T>& x, Axis axis) {
  const Scope scope("softmax");
  const Variable<T> z = shifted("softmax", x, axis);
  return exp_difference(z, logsumexp(z, axis, true));
}

template <class T>
Variable<T> masked_softmax(const Variable<T>& x, const std::type_identity_t<Variable<T>>& mask, Axis axis) {
  const Scope scope("masked_softmax");
  require(broadcast("masked_softmax", x.shape(), mask.shape()) == x.shape(), "masked_softmax", "x has shape ",
          x.shape(), ", the mask ", mask.shape(), "; the latter must broadcast to the former");
  const Variable<T> known = broadcast_to(not_equal(detach(mask), 0), x.shape());
  const Variable<T> others = where(sum(known, axis, true), -std::numeric_limits<T>::infinity(), T(0));
  return where(known, softmax(where(known, x, others), axis), 0);
}

template <class T> Variable<T> log_softmax(const Variable<T>& x, Axis axis) {
  const Scope scope("log_softmax");
  const Variable<T> z = shifted("log_softmax", x, axis);
  return z - logsumexp(z, axis, true);
}

extern const auto reductions = for_float_and_double([]<class T>() {
  return std::tuple(&sum<T>, &mean<T>, &max<T>, &min<T>, &prod<T>, &variance<T>, &norm<T>, &cumulative_sum<T>,
                    &logsumexp<T>, &logsumexp_above<T>, &softmax<T>, &log_softmax<T>, &sum_to<T>, &cumulative_prod<T>,
                    &masked_softmax<T>);
});

}  // namespace unroll

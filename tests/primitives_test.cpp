// One table of the operations that autograd/ops.hpp declares drives the checks of their values and derivatives.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <sstream>

#include "autograd/autograd.hpp"
#include "autograd/gradient_check.hpp"
#include "autograd/random.hpp"
#include "operations.hpp"

using namespace unroll;

namespace {

using A = Array<double>;
using Arrays = std::vector<A>;
using Shapes = std::vector<Shape>;
using Reference = std::function<A(const Arrays&)>;
template <class T>
using Operation = std::function<Variable<T>(const std::vector<Variable<T>>&)>;

struct Row {
  std::string name;   // of the operation, and after a space what is special
  std::string cases;  // shapes of the operands: "(2,3) (3); () ()" are two cases of two operands
  std::pair<Operation<double>, Operation<float>> operation;
  Reference reference{};  // by plain xtensor; not called where an operand has no elements
};

// Before cases: all elements are positive, or no two elements, of one operand or of two, nor one and 0 are nearer to
// each other than 0.03.
const std::string positive = "+", apart = "~";

// f of as many elements of x as it takes.
template <class F, class X, class... Some>
auto call(const F& f, const std::vector<X>& x, const Some&... some) {
  if constexpr (std::is_invocable_v<const F&, const Some&...>)
    return f(some...);
  else
    return call(f, x, some..., x[sizeof...(some)]);
}
template <class F>
std::pair<Operation<double>, Operation<float>> of(const F& f) {
  const auto on_vector = [f](const auto& x) { return call(f, x); };
  return {on_vector, on_vector};
}
template <class F>
Reference plain(const F& f) {
  return [f](const Arrays& x) { return A(call(f, x)); };
}
// The same expression of variables and of arrays.
template <class F>
Row alike(const char* name, const std::string& cases, const F& f) {
  return {name, cases, of(f), plain(f)};
}

A shaped(A x, const Shape& shape) {
  x.reshape(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
  return x;
}
A raised(const A& x, std::size_t axis) {
  Shape shape(x.shape());
  shape.insert(axis, 1);
  return shaped(x, shape);
}
// The elements from begin to end along an axis; the axis stays.
A cut(const A& x, std::size_t axis, int begin, int end) {
  xt::xstrided_slice_vector slices(x.dimension(), xt::all());
  slices[axis] = xt::range(begin, end);
  return xt::strided_view(x, slices);
}
A added(const A& x, std::size_t axis, bool keep = false) {
  return keep ? A(xt::sum(x, {axis}, xt::keep_dims)) : A(xt::sum(x, {axis}));
}
// The product as a sum over an axis of its own.
A product(A a, A b, Transposed t) {
  const bool row = a.dimension() == 1, column = b.dimension() == 1;
  if (row) a = shaped(a, {1, a.size()});
  if (column) b = shaped(b, {b.size(), 1});
  const auto turn = [](A& x) {
    std::vector<std::size_t> order(x.dimension());
    std::iota(order.begin(), order.end(), 0);
    std::swap(order.back(), order[order.size() - 2]);
    x = A(xt::transpose(A(x), order));
  };
  if (t.a) turn(a);
  if (t.b) turn(b);
  Shape left(a.shape()), right(b.shape());
  left.push_back(1);
  right.insert(right.size() - 2, 1);
  const A terms = shaped(a, left) * shaped(b, right), y = added(terms, terms.dimension() - 2);
  Shape shape(y.shape());
  if (column) shape.erase(shape.size() - 1);
  if (row) shape.erase(shape.size() - (column ? 1 : 2));
  return shaped(y, shape);
}

// The elements of x at positions in memory or, scattered, zeros with the elements of x added there.
using Positions = std::vector<std::size_t>;
Reference gathered(const Positions& from, const Shape& shape, bool scattered = false) {
  return [=](const Arrays& x) {
    A y = zeros<double>(shape).value();
    for (std::size_t k = 0; k < from.size(); ++k)
      y.storage()[scattered ? from[k] : k] += x[0].storage()[scattered ? k : from[k]];
    return y;
  };
}
Reference scattered(const Positions& to, const Shape& shape) { return gathered(to, shape, true); }

const std::string one = "(); (0,3); (5); (1,3); (2,3,4); (3,11)", filled = "(); (5); (1,3); (2,3,4); (3,11)";
const std::string three = "() () (); (2,3) (2,3) (2,3); (3) (2,1) (); (2,3) () (3); (0,3) (3) (1,1); (1,3) (3) (1,3)";
const std::string two =
    "() (); (5) (5); (2,3) (3); (3) (1,3); (2,1) (1,3); (4) (); () (2,2); (0,3) (3); (1,3) (0,3); (2,0) (2,0);"
    "(1) (1,1); (3,1) (3); (2,3,2) (3,1)";

std::vector<Row> elementwise() {
  return {
      {"add", two, of([](auto& a, auto& b) { return add(a, b); }), plain(std::plus<>())},
      {"subtract", two, of([](auto& a, auto& b) { return subtract(a, b); }), plain(std::minus<>())},
      {"multiply", two + "; (300,1) (300,1)", of([](auto& a, auto& b) { return multiply(a, b); }),
       plain(std::multiplies<>())},
      {"divide", positive + two, of([](auto& a, auto& b) { return divide(a, b); }), plain(std::divides<>())},
      {"negate", one, of([](auto& x) { return negate(x); }), plain(std::negate<>())},
      alike("exp", one, [](auto& x) { return exp(x); }),
      alike("log", positive + one, [](auto& x) { return log(x); }),
      alike("tanh", one, [](auto& x) { return tanh(x); }),
      {"sigmoid", one, of([](auto& x) { return sigmoid(x); }), plain([](auto& x) { return 1 / (1 + xt::exp(-x)); })},
      {"softplus", one, of([](auto& x) { return softplus(x); }),
       plain([](auto& x) { return xt::log(1 + xt::exp(x)); })},
      {"logistic", one, of([](auto& x) { return logistic(x); }), plain([](auto& x) { return 1 / (1 + xt::exp(-x)); })},
      {"log_sigmoid", one, of([](auto& x) { return log_sigmoid(x); }),
       plain([](auto& x) { return -xt::log(1 + xt::exp(-x)); })},
      alike("log1p", positive + one, [](auto& x) { return log1p(x); }),
      alike("expm1", one, [](auto& x) { return expm1(x); }),
      alike("sqrt", positive + one, [](auto& x) { return sqrt(x); }),
      {"rsqrt", positive + one, of([](auto& x) { return rsqrt(x); }), plain([](auto& x) { return 1 / xt::sqrt(x); })},
      {"reciprocal", positive + one, of([](auto& x) { return reciprocal(x); }), plain([](auto& x) { return 1 / x; })},
      alike("pow", positive + two, [](auto& a, auto& b) { return pow(a, b); }),
      alike("pow with a whole exponent", one, [](auto& x) { return pow(x, 3); }),
      alike("abs", apart + one, [](auto& x) { return abs(x); }),
      alike("erf", one, [](auto& x) { return erf(x); }),
      alike("sin", one, [](auto& x) { return sin(x); }),
      alike("cos", one, [](auto& x) { return cos(x); }),
      {"silu", one, of([](auto& x) { return silu(x); }), plain([](auto& x) { return x / (1 + xt::exp(-x)); })},
      {"gelu", one, of([](auto& x) { return gelu(x); }),
       plain([](auto& x) { return x / 2 * xt::erfc(-x / std::sqrt(2.)); })},
      alike("maximum", apart + two, [](auto& a, auto& b) { return maximum(a * a, b); }),
      alike("minimum", apart + two, [](auto& a, auto& b) { return minimum(a * a, b); }),
      {"clamp", apart + one, of([](auto& x) { return clamp(x, -0.5, 0.6); }),
       plain([](auto& x) { return xt::clip(x, -0.5, 0.6); })},
      {"relu", apart + one, of([](auto& x) { return relu(x); }), plain([](auto& x) { return x * (x > 0.); })},
      {"relu of cubes", apart + one, of([](auto& x) { return relu(x * x * x); }),
       plain([](auto& x) { return x * x * x * (x > 0.); })},
      {"exp_difference", two, of([](auto& a, auto& b) { return exp_difference(a, b); }),
       plain([](auto& a, auto& b) { return exp(a - b); })},
      {"fma", three, of([](auto& a, auto& b, auto& c) { return fma(a, b, c); }),
       plain([](auto& a, auto& b, auto& c) { return a * b + c; })},
      {"lerp", three, of([](auto& a, auto& b, auto& t) { return lerp(a, b, t); }),
       plain([](auto& a, auto& b, auto& t) { return (1. - t) * a + t * b; })},
      {"scaled_tanh", two, of([](auto& w, auto& x) { return scaled_tanh(w, x); }),
       plain([](auto& w, auto& x) { return w * tanh(x); })},
      {"scaled_exp", three, of([](auto& w, auto& a, auto& b) { return scaled_exp(w, a, b); }),
       plain([](auto& w, auto& a, auto& b) { return w * exp(a - b); })},
      alike("square", one, [](auto& x) { return square(x); }),
      alike("where", apart + three, [](auto& c, auto& a, auto& b) { return where(c < 0., a * a, b); }),
      {"select", apart + three, of([](auto& c, auto& a, auto& b) { return select(relu(c), a, exp(b)); }),
       plain([](auto& c, auto& a, auto& b) { return where(c > 0., a, exp(b)); })},
      {"nonzero", one, of([](auto& x) { return x * nonzero(x); }), plain([](auto& x) { return x * x; })},
      alike("less", apart + two, [](auto& a, auto& b) { return a * less(a, b); }),
      alike("less_equal", apart + two, [](auto& a, auto& b) { return a * less_equal(a, b); }),
      alike("equal", apart + two, [](auto& a, auto& b) { return a * (1. + equal(a, b)); }),
      alike("operator+", two, [](auto& a, auto& b) { return 2 + (a + b) + 1.5; }),
      alike("operator- of one and of two", two, [](auto& a, auto& b) { return -((2 - a) - (b - 1)); }),
      alike("operator*", two, [](auto& a, auto& b) { return 2 * (a * b) * 3; }),
      alike("operator/", positive + two, [](auto& a, auto& b) { return 2 / (a / b) / 4; }),
      alike("operator<", apart + two, [](auto& a, auto& b) { return a * ((a < b) + 2. * (a < 0.5)); }),
      alike("operator<=", apart + two, [](auto& a, auto& b) { return a * ((a <= b) + 2. * (0.5 <= a)); }),
      alike("operator>", apart + two, [](auto& a, auto& b) { return a * ((a > b) + 2. * (a > 0.5)); }),
      alike("operator>=", apart + two, [](auto& a, auto& b) { return a * ((a >= b) + 2. * (0.5 >= a)); }),
      {"detach", apart + one, of([](auto& x) { return x * detach(x < 0); }),
       plain([](auto& x) { return x * (x < 0.); })},
      {"full", one, of([]<class T>(const Variable<T>& x) { return x * full<T>(x.shape(), 3); }),
       plain([](auto& x) { return 3 * x; })},
      {"zeros", one, of([]<class T>(const Variable<T>& x) { return x + zeros<T>(x.shape()); }), plain(std::identity())},
      {"ones", one, of([]<class T>(const Variable<T>& x) { return x * ones<T>(x.shape()); }), plain(std::identity())},
  };
}

std::vector<Row> products() {
  const auto multiplied = [](Transposed t) { return of([t](auto& a, auto& b) { return matmul(a, b, t); }); };
  const auto expected = [](Transposed t) { return plain([t](auto& a, auto& b) { return product(a, b, t); }); };
  constexpr Transposed left{.a = true}, right{.b = true}, both{true, true};
  return {
      {"matmul",
       "(3) (3); (2,3) (3); (3) (3,4); (2,3) (3,4); (2,2) (2,2); (1,3) (3,1); (3,1) (1,1); (5,2,3) (3,4); (4,2,3) (3);"
       "(2,3) (4,3,2); (3) (4,3,2); (2,1,2,3) (4,3,2); (2,2,2) (2,2,2); (1,1,2) (2,1); (0,3) (3,4); (2,0) (0,3);"
       "(0) (0); (2,3,0) (0,4); (2,3,0) (2,0,4); (0,2,3) (3,4); (0,2,3) (1,3,4); (9,17) (17,9)",
       multiplied({}), expected({})},
      {"matmul with a column that stands as a row", "(5,3)", of([](auto& x) {
         return matmul(reshape(slice(x, 1, 1, 2), Sizes(Shape{1, 5})), x);
       }),
       plain([](auto& x) {
         return product(shaped(cut(x, 1, 1, 2), {1, 5}), x, Transposed{});
       })},
      {"matmul with the left side transposed",
       "(3,2) (3,4); (3,2) (3); (2,2) (2,2); (3,1) (3,4); (4,3,2) (4,3,5); (3,2) (4,3,5); (4,3,2) (3); (0,2) (0,3)",
       multiplied(left), expected(left)},
      {"matmul with the right side transposed",
       "(2,3) (4,3); (3) (4,3); (5,2,3) (4,3); (2,5,3) (2,4,3); (2,2) (2,2); (1,3) (4,3); (2,3) (1,3); (2,3,0) (4,0)",
       multiplied(right), expected(right)},
      {"matmul with both sides transposed", "(3,2) (4,3); (2,3,2) (4,3); (2,3,2) (2,4,3); (2,2) (2,2); (3,1) (4,3)",
       multiplied(both), expected(both)},
      {"linear",
       "(2,3) (4,3) (4); (3) (4,3) (4); (5,2,3) (4,3) (4); (2,3) (4,3) (); (2,3) (4,3) (2,4); (1,3) (4,3) (4);"
       "(2,3) (4,3) (2,1); (2,2) (2,2) (2,2); (2,3) (1,3) (1); (5,1,3) (4,3) (1,4); (0,3) (4,3) (4);"
       "(2,0) (4,0) (4); (2,3) (0,3) (0); (2,3) (0,3) (1,0); (1,2,3) (4,3) (2,4)",
       of([](auto& x, auto& w, auto& b) { return linear(x, w, b); }),
       plain([=](auto& x, auto& w, auto& b) { return A(product(x, w, right) + b); })},
      {"linear without a bias", "(2,3) (4,3); (3) (4,3); (5,2,3) (4,3); (2,0) (4,0)",
       of([](auto& x, auto& w) { return linear(x, w); }), expected(right)},
  };
}

std::vector<Row> reductions() {
  static const Axes corners{0, -1}, last_two{-1, -2}, no_axes(std::vector<int>{});
  static const Shape row{3}, column{2, 1};
  const std::string matrices = "(2,3); (1,1); (2,3,4); (9,2)", axis_0 = "(2,3); (3,2,2); (1,1); (2,0); (0,2)";
  const auto log_sum = [](const A& x, std::size_t axis) { return A(log(added(xt::exp(x), axis, true))); };
  return {
      alike("sum", one, [](auto& x) { return sum(x); }),
      {"sum over axis 0", axis_0, of([](auto& x) { return sum(x, 0); }), plain([](auto& x) { return added(x, 0); })},
      {"sum over axis -1, kept", axis_0, of([](auto& x) { return sum(x, -1, true); }),
       plain([](auto& x) { return added(x, x.dimension() - 1, true); })},
      {"sum over two axes", "(2,3,4); (2,3); (0,3); (3,0,2)", of([](auto& x) { return sum(x, corners); }),
       plain([](auto& x) { return added(added(x, x.dimension() - 1), 0); })},
      {"sum over no axes", one, of([](auto& x) { return sum(x, no_axes); }), plain(std::identity())},
      {"mean", filled, of([](auto& x) { return mean(x); }), plain([](auto& x) { return A(sum(x) / x.size()); })},
      {"mean over axis 1", matrices, of([](auto& x) { return mean(x, 1); }),
       plain([](auto& x) { return A(added(x, 1) / x.shape()[1]); })},
      {"mean over an axis, of nothing", "(0,3); (3,0,2)", of([](auto& x) { return mean(x, -1); })},
      {"max", apart + filled, of([](auto& x) { return max(x); }), plain([](auto& x) { return xt::amax(x); })},
      {"max over axis 0, kept", apart + matrices, of([](auto& x) { return max(x, 0, true); }),
       plain([](auto& x) { return A(xt::amax(x, {0}, xt::keep_dims)); })},
      {"max over two axes", apart + "(2,3); (1,1); (9,2)", of([](auto& x) { return max(exp(x), last_two); }),
       plain([](auto& x) { return xt::amax(xt::exp(x)); })},
      {"min", apart + matrices, of([](auto& x) { return min(x, 1, true); }),
       plain([](auto& x) { return A(xt::amin(x, {1}, xt::keep_dims)); })},
      {"prod", one, of([](auto& x) { return prod(x); }), plain([](auto& x) { return A(xt::prod(x)); })},
      {"prod over axis 0", axis_0, of([](auto& x) { return prod(x, 0); }),
       plain([](auto& x) { return A(xt::prod(x, {0})); })},
      {"prod over two axes, kept", "(2,3,4); (2,3); (0,3)", of([](auto& x) { return prod(x, corners, true); })},
      {"prod with zeros", matrices, of([](auto& x) { return prod(relu(x) + x * x, -1); })},
      {"variance", filled, of([](auto& x) { return variance(x); }), plain([](auto& x) { return A(xt::variance(x)); })},
      {"variance over axis 1, corrected", "(2,3); (3,2,2); (0,2)", of([](auto& x) { return variance(x, 1, true, 1); })},
      {"norm", filled, of([](auto& x) { return norm(x); }), plain([](auto& x) { return A(xt::sqrt(xt::sum(x * x))); })},
      {"norm over axis -1", "(2,3); (3,2,2); (0,2)", of([](auto& x) { return norm(x, -1, true); })},
      {"cumulative_sum", "(4); (2,3); (0,3); (3,0); (2,3,4)", of([](auto& x) { return cumulative_sum(x); }),
       plain([](auto& x) { return A(xt::cumsum(x, std::ptrdiff_t(x.dimension()) - 1)); })},
      {"cumulative_sum along axis 0", axis_0, of([](auto& x) { return cumulative_sum(x * x, 0); })},
      {"logsumexp", filled, of([](auto& x) { return logsumexp(x); }), plain([](auto& x) { return log(sum(exp(x))); })},
      {"logsumexp_above", matrices, of([](auto& x) { return logsumexp_above(x, sum(x * x, -1, true)); }),
       plain([=](auto& x) {
         const std::size_t last = x.dimension() - 1;
         return A(log_sum(x, last) - xt::sum(x * x, {last}, xt::keep_dims));
       })},
      {"logsumexp over axis 0", matrices, of([](auto& x) { return logsumexp(x, 0); })},
      {"logsumexp over axis -1, kept", matrices, of([](auto& x) { return logsumexp(x, -1, true); }),
       plain([=](auto& x) { return log_sum(x, x.dimension() - 1); })},
      {"softmax", matrices, of([](auto& x) { return softmax(x); }),
       plain([=](auto& x) { return A(xt::exp(x - log_sum(x, x.dimension() - 1))); })},
      {"softmax along axis 0", axis_0, of([](auto& x) { return softmax(x, 0); })},
      {"log_softmax", matrices, of([](auto& x) { return log_softmax(x); }),
       plain([=](auto& x) { return A(x - log_sum(x, x.dimension() - 1)); })},
      {"log_softmax along axis 0", axis_0, of([](auto& x) { return log_softmax(x, 0); }),
       plain([=](auto& x) { return A(x - log_sum(x, 0)); })},
      {"sum_to a row", "(2,3); (1,3); (0,3); (5,3)", of([](auto& x) { return sum_to(x, row); }),
       plain([](auto& x) { return added(x, 0); })},
      {"sum_to a column", "(2,3); (2,1); (2,0)", of([](auto& x) { return sum_to(x, column); }),
       plain([](auto& x) { return added(x, 1, true); })},
      {"sum_to other shapes", "(3); (4,2,3); (1,1,1,3)", of([](auto& x) { return sum_to(x, row); })},
  };
}

// The elements of parts, one part after the other.
template <class Parts>
auto all(const Parts& parts) {
  auto rows = std::vector(parts.begin(), parts.end());
  for (auto& row : rows) row = reshape(row, {-1});
  return concatenate(rows);
}

std::vector<Row> shapes() {
  static const Sizes twos{-1, 2}, halves{-1, 2, 2}, more{-1, 1, 4, 1}, no_sizes(Shape{});
  static const Shape box{4, 2, 3}, nothing{0, 3}, six_twos{6, 2};
  static const std::vector<int> turned{1, -1, 0};
  static const std::vector<std::size_t> order{1, 2, 0}, sizes{1, 0, 2};
  static const Axes two_axes{1, 0};
  const std::string thin = "(4); (2,4); (2,3,4); (0,4)";
  const auto joined = [](int axis) {
    return of([axis](auto& a, auto& b) { return concatenate(std::vector{a, b}, axis); });
  };
  const auto attached = [](std::size_t axis) {
    return plain([axis](auto& a, auto& b) { return A(xt::concatenate(xt::xtuple(a, b), axis)); });
  };
  const auto stacked = [](int axis) { return of([axis](auto& a, auto& b) { return stack(std::vector{a, b}, axis); }); };
  return {
      {"reshape", "(4,3); (2,3,2)", of([](auto& x) { return reshape(x, twos); }),
       plain([](auto& x) { return shaped(x, six_twos); })},
      {"reshape other shapes", "(2); (2,3,4); (3,2); (0,2)", of([](auto& x) { return reshape(x, twos); })},
      {"reshape to cut an axis", thin, of([](auto& x) { return reshape(x, halves); })},
      {"reshape to more axes", thin, of([](auto& x) { return reshape(x, more); })},
      {"reshape to a scalar", "(); (1); (1,1)", of([](auto& x) { return reshape(x, no_sizes); })},
      alike("transpose", one, [](auto& x) { return transpose(x); }),
      {"transpose in an order", "(2,3,4); (1,2,3); (2,0,3)", of([](auto& x) { return transpose(x, turned); }),
       plain([](auto& x) { return A(xt::transpose(x, order)); })},
      {"broadcast_to", "(); (3); (2,1); (1,1,3); (4,2,3)", of([](auto& x) { return broadcast_to(x, box); }),
       plain([](auto& x) { return A(x + zeros<double>(box).value()); })},
      {"broadcast_to nothing", "(); (3); (1,3); (0,3)", of([](auto& x) { return broadcast_to(x, nothing); })},
      {"slice along axis 0", "(4); (4,3); (3,2,2); (4,0)", of([](auto& x) { return slice(x, 0, 1, 3); }),
       plain([](auto& x) { return cut(x, 0, 1, 3); })},
      {"slice along axis 1", "(2,3); (2,3,4); (1,3,2)", of([](auto& x) { return slice(x, 1, 1, 2); }),
       plain([](auto& x) { return cut(x, 1, 1, 2); })},
      {"slice along axis -1", thin, of([](auto& x) { return slice(x, -1, -3, -1); }),
       plain([](auto& x) { return cut(x, x.dimension() - 1, 1, 3); })},
      {"slice of nothing", thin, of([](auto& x) { return slice(x, -1, 2, 2); })},
      {"slice of slices", "(4,4); (4,4,2)",
       of([](auto& x) { return slice(slice(slice(x, 1, 1, 4), 0, 1, 4), 1, 0, 2); }),
       plain([](auto& x) { return cut(cut(x, 1, 1, 3), 0, 1, 4); })},
      {"slice that overlaps a slice", thin, of([](auto& x) { return slice(x, -1, 0, 3) * slice(x, -1, 1, 4); })},
      {"slice in steps", "(7)", of([](auto& x) { return slice(x, 0, 1, 7, 2); }), gathered({1, 3, 5}, {3})},
      {"slice in steps of other shapes", "(7,2); (7,0); (7,2,2)", of([](auto& x) { return slice(x, 0, 1, 7, 2); })},
      {"slice in steps that leave some", "(2,7)", of([](auto& x) { return slice(x, 1, 0, 7, 3); }),
       gathered({0, 3, 6, 7, 10, 13}, {2, 3})},
      {"slice in steps beyond the end", thin, of([](auto& x) { return slice(x, -1, 1, 3, 5); })},
      {"pad", "(1,2)", of([](auto& x) {
         return pad(x, {{0, 1}, {2, 0}});
       }),
       gathered({2, 3}, {2, 4}, true)},
      {"pad other shapes", "(2,3); (1,0); (0,2)", of([](auto& x) {
         return pad(x, {{0, 1}, {2, 0}});
       })},
      {"pad with a value", "(2)", of([]<class T>(const Variable<T>& x) {
         return pad(x, {{1, 1}}, T(5));
       }),
       plain([](auto& x) {
         return A{5, x(0), x(1), 5};
       })},
      {"split", "(2,3)", of([](auto& x) { return all(split(x, sizes)); }), gathered({0, 3, 1, 2, 4, 5}, {6})},
      {"split of other shapes", "(3); (2,2,3); (0,3)", of([](auto& x) { return all(split(x * x, sizes)); })},
      {"split into equal parts", "(2,4)", of([](auto& x) { return all(split<2>(x)); }),
       gathered({0, 1, 4, 5, 2, 3, 6, 7}, {8})},
      {"split into equal parts along axis 0", "(4); (4,3); (2,0)", of([](auto& x) { return all(split<2>(x * x, 0)); })},
      {"unstack", "(3); (3,2); (3,2,2); (1,2); (3,0)", of([](auto& x) { return all(unstack(x * x)); }),
       plain([](auto& x) { return shaped(x * x, {x.size()}); })},
      {"unstack along axis 1", "(2,3)", of([](auto& x) { return all(unstack(x, 1)); }),
       gathered({0, 3, 1, 4, 2, 5}, {6})},
      {"unstack along an axis of three", "(2,2,3); (0,2,2)", of([](auto& x) { return all(unstack(x * x, -2)); })},
      {"concatenate", "(2,3) (1,3); (2) (3); (2,3) (2,3); (2,3) (0,3); (2,0) (1,0)", joined(0), attached(0)},
      {"concatenate along axis 1", "(2,3) (2,1); (2,2,2) (2,1,2); (2,3) (2,3); (0,3) (0,1); (1,1) (1,0)", joined(1),
       attached(1)},
      {"stack", "() (); (3) (3); (2,3) (2,3); (0,3) (0,3)", stacked(0),
       plain([](auto& a, auto& b) { return A(xt::concatenate(xt::xtuple(raised(a, 0), raised(b, 0)), 0)); })},
      {"stack along axis 1", "(3) (3); (3,2) (3,2)", stacked(1),
       plain([](auto& a, auto& b) { return A(xt::concatenate(xt::xtuple(raised(a, 1), raised(b, 1)), 1)); })},
      {"stack along axis -1", "() (); (3) (3); (3,1) (3,1)", stacked(-1)},

      alike("flip", "(4); (2,3); (3,1,2)", [](auto& x) { return flip(x, 0); }),
      {"flip along two axes", "(2,3); (3,11); (1,4); (0,3)", of([](auto& x) { return flip(x, two_axes); }),
       plain([](auto& x) { return A(xt::flip(A(xt::flip(x, 0)), 1)); })},
  };
}

std::vector<Row> selections() {
  static const Indices picks{2, 0, 2, 1}, pairs{{2, 0}, {0, 2}}, along{{2, 0, 2}, {1, 1, 0}}, column{{1, 0, 1}};
  static const Indices middle{{{2, 0}}, {{1, 1}}}, none = Indices::from_shape({0, 3});
  static const Shape matrix{2, 3}, box{2, 3, 2};
  const Positions of_picks{4, 5, 0, 1, 4, 5, 2, 3}, of_along{2, 0, 2, 4, 4, 3}, of_middle{4, 1, 8, 9};
  return {
      {"take", "(3,2)", of([](auto& x) { return take(x, picks); }), gathered(of_picks, {4, 2})},
      {"take of other shapes", "(3); (3,2,2); (3,0)", of([](auto& x) { return take(x, picks); })},
      {"take by a matrix", "(3)", of([](auto& x) { return take(x, pairs); }), gathered({2, 0, 0, 2}, {2, 2})},
      {"take nothing", "(3); (3,2)", of([](auto& x) { return take(x, none); })},
      {"scatter", "(4,2)", of([](auto& x) { return scatter(x, picks, 3); }), scattered(of_picks, {3, 2})},
      {"scatter other shapes", "(4); (4,2,2); (4,0)", of([](auto& x) { return scatter(x, picks, 3); })},
      {"scatter by a matrix", "(2,2)", of([](auto& x) { return scatter(x, pairs, 3); }), scattered({2, 0, 0, 2}, {3})},
      {"take_along", "(2,3)", of([](auto& x) { return take_along(x, along); }), gathered(of_along, matrix)},
      {"take_along axis 0", "(2,3)", of([](auto& x) { return take_along(x, column, 0); }), gathered({3, 1, 5}, {1, 3})},
      {"take_along a middle axis", "(2,3,2)", of([](auto& x) { return take_along(x, middle, 1); }),
       gathered(of_middle, {2, 1, 2})},
      {"one_hot", "(2,2,3)", of([]<class T>(const Variable<T>& x) { return x * one_hot<T>(pairs, 3); }),
       plain([](auto& x) {
         return A(x * A{{{0, 0, 1}, {1, 0, 0}}, {{1, 0, 0}, {0, 0, 1}}});
       })},
      {"top_k", apart + "(1,3); (2,3); (0,3); (4,3)", of([](auto& x) { return top_k(x, 2).values; }),
       plain([](auto& x) {
         A best = A::from_shape({x.shape()[0], std::size_t(2)});
         for (std::size_t i = 0; i < x.shape()[0]; ++i) {
           std::array<double, 3> row{x(i, 0), x(i, 1), x(i, 2)};
           std::sort(row.rbegin(), row.rend());
           best(i, 0) = row[0];
           best(i, 1) = row[1];
         }
         return best;
       })},
      {"top_k along axis 0", apart + "(3); (3,2); (3,2,2)", of([](auto& x) { return top_k(x, 3, 0).values; })},
      {"argmax", apart + "(3); (2,3); (4,3)",
       of([]<class T>(const Variable<T>& x) { return x * one_hot<T>(argmax(x), 3); }),
       plain([](auto& x) { return A(x * (x >= A(xt::amax(x, {x.dimension() - 1}, xt::keep_dims)))); })},
      {"scatter_along", "(2,3)", of([](auto& x) { return scatter_along(x, along, -1, matrix); }),
       scattered(of_along, matrix)},
      {"scatter_along axis 0", "(1,3)", of([](auto& x) { return scatter_along(x, column, 0, matrix); }),
       scattered({3, 1, 5}, matrix)},
      {"scatter_along a middle axis", "(2,1,2)", of([](auto& x) { return scatter_along(x, middle, 1, box); }),
       scattered(of_middle, box)},
  };
}

// What shows only in several operations together.
std::vector<Row> compositions() {
  return {
      {"composition: a value that is reshaped and concatenated", "(4,3) (4,2)", of([](auto& a, auto& b) {
         const auto y = tanh(a), z = exp(reshape(y, {2, 6}));
         return concatenate({reshape(z, {-1}), reshape(concatenate({y, b}, -1), {-1})});
       })},
      {"composition: a value that is cut in several ways", "(4,4)", of([](auto& x) {
         const auto y = tanh(x), z = concatenate({y, detach(x < 9)}, -1);
         const auto a = exp(slice(y, 0, 1, 3)), b = slice(slice(z, 1, 1, 5), 0, 0, 2);
         return a * reshape(slice(y, 1, 1, 3), {2, 4}) + b * slice(reshape(exp(y), {2, 8}), 1, 2, 6);
       })},
      {"composition: a value that is needed five times", "(2,3); (); (0,3)", of([](auto& x) {
         const auto y = exp(x), z = y + x * y;
         return y * z / (2 + z * y) + sum(y) * x;
       })},
      {"composition: a sum of values that are needed before", "(2,3); (); (0,3)", of([](auto& x) {
         const auto a = tanh(x), b = exp(x), c = a * b;
         return c + (a + b);
       })},
      {"composition: attention over a batch", "(2,3,4) (2,5,4) (2,5,3)",
       of([](auto& q, auto& k, auto& v) { return matmul(softmax(matmul(q, k, {.b = true}) / 2), v); })},
      {"composition: rows of mean 0 and variance 1", "(3,5) (5)", of([](auto& x, auto& scale) {
         const auto centred = x - mean(x, -1, true);
         return scale * centred / exp(0.5 * log(mean(square(centred), -1, true) + 1e-2));
       })},
  };
}

std::vector<Row> table() {
  std::vector<Row> all;
  for (auto part : {elementwise, products, reductions, shapes, selections, compositions})
    for (Row& row : part()) all.push_back(std::move(row));
  return all;
}

enum class Layout { plain, views, same };  // views: rows with gaps between NaN; same: one array for all operands

template <class T>
Variable<T> viewed(const Variable<T>& x) {
  if (x.shape().empty()) return reshape(viewed(reshape(x, {1})), Shape{});
  Shape shape = x.shape();
  const auto size = static_cast<std::int64_t>(std::exchange(shape.back(), 2));
  const Variable<T> padding = full<T>(shape, std::numeric_limits<T>::quiet_NaN());
  return slice(concatenate({padding, x, padding}, -1), -1, 2, size + 2);
}

// A case of a row.
template <class T>
struct Subject {
  const Operation<T>& operation;
  Layout layout;
  std::size_t operands;

  Variable<T> value(std::vector<Variable<T>> x) const {
    if (layout == Layout::same) x.resize(operands, Variable<T>(x[0]));
    if (layout == Layout::views) std::transform(x.begin(), x.end(), x.begin(), viewed<T>);
    return operation(x);
  }
  // Contracted with random weights; the adjoint of a view is a view too.
  Variable<T> loss(const std::vector<Variable<T>>& x) const {
    Variable<T> y = value(x);
    Shape more = y.shape();
    if (layout == Layout::views && !more.empty()) {
      more.back() = 3;
      y = concatenate({y, ones<T>(more)}, -1);
    }
    return sum(y * Random(11).normal<T>(y.shape()));
  }
};

// First derivatives by the fused sweep and by the recorded one, and second ones.
template <class T>
std::array<std::vector<Array<T>>, 3> derivatives(const Subject<T>& subject, const Arrays& inputs) {
  Tape<T> tape;
  std::vector<Variable<T>> x;
  for (const A& input : inputs) x.push_back(tape.watch(Variable<T>(input)));
  const Variable<T> loss = subject.loss(x);
  const auto recorded = tape.gradient(loss, x);
  Variable<T> contraction = 0 * loss;
  for (const auto& g : recorded) contraction = contraction + sum(g * Random(12).normal<T>(g.shape()));
  std::array<std::vector<Array<T>>, 3> result;
  for (const auto& g : recorded) result[1].push_back(g.value());
  for (const auto& g : tape.gradient(contraction, x)) result[2].push_back(g.value());
  const auto gradients = tape.backward(loss);
  for (const auto& input : x) result[0].push_back(gradients[input]);
  return result;
}

template <class Found>
double difference(const Found& found, const A& expected) {
  if (found.shape() != expected.shape()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const double a = found.storage()[k], b = expected.storage()[k], error = std::abs(a - b) / (1 + std::abs(b));
    if (!(error <= worst)) worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
  }
  return worst;
}

// Random numbers that a float can hold.
A input(const Shape& shape, char domain, std::size_t operand) {
  Random random(17 + operand);
  A x = domain == positive[0] ? random.uniform<double>(shape, 0.5, 2) : random.normal<double>(shape);
  if (domain == apart[0]) {
    const auto order = random.permutation(x.size());
    for (std::size_t k = 0; k < x.size(); ++k)
      x.storage()[k] = 0.3 * (double(order[k]) - std::floor(double(x.size()) / 2)) + 0.07 + 0.1 * double(operand);
  }
  return xt::cast<double>(Array<float>(xt::cast<float>(x)));
}

void check(const Row& row, const Shapes& shapes, Layout layout) {
  Arrays inputs;
  for (const Shape& shape : shapes) inputs.push_back(input(shape, row.cases[0], inputs.size()));
  if (layout == Layout::same) inputs.assign(shapes.size(), A(inputs[0]));
  const bool empty = std::any_of(inputs.begin(), inputs.end(), [](const A& x) { return x.size() == 0; });
  const Subject<double> subject{row.operation.first, layout, shapes.size()};
  if (row.reference && !empty)
    CHECK(difference(subject.value({inputs.begin(), inputs.end()}).value(), row.reference(inputs)) <= 1e-13);

  if (layout == Layout::same) inputs.resize(1);
  const auto found = derivatives(subject, inputs), again = derivatives(subject, inputs);
  const auto in_float = derivatives(Subject<float>{row.operation.second, layout, shapes.size()}, inputs);
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    CHECK(difference(found[0][k], found[1][k]) <= 1e-13);
    for (std::size_t order = 0; order < found.size(); ++order) {
      CHECK(found[order][k].storage() == again[order][k].storage());
      CHECK(difference(in_float[order][k], found[order][k]) <= 1e-5);
    }
  }
  if (std::all_of(inputs.begin(), inputs.end(), [](const A& x) { return x.size() == 0; })) return;
  const auto report = gradient_check([&](const auto& x) { return subject.loss(x); }, inputs, {.order = 2});
  CHECK_MESSAGE(report, report);
}

std::vector<Shapes> parsed(const std::string& cases) {
  std::vector<Shapes> result{{}};
  for (std::size_t k = 0; k < cases.size(); ++k) {
    if (cases[k] == ';') result.emplace_back();
    if (cases[k] == '(') result.back().emplace_back();
    if (std::isdigit(cases[k]) && !std::isdigit(cases[k - 1])) result.back().back().push_back(std::stoul(&cases[k]));
  }
  return result;
}

}  // namespace

TEST_CASE("every operation has its value, first and second derivatives, for all shapes and layouts") {
  for (const Row& row : table()) {
    for (const Shapes& shapes : parsed(row.cases)) {
      const bool alike = std::all_of(shapes.begin(), shapes.end(), [&](const Shape& s) { return s == shapes[0]; });
      std::ostringstream description;
      for (const Shape& shape : shapes) description << ' ' << shape;
      for (Layout layout : {Layout::plain, Layout::views, Layout::same}) {
        if (layout == Layout::same && (shapes.size() == 1 || !alike)) continue;
        INFO(row.name << ", of" << description.str() << ", layout " << static_cast<int>(layout));
        CHECK_NOTHROW(check(row, shapes, layout));
      }
    }
  }
}

TEST_CASE("every operation that is declared has a row") {
  std::set<std::string> covered;
  for (const Row& row : table()) covered.insert(row.name.substr(0, row.name.find(' ')));
  for (const std::string& name : declared_operations()) CHECK_MESSAGE(covered.contains(name), name << " has no row");
}

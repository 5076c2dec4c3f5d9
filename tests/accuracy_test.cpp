// Sums of many numbers lose no more than those of a few.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

using F = Variable<float>;
const double tenth = double(0.1f);

F like(const Shape& shape) { return full<float>(shape, 0.1f); }

double worst(const Array<float>& y, double expected) {
  double error = y.size() > 0 ? 0 : infinity;
  for (const float value : y) error = std::max(error, std::abs(double(value) / expected - 1));
  return error;
}

double worst(const F& y, double expected) { return worst(y.value(), expected); }

double worst(const Array<float>& y, const Array<double>& expected) {
  REQUIRE(Shape(y.shape()) == Shape(expected.shape()));
  double error = 0;
  for (std::size_t k = 0; k < y.size(); ++k)
    error = std::max(error, std::abs(double(y.storage()[k]) / expected.storage()[k] - 1));
  return error;
}

double worst(const F& y, const Array<double>& expected) { return worst(y.value(), expected); }

// aᵀ b
Array<double> product(const F& a, const F& b) {
  const std::size_t m = a.shape()[1], n = b.shape()[1];
  Array<double> c = zeros<double>({m, n}).value();
  for (std::size_t l = 0; l < a.shape()[0]; ++l)
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) c(i, j) += double(a.value()(l, i)) * double(b.value()(l, j));
  return c;
}

// Of the gradient of Σ 0.1 f(x) by an x of ones.
double of_gradient(const Shape& shape, double expected, const std::function<F(const F&)>& f) {
  Tape<float> tape;
  const F x = tape.watch(ones<float>(shape));
  const F y = f(x);
  return worst(tape.backward(sum(y * 0.1f))[x], expected);
}

// The error of the gradient at the last place of f(parameter), which is used so many times.
double of_many_steps(std::size_t times, const std::function<F(const F&)>& f) {
  const Parameter<float> p(ones<float>({2, 3}).value(), "p");
  Tape<float> tape;
  const F x = f(p);
  std::vector<F> steps;
  for (std::size_t k = 0; k < times; ++k) steps.push_back(sum(x * 0.1f));
  const F scale = f(Variable<float>(ones<float>({2, 3})));
  return std::abs(tape.backward(sum(stack(steps)))[p](1, 2) / (tenth * double(times) * scale.value().storage().back()) -
                  1);
}

// How many times each of the rows of a table is taken: all but one for the second of three.
Indices crowd(std::size_t n) {
  Indices indices = Indices::from_shape({n});
  indices.fill(1);
  indices(n / 2) = 2;
  return indices;
}

struct Row {
  const char* name;
  std::function<double(std::size_t)> error;  // for so many numbers, a multiple of 1200
};

const Row rows[] = {
    {"sum", [](std::size_t n) { return worst(sum(like({n})), tenth * double(n)); }},
    {"sum of random numbers",
     [](std::size_t n) {
       const F x = Random(1).uniform<float>({n});
       double expected = 0;
       for (const float value : x.value()) expected += double(value);
       return worst(sum(x), expected);
     }},
    {"sum over the last axis",
     [](std::size_t n) {
       return worst(sum(like({3, n / 3}), -1), tenth * double(n / 3));
     }},
    {"sum over the first axis, two columns",
     [](std::size_t n) {
       return worst(sum(like({n / 2, 2}), 0), tenth * double(n / 2));
     }},
    {"sum over the first axis, many columns",
     [](std::size_t n) {
       return worst(sum(like({n / 300, 300}), 0), tenth * double(n / 300));
     }},
    {"sum over the middle axis",
     [](std::size_t n) {
       return worst(sum(like({2, n / 6, 3}), 1), tenth * double(n / 6));
     }},
    {"sum over the outer axes, the first long",
     [](std::size_t n) {
       return worst(sum(like({n / 12, 3, 4}), {0, 2}), tenth * double(n / 3));
     }},
    {"sum over the outer axes, the last long",
     [](std::size_t n) {
       return worst(sum(like({4, 3, n / 12}), {0, 2}), tenth * double(n / 3));
     }},
    {"sum over every other axis",
     [](std::size_t n) {
       return worst(sum(like({20, 2, 20, 3, n / 2400}), {0, 2, 4}), tenth * double(n / 6));
     }},
    {"sum over the axes between",
     [](std::size_t n) {
       return worst(sum(like({2, 20, 3, n / 240, 2}), {1, 3}), tenth * double(n / 12));
     }},
    {"sum of a column",
     [](std::size_t n) {
       return worst(sum(slice(like({n / 2, 2}), 1, 1, 2)), tenth * double(n / 2));
     }},
    {"sum of some columns",
     [](std::size_t n) {
       return worst(sum(slice(like({n / 6, 6}), 1, 1, 4)), tenth * double(n / 2));
     }},
    {"sum of some columns over the rows",
     [](std::size_t n) {
       return worst(sum(slice(like({n / 6, 6}), 1, 1, 4), 0), tenth * double(n / 6));
     }},
    {"sum of a column of columns over the rows",
     [](std::size_t n) {
       return worst(sum(slice(like({n / 6, 3, 2}), 2, 1, 2), 0), tenth * double(n / 6));
     }},
    {"sum of every other row",
     [](std::size_t n) { return worst(sum(slice(like({n}), 0, 0, std::int64_t(n), 2)), tenth * double(n / 2)); }},
    {"sum of a transpose",
     [](std::size_t n) {
       return worst(sum(transpose(like({3, n / 3})), 0), tenth * double(n / 3));
     }},
    {"mean", [](std::size_t n) { return worst(mean(like({n})), tenth); }},
    {"mean over the rows",
     [](std::size_t n) {
       return worst(mean(like({n / 4, 4}), 0), tenth);
     }},
    {"variance",
     [](std::size_t n) {
       const F x = concatenate({like({n / 2, 1}), like({n / 2, 1}) * 3}, 1);
       return worst(variance(x), tenth * tenth);
     }},
    {"norm", [](std::size_t n) { return worst(norm(like({n})), tenth * std::sqrt(double(n))); }},
    {"norm of columns",
     [](std::size_t n) {
       return worst(norm(like({n / 4, 4}), 0), tenth * std::sqrt(double(n / 4)));
     }},
    {"norm of gradients",
     [](std::size_t n) {
       const Parameter<float> p(ones<float>({n}).value(), "p");
       Tape<float> tape;
       return std::abs(tape.backward(sum(p * 0.1f)).norm() / (tenth * std::sqrt(double(n))) - 1);
     }},
    {"logsumexp", [](std::size_t n) { return worst(logsumexp(like({n})), tenth + std::log(double(n))); }},
    {"softmax", [](std::size_t n) { return worst(softmax(like({n})), 1 / double(n)); }},
    {"softmax over the rows",
     [](std::size_t n) {
       return worst(softmax(like({n / 4, 4}), 0), 4 / double(n));
     }},
    {"log_softmax",
     [](std::size_t n) {
       return worst(log_softmax(like({n / 4, 4}), 0), -std::log(double(n / 4)));
     }},
    {"cumulative_sum",
     [](std::size_t n) {
       const F y = cumulative_sum(like({n}));
       double error = 0;
       for (std::size_t k = 0; k < n; ++k)
         error = std::max(error, std::abs(double(y.value()(k)) / (tenth * double(k + 1)) - 1));
       return error;
     }},
    {"cumulative_sum over the rows",
     [](std::size_t n) {
       return worst(slice(cumulative_sum(like({n / 3, 3}), 0), 0, -1, std::int64_t(n / 3)), tenth * double(n / 3));
     }},
    {"gradient of cumulative_sum",
     [](std::size_t n) {
       Tape<float> tape;
       const F x = tape.watch(ones<float>({n}));
       return std::abs(double(tape.backward(sum(cumulative_sum(x) * 0.1f))[x](0)) / (tenth * double(n)) - 1);
     }},

    {"product of vectors",
     [](std::size_t n) { return worst(matmul(like({n}), like({n})), tenth * tenth * double(n)); }},
    {"product of a vector and a matrix",
     [](std::size_t n) {
       return worst(matmul(like({n / 3}), like({n / 3, 3})), tenth * tenth * double(n / 3));
     }},
    {"product of a vector and a transpose",
     [](std::size_t n) {
       return worst(matmul(like({1, n / 3}), like({3, n / 3}), {.b = true}), tenth * tenth * double(n / 3));
     }},
    {"product of a matrix and a vector",
     [](std::size_t n) {
       return worst(matmul(like({3, n / 3}), like({n / 3})), tenth * tenth * double(n / 3));
     }},
    {"product of a transpose and a column",
     [](std::size_t n) {
       return worst(matmul(like({n / 3, 3}), like({n / 3, 1}), {.a = true}), tenth * tenth * double(n / 3));
     }},
    {"product with a column of a matrix",
     [](std::size_t n) {
       const F column = slice(like({n / 3, 2}), 1, 1, 2);
       return worst(matmul(column, like({n / 3, 3}), {.a = true}), tenth * tenth * double(n / 3));
     }},

    {"product of matrices",
     [](std::size_t n) {
       const F a = Random(1).uniform<float>({n / 3, 3}), b = Random(2).uniform<float>({n / 3, 2});
       return worst(matmul(a, b, {.a = true}), product(a, b));
     }},
    {"product with a weight",
     [](std::size_t n) {
       const F x = Random(1).uniform<float>({n / 300, 300});
       const Parameter<float> weight(Random(2).uniform<float>({n / 300, 2}), "weight");
       return worst(matmul(transpose(x), F(weight)), product(x, weight));
     }},
    {"gradient of a weight",
     [](std::size_t n) {
       const F x = Random(1).uniform<float>({n / 3, 3});
       const Parameter<float> weight(ones<float>({2, 3}).value(), "weight");
       Tape<float> tape;
       const F y = linear(x, weight);
       return worst(tape.backward(sum(y * 0.1f))[weight], product(like({n / 3, 2}), x));
     }},
    {"gradient of a weight of many steps",
     [](std::size_t n) {
       const F x = Random(1).uniform<float>({n / 3, 3});
       const Parameter<float> weight(ones<float>({2, 3}).value(), "weight");
       Tape<float> tape;
       std::vector<F> steps;
       for (std::size_t k = 0; k < n / 3; k += 400)
         steps.push_back(sum(linear(slice(x, 0, std::int64_t(k), std::int64_t(k + 400)), weight)));
       return worst(tape.backward(sum(stack(steps) * 0.1f))[weight], product(like({n / 3, 2}), x));
     }},

    {"gradient of a bias of many steps",
     [](std::size_t n) {
       const Parameter<float> bias(ones<float>({3}).value(), "bias");
       Tape<float> tape;
       std::vector<F> steps;
       for (std::size_t k = 0; k < n / 300; ++k) steps.push_back(sum(like({100, 3}) + bias));
       return worst(tape.backward(sum(stack(steps) * 0.1f))[bias], tenth * double(n / 3));
     }},
    {"gradient of a value of many steps",
     [](std::size_t n) { return of_many_steps(n / 300, [](const F& x) { return x * 2; }); }},
    {"gradient of rows of many steps",
     [](std::size_t n) { return of_many_steps(n / 300, [](const F& x) { return slice(x, 0, 1, 2); }); }},
    {"gradient of columns of many steps",
     [](std::size_t n) { return of_many_steps(n / 300, [](const F& x) { return slice(x, 1, 1, 3); }); }},
    {"gradient of a view of a view of many steps",
     [](std::size_t n) {
       return of_many_steps(n / 300, [](const F& x) { return reshape(slice(x, 0, 1, 2), {3, 1}); });
     }},
    {"gradient of a bias",
     [](std::size_t n) {
       return of_gradient({3}, tenth * double(n / 3), [n](const F& x) { return like({n / 3, 3}) + x; });
     }},
    {"gradient of a bias of linear",
     [](std::size_t n) {
       const F x = like({n / 3, 2}), weight = like({3, 2});
       return of_gradient({3}, tenth * double(n / 3), [&](const F& b) { return linear(x, weight, b); });
     }},
    {"gradient of a scalar factor",
     [](std::size_t n) {
       return of_gradient({}, tenth * tenth * double(n), [n](const F& x) { return like({n / 2, 2}) * x; });
     }},
    {"gradient of a factor of rows",
     [](std::size_t n) {
       return of_gradient({3, 1}, tenth * tenth * double(n / 3), [n](const F& x) { return like({3, n / 3}) * x; });
     }},
    {"gradient of a factor of the middle axis",
     [](std::size_t n) {
       return of_gradient({3, 1}, tenth * tenth * double(n / 3), [n](const F& x) { return like({n / 12, 3, 4}) * x; });
     }},
    {"gradient of what was repeated",
     [](std::size_t n) {
       return of_gradient({1, 4, 1}, tenth * double(n / 4), [n](const F& x) {
         return broadcast_to(x, {20, 4, n / 80});
       });
     }},
    {"gradient of a user's function of a scalar",
     [](std::size_t n) {
       return of_gradient({}, tenth * double(n), [n](const F& x) {
         return elementwise<keep::nothing>(
             "sum", like({n / 2, 2}), x, [](auto a, auto b) { return a + b; }, [](auto g) { return g * 1; },
             [](auto g) { return g * 1; });
       });
     }},
    {"gradient of a user's function of a row",
     [](std::size_t n) {
       return of_gradient({100}, tenth * double(n / 100), [n](const F& x) {
         return elementwise<keep::nothing>(
             "sum", like({n / 100, 100}), x, [](auto a, auto b) { return a + b; }, [](auto g) { return g * 1; },
             [](auto g) { return g * 1; });
       });
     }},
    {"gradient of a row that is taken again and again",
     [](std::size_t n) {
       Tape<float> tape;
       const F table = tape.watch(ones<float>({4, 3}));
       const Array<float> g = tape.backward(sum(take(table, crowd(n / 3)) * 0.1f))[table];
       return std::abs(double(g(1, 2)) / (tenth * double(n / 3 - 1)) - 1);
     }},
    {"gradient of a row that is taken at every step",
     [](std::size_t n) {
       const Parameter<float> table(ones<float>({4, 120}).value(), "table");
       Tape<float> tape;
       std::vector<F> steps;
       for (std::size_t k = 0; k < n / 1200; ++k) steps.push_back(sum(take(table, crowd(10)), 0));
       const Array<float> g = tape.backward(sum(stack(steps) * 0.1f))[table];
       return std::abs(double(g(1, 2)) / (tenth * 9 * double(n / 1200)) - 1);
     }},
    {"scatter",
     [](std::size_t n) {
       const F y = scatter(like({n / 3, 3}), crowd(n / 3), 4);
       return std::abs(double(y.value()(1, 2)) / (tenth * double(n / 3 - 1)) - 1);
     }},
    {"gradient of an element that is taken again and again",
     [](std::size_t n) {
       Tape<float> tape;
       const F x = tape.watch(ones<float>({4}));
       const Array<float> g = tape.backward(sum(take_along(x, crowd(n)) * 0.1f))[x];
       return std::abs(double(g(1)) / (tenth * double(n - 1)) - 1);
     }},
    {"scatter_along",
     [](std::size_t n) {
       const F y = scatter_along(like({n}), crowd(n), 0, {4});
       return std::abs(double(y.value()(1)) / (tenth * double(n - 1)) - 1);
     }},

    {"mean_squared_error",
     [](std::size_t n) { return worst(nn::mean_squared_error(like({n}), zeros<float>({n})), tenth * tenth); }},
    {"sum of cross_entropy",
     [](std::size_t n) {
       Indices labels = Indices::from_shape({n / 4});
       labels.fill(1);
       return worst(nn::cross_entropy(like({n / 4, 4}), labels, {.reduction = nn::Reduction::sum}),
                    std::log(4.0) * double(n / 4));
     }},
};

}  // namespace

TEST_CASE("many terms of every kind add up to the gradient of a parameter") {
  const Parameter<double> p(Random(1).normal<double>({6, 4}), "p");
  const Variable<double> x = Random(2).normal<double>({20, 6}), g = Random(3).normal<double>({20, 4});
  const Variable<double> w = Random(4).normal<double>({6, 4});
  using Term = std::function<Variable<double>()>;
  enum class Way { alone, observed, within };
  for (int kinds = 1; kinds < 64; ++kinds) {
    for (const Way way : {Way::alone, Way::observed, Way::within}) {
      if (kinds == 32) continue;
      CAPTURE(kinds);
      CAPTURE(int(way));
      std::optional<AnomalyMode<double>> observer;  // which looks at an adjoint after each addition
      std::optional<Tape<double>> around;
      if (way == Way::observed) observer.emplace();
      if (way == Way::within) around.emplace();
      Tape<double> tape;
      // What is used: the parameter, or what is made of it; and parts of that.
      const Variable<double> used = kinds & 32 ? p * 2 : Variable<double>(p);
      const Variable<double> rows = slice(used, 0, 2, 4), column = slice(used, 1, 1, 2);
      const Term terms[] = {[&] { return sum(matmul(x, used) * g); }, [&] { return sum(take(used, crowd(20)) * g); },
                            [&] { return sum(w * used); }, [&] { return sum(rows * slice(w, 0, 1, 3)); },
                            [&] { return sum(column * slice(w, 1, 2, 3)); }};
      std::vector<Variable<double>> all;
      for (int times = 0; times < 60; ++times)
        for (int k = 0; k < 5; ++k)
          if (kinds >> k & 1) all.push_back(terms[k]() * (times + k));
      const Variable<double> loss = sum(stack(all));
      const Array<double> recorded = tape.gradient(loss, {p})[0].value();
      CHECK(difference(tape.backward(loss)[p], recorded) < 1e-12);
    }
  }
}

TEST_CASE("sums of different numbers over any axes are right to a millionth, and so are their parts of a gradient") {
  const Shape shapes[] = {{40, 3, 50, 4}, {2, 300, 3, 20}, {40, 2, 3, 40, 2}, {5000, 3, 2}, {17, 18, 19}};
  for (const Shape& shape : shapes) {
    const F x = Random(1).uniform<float>(shape);
    const Array<double> exact = xt::cast<double>(x.value());
    for (unsigned subset = 1; subset < 1u << shape.size(); ++subset) {
      CAPTURE(shape);
      CAPTURE(subset);
      std::vector<std::size_t> axes;
      Shape kept = shape;
      for (std::size_t k = 0; k < shape.size(); ++k)
        if (subset >> k & 1) axes.push_back(k), kept[k] = 1;
      const Array<double> sums = xt::sum(exact, axes);
      CHECK(worst(sum(x, Axes(axes)), sums) < 1e-6);
      Tape<float> tape;
      const F repeated = tape.watch(ones<float>(kept));
      const F slope = tape.backward(sum(repeated * x))[repeated];
      CHECK(worst(reshape(slope, Shape(sums.shape())), sums) < 1e-6);
    }
  }
}

TEST_CASE("products of any inner size are right to a millionth") {
  const Transposed ways[] = {{}, {.a = true}, {.b = true}, {true, true}};
  const Shape sizes[] = {{1, 1}, {1, 20}, {20, 1}, {20, 30}};
  for (const std::size_t k : {5, 100, 200, 256, 257, 500, 1000, 1024, 1025, 2000, 5000})
    for (const Shape& size : sizes)
      for (const Transposed t : ways) {
        CAPTURE(k);
        CAPTURE(size);
        CAPTURE(t.a);
        CAPTURE(t.b);
        const std::size_t m = size[0], n = size[1];
        const F a = like(t.a ? Shape{k, m} : Shape{m, k}), b = like(t.b ? Shape{n, k} : Shape{k, n});
        CHECK(worst(matmul(a, b, t), tenth * tenth * double(k)) < 1e-6);
      }
}

TEST_CASE("sums of a million numbers are right to a millionth") {
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    CHECK(row.error(1'200'000) < 1e-6);
  }
}

TEST_SUITE("full") {
  TEST_CASE("sums of ten million numbers are right to a millionth") {
    for (const Row& row : rows) {
      CAPTURE(std::string(row.name));
      CHECK(row.error(12'000'000) < 1e-6);
    }
  }
}

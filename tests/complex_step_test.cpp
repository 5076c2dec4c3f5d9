// Derivatives against the complex step, which is exact to the last digits: every elementwise rule, what is made of
// them, and backpropagation through time.
#include <doctest/doctest.h>

#include <algorithm>
#include <complex>
#include <functional>
#include <map>
#include <numbers>
#include <numeric>
#include <string>
#include <unroll/autograd/functions/functions.hpp>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// A complex number that compares by its real part: f(x + ih) = f(x) + ih f'(x) + O(h²) without a rounding error of
// differences: Squire and Trapp (1998). Choices between analytic branches are exact as well.
struct Complex {
  std::complex<double> z;
  Complex(double real, double imaginary = 0) : z(real, imaginary) {}
  Complex(const std::complex<double>& number) : z(number) {}
};

Complex operator-(const Complex& a) { return -a.z; }
Complex operator+(const Complex& a, const Complex& b) { return a.z + b.z; }
Complex operator-(const Complex& a, const Complex& b) { return a.z - b.z; }
Complex operator*(const Complex& a, const Complex& b) { return a.z * b.z; }
Complex operator/(const Complex& a, const Complex& b) { return a.z / b.z; }
bool operator==(const Complex& a, const Complex& b) { return a.z.real() == b.z.real(); }
auto operator<=>(const Complex& a, const Complex& b) { return a.z.real() <=> b.z.real(); }

Complex exp(const Complex& x) { return std::exp(x.z); }
Complex log(const Complex& x) { return std::log(x.z); }
Complex tanh(const Complex& x) { return std::tanh(x.z); }
Complex sqrt(const Complex& x) { return std::sqrt(x.z); }
Complex sin(const Complex& x) { return std::sin(x.z); }
Complex cos(const Complex& x) { return std::cos(x.z); }
Complex pow(const Complex& a, const Complex& b) { return std::pow(a.z, b.z); }
Complex log1p(const Complex& x) { return std::log(1.0 + x.z); }
Complex expm1(const Complex& x) { return std::exp(x.z) - 1.0; }
Complex abs(const Complex& x) { return x < 0 ? -x : x; }

// 2/√π e^(−z²) Σ 2ⁿ z²ⁿ⁺¹ / (1 · 3 · ... · (2n + 1)), the series without alternating signs: Abramowitz and
// Stegun, 7.1.6
Complex erf(const Complex& x) {
  std::complex<double> sum, term = x.z;
  for (int n = 0; n < 60; ++n) {
    sum += term;
    term *= 2.0 * x.z * x.z / double(2 * n + 3);
  }
  return 2 * std::numbers::inv_sqrtpi * std::exp(-x.z * x.z) * sum;
}

constexpr double step = 1e-200;

// The interval from which a function's operands are drawn; one without an entry fails.
struct Interval {
  double low, high;
};
constexpr Interval real{-2, 2}, positive{0.1, 5}, above_minus_one{-0.9, 5}, near_zero{-1, 1},
    rising{-0.7, 1};  // where the derivatives of silu and gelu are not about 0
const std::map<std::string, Interval> intervals{
    {"copy", real},    {"add", real},        {"subtract", real},         {"multiply", real}, {"divide", positive},
    {"negate", real},  {"exp", real},        {"exp_difference", real},   {"log", positive},  {"tanh", real},
    {"sigmoid", real}, {"softplus", real},   {"log1p", above_minus_one}, {"expm1", real},    {"sqrt", positive},
    {"pow", positive}, {"abs", real},        {"erf", near_zero},         {"sin", real},      {"cos", real},
    {"relu", real},    {"where", real},      {"maximum", real},          {"less", real},     {"less_equal", real},
    {"equal", real},   {"scaled_exp", real}, {"scaled_tanh", real},      {"fma", real},      {"lerp", real},
    {"silu", rising},  {"gelu", rising},
};

// The rule of operand k at x, or 0 if it has none, beside the imaginary part.
template <int k, class F> void check_rule(const F& f, const std::vector<double>& x) {
  constexpr double g = 1.25;
  std::vector<Complex> z(x.begin(), x.end());
  z[k] = {x[k], step};
  const double exact = g * (detail::spread<F::operands>(f.value, z.data()).z.imag() / step);
  double rule = 0;
  const auto& rule_of_k = f.template rule<k>();
  if constexpr (!std::is_same_v<decltype(rule_of_k), const detail::NoRule&>) {
    std::vector<double> given{g};
    if (F::kept == keep::other) given.push_back(x[1 - k]);
    if (F::kept & keep::result) given.push_back(detail::spread<F::operands>(f.value, x.data()));
    for (std::size_t n = 0; n < x.size(); ++n)
      if (F::kept & (keep::first << n)) given.push_back(x[n]);
    rule = detail::spread<F::arguments>(rule_of_k, given.data());
  }
  CHECK(std::abs(rule - exact) <= 1e-14 * std::abs(exact));
}

template <class F> void check_rules(const F& f) {
  INFO("function " << std::string(f.name));
  REQUIRE(intervals.contains(f.name));
  const auto [low, high] = intervals.at(f.name);
  Random random(1);
  for (int draw = 0; draw < 100; ++draw) {
    const Array<double> drawn = random.uniform<double>({F::operands}, low, high);
    const std::vector<double> x(drawn.begin(), drawn.end());
    INFO("at " << V(drawn));
    [&]<int... k>(std::integer_sequence<int, k...>) { (check_rule<k>(f, x), ...); }
    (std::make_integer_sequence<int, F::operands>());
  }
}

template <const auto&... function> void check_all(detail::functions::List<function...>) {
  (check_rules(function), ...);
}

// A composition of functions beside its formula.
struct Composed {
  std::string name;
  Interval interval;
  std::function<V(const V&)> f;
  std::function<Complex(const Complex&)> formula;
};

const std::vector<Composed> compositions{
    {"square", real, [](auto& x) { return square(x); }, [](auto& x) { return x * x; }},
    {"reciprocal", positive, [](auto& x) { return reciprocal(x); }, [](auto& x) { return 1 / x; }},
    {"rsqrt", positive, [](auto& x) { return rsqrt(x); }, [](auto& x) { return exp(log(x) / -2); }},
    {"log_sigmoid", real, [](auto& x) { return log_sigmoid(x); }, [](auto& x) { return -log(1 + exp(-x)); }},
    {"silu", real, [](auto& x) { return silu(x); }, [](auto& x) { return x / (1 + exp(-x)); }},
    {"gelu", near_zero, [](auto& x) { return gelu(x); },
     [](auto& x) { return x / 2 * (1 + erf(x / std::numbers::sqrt2)); }},
    {"minimum", real, [](auto& x) { return minimum(x, x * x); }, [](auto& x) { return x < x * x ? x : x * x; }},
    {"clamp", real, [](auto& x) { return clamp(x, -1, 0.5) * x; },
     [](auto& x) { return x < -1    ? -x
                          : x > 0.5 ? 0.5 * x
                                    : x * x; }},
};

using Numbers = std::vector<Complex>;

// f(x) of a vector beside its formula.
struct OfVector {
  std::string name;
  std::function<V(const V&)> f;
  std::function<Numbers(const Numbers&)> formula;
};

Numbers each(Numbers x, const std::function<Complex(const Complex&)>& f) {
  for (Complex& number : x) number = f(number);
  return x;
}
Complex added(const Numbers& x) { return std::accumulate(x.begin(), x.end(), Complex(0)); }
Complex added_squares(const Numbers& x) {
  return added(each(x, [](auto& number) { return number * number; }));
}
Complex log_sum(const Numbers& x) {
  return log(added(each(x, [](auto& number) { return exp(number); })));
}
// x less so much
Numbers lower(const Numbers& x, const Complex& much) {
  return each(x, [&](auto& number) { return number - much; });
}

const std::vector<OfVector> of_vectors{
    {"logsumexp", [](auto& x) { return logsumexp(x, -1, true); }, [](auto& x) { return Numbers{log_sum(x)}; }},
    {"softmax", [](auto& x) { return softmax(x); },
     [](auto& x) { return each(lower(x, log_sum(x)), [](auto& number) { return exp(number); }); }},
    {"log_softmax", [](auto& x) { return log_softmax(x); }, [](auto& x) { return lower(x, log_sum(x)); }},
    {"max", [](auto& x) { return max(x, -1, true); },
     [](auto& x) { return Numbers{*std::max_element(x.begin(), x.end())}; }},
    {"prod", [](auto& x) { return prod(x, -1, true); },
     [](auto& x) { return Numbers{std::accumulate(x.begin(), x.end(), Complex(1), std::multiplies<>())}; }},
    {"variance", [](auto& x) { return variance(x, -1, true); },
     [](auto& x) { return Numbers{added_squares(lower(x, added(x) / 7)) / 7}; }},
    {"norm", [](auto& x) { return norm(x, -1, true); }, [](auto& x) { return Numbers{sqrt(added_squares(x))}; }},
};

// The sum of an LSTM's outputs, each by its weight in a table (time, hidden), for one sequence x (time, input).
Complex lstm_loss(std::map<std::string, Numbers>& weights, const Array<double>& x, const Array<double>& weight) {
  const std::size_t hidden = weight.shape()[1], input = x.shape()[1];
  Numbers h(hidden, 0), c(hidden, 0);
  Complex loss = 0;
  for (std::size_t t = 0; t < x.shape()[0]; ++t) {
    Numbers a;
    for (std::size_t k = 0; k < 4 * hidden; ++k) {
      a.push_back(weights["bias_ih_l0"][k] + weights["bias_hh_l0"][k]);
      for (std::size_t j = 0; j < input; ++j) a[k] = a[k] + weights["weight_ih_l0"][k * input + j] * x(t, j);
      for (std::size_t j = 0; j < hidden; ++j) a[k] = a[k] + weights["weight_hh_l0"][k * hidden + j] * h[j];
    }
    for (std::size_t k = 0; k < hidden; ++k) {
      const auto sigma = [&](std::size_t gate) { return 1 / (1 + exp(-a[gate * hidden + k])); };
      c[k] = sigma(1) * c[k] + sigma(0) * tanh(a[2 * hidden + k]);
      h[k] = sigma(3) * tanh(c[k]);
      loss = loss + h[k] * weight(t, k);
    }
  }
  return loss;
}

}  // namespace

TEST_CASE("every elementwise rule is what the complex step gives") { check_all(detail::functions::Vectorised()); }

TEST_CASE("compositions of elementwise functions have the values and derivatives of their formulas") {
  for (const auto& composition : compositions) {
    const auto& [name, interval, f, formula] = composition;
    INFO(composition.name);
    Tape<double> tape;
    const V x = tape.watch(Random(1).uniform<double>({100}, interval.low, interval.high)), y = f(x);
    Array<double> value = x.value(), slope = x.value();
    for (std::size_t k = 0; k < value.size(); ++k) {
      const Complex exact = formula({x.value()(k), step});
      value(k) = exact.z.real();
      slope(k) = exact.z.imag() / step;
    }
    CHECK(difference(y.value(), value) < 1e-14);
    CHECK(difference(tape.gradient(y, {x}, ones<double>(y.shape()))[0].value(), slope) < 1e-14);
    CHECK(difference(tape.backward(sum(y))[x], slope) < 1e-14);
  }
}

TEST_CASE("the Jacobians of functions of a vector are what the complex step gives") {
  Array<double> point = Random(1).normal<double>({7});
  point(3) = 0;  // where a product divided by an element would fail
  for (const auto& composition : of_vectors) {
    const auto& [name, f, formula] = composition;
    INFO(composition.name);
    Tape<double> tape;
    const V x = tape.watch(point), y = f(x);
    Array<double> jacobian = zeros<double>({y.size(), 7}).value(), exact = jacobian;
    for (std::size_t j = 0; j < 7; ++j) {
      Numbers z(point.begin(), point.end());
      z[j] = {point(j), step};
      const Numbers values = formula(z);
      for (std::size_t i = 0; i < y.size(); ++i) exact(i, j) = values[i].z.imag() / step;
    }
    for (std::size_t i = 0; i < y.size(); ++i) {
      Array<double> unit = zeros<double>(y.shape()).value();
      unit(i) = 1;
      const Array<double> row = tape.gradient(y, {x}, unit)[0].value();
      for (std::size_t j = 0; j < 7; ++j) jacobian(i, j) = row(j);
    }
    CHECK(difference(jacobian, exact) < 1e-14);
  }
}

TEST_CASE("backpropagation through time is what the complex step gives") {
  Random random(2);
  const nn::LSTM<double> lstm({.input = 2, .hidden = 3}, random);
  const Array<double> x = random.normal<double>({20, 2}), weight = random.normal<double>({20, 3});
  Tape<double> tape;
  const V loss = sum(reshape(lstm(reshape(V(x), {20, 1, 2})).output, {20, 3}) * weight);
  const Gradients<double> gradients = tape.backward(loss);

  std::map<std::string, Numbers> weights;
  for (const auto& [name, parameter] : lstm.named_parameters())
    weights[name].assign(parameter.value().begin(), parameter.value().end());
  for (const auto& named : lstm.named_parameters()) {
    const auto& name = named.first;
    const auto& parameter = named.second;
    INFO(name);
    Array<double> exact = parameter.value();
    for (std::size_t k = 0; k < exact.size(); ++k) {
      Complex& entry = weights[name][k];
      entry.z.imag(step);
      exact.storage()[k] = lstm_loss(weights, x, weight).z.imag() / step;
      entry.z.imag(0);
    }
    CHECK(difference(gradients[parameter], exact) < 1e-14);
  }
}

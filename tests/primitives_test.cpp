// The elementwise operations.
#include "primitives.hpp"

namespace unroll::primitives {
namespace {

using std::exp, std::log, std::tanh, std::log1p, std::expm1, std::sqrt, std::pow, std::abs, std::erf, std::sin,
    std::cos;

std::vector<Row> elementwise() {
  return {
      {"add", two, of([](auto& a, auto& b) { return add(a, b); }), of_elements(std::plus<>())},
      {"subtract", two, of([](auto& a, auto& b) { return subtract(a, b); }), of_elements(std::minus<>())},
      {"multiply", two + "; (300,1) (300,1)", of([](auto& a, auto& b) { return multiply(a, b); }),
       of_elements(std::multiplies<>())},
      {"divide", positive + two, of([](auto& a, auto& b) { return divide(a, b); }), of_elements(std::divides<>())},
      {"negate", one, of([](auto& x) { return negate(x); }), of_elements(std::negate<>())},
      alike("exp", one, [](auto& x) { return exp(x); }),
      alike("log", positive + one, [](auto& x) { return log(x); }),
      alike("tanh", one, [](auto& x) { return tanh(x); }),
      {"sigmoid", one, of([](auto& x) { return sigmoid(x); }),
       of_elements([](double x) { return 1 / (1 + std::exp(-x)); })},
      {"softplus", one, of([](auto& x) { return softplus(x); }),
       of_elements([](double x) { return std::log(1 + std::exp(x)); })},
      {"logistic", one, of([](auto& x) { return logistic(x); }),
       of_elements([](double x) { return 1 / (1 + std::exp(-x)); })},
      {"log_sigmoid", one, of([](auto& x) { return log_sigmoid(x); }),
       of_elements([](double x) { return -std::log(1 + std::exp(-x)); })},
      alike("log1p", positive + one, [](auto& x) { return log1p(x); }),
      alike("expm1", one, [](auto& x) { return expm1(x); }),
      alike("sqrt", positive + one, [](auto& x) { return sqrt(x); }),
      {"rsqrt", positive + one, of([](auto& x) { return rsqrt(x); }),
       of_elements([](double x) { return 1 / std::sqrt(x); })},
      {"reciprocal", positive + one, of([](auto& x) { return reciprocal(x); }),
       of_elements([](double x) { return 1 / x; })},
      alike("pow", positive + two, [](auto& a, auto& b) { return pow(a, b); }),
      alike("pow with a whole exponent", one, [](auto& x) { return pow(x, 3); }),
      alike("abs", apart + one, [](auto& x) { return abs(x); }),
      alike("erf", one, [](auto& x) { return erf(x); }),
      alike("sin", one, [](auto& x) { return sin(x); }),
      alike("cos", one, [](auto& x) { return cos(x); }),
      {"silu", one, of([](auto& x) { return silu(x); }), of_elements([](double x) { return x / (1 + std::exp(-x)); })},
      {"gelu", one, of([](auto& x) { return gelu(x); }),
       of_elements([](double x) { return x / 2 * std::erfc(-x / std::sqrt(2.)); })},
      {"maximum", apart + two, of([](auto& a, auto& b) { return maximum(a * a, b); }),
       of_elements([](double a, double b) { return std::max(a * a, b); })},
      {"minimum", apart + two, of([](auto& a, auto& b) { return minimum(a * a, b); }),
       of_elements([](double a, double b) { return std::min(a * a, b); })},
      {"clamp", apart + one, of([](auto& x) { return clamp(x, -0.5, 0.6); }),
       of_elements([](double x) { return std::clamp(x, -0.5, 0.6); })},
      {"relu", apart + one, of([](auto& x) { return relu(x); }), of_elements([](double x) { return x * (x > 0.); })},
      {"relu of cubes", apart + one, of([](auto& x) { return relu(x * x * x); }),
       of_elements([](double x) { return x * x * x * (x > 0.); })},
      {"exp_difference", two, of([](auto& a, auto& b) { return exp_difference(a, b); }),
       of_elements([](double a, double b) { return exp(a - b); })},
      {"fma", three, of([](auto& a, auto& b, auto& c) { return fma(a, b, c); }),
       of_elements([](double a, double b, double c) { return a * b + c; })},
      {"lerp", three, of([](auto& a, auto& b, auto& t) { return lerp(a, b, t); }),
       of_elements([](double a, double b, double t) { return (1. - t) * a + t * b; })},
      {"scaled_tanh", two, of([](auto& w, auto& x) { return scaled_tanh(w, x); }),
       of_elements([](double w, double x) { return w * tanh(x); })},
      {"scaled_exp", three, of([](auto& w, auto& a, auto& b) { return scaled_exp(w, a, b); }),
       of_elements([](double w, double a, double b) { return w * exp(a - b); })},
      {"square", one, of([](auto& x) { return square(x); }), of_elements([](double x) { return x * x; })},
      {"where", apart + three, of([](auto& c, auto& a, auto& b) { return where(c < 0., a * a, b); }),
       of_elements([](double c, double a, double b) { return c < 0 ? a * a : b; })},
      {"select", apart + three, of([](auto& c, auto& a, auto& b) { return select(relu(c), a, exp(b)); }),
       of_elements([](double c, double a, double b) { return c > 0 ? a : std::exp(b); })},
      {"nonzero", one, of([](auto& x) { return x * nonzero(x); }), of_elements([](double x) { return x * x; })},
      {"less", apart + two, of([](auto& a, auto& b) { return a * less(a, b); }),
       of_elements([](double a, double b) { return a * (a < b); })},
      {"less_equal", apart + two, of([](auto& a, auto& b) { return a * less_equal(a, b); }),
       of_elements([](double a, double b) { return a * (a <= b); })},
      {"equal", apart + two, of([](auto& a, auto& b) { return a * (1. + equal(a, b)); }),
       of_elements([](double a, double b) { return a * (1 + (a == b)); })},
      {"not_equal", apart + two, of([](auto& a, auto& b) { return a * not_equal(a, b); }),
       of_elements([](double a, double b) { return a * (a != b); })},
      {"logical_not", apart + one, of([](auto& x) { return x + logical_not(relu(x)); }),
       of_elements([](double x) { return x + (x <= 0.); })},
      {"logical_and", apart + two, of([](auto& a, auto& b) { return a + logical_and(relu(a), relu(b)); }),
       of_elements([](double a, double b) { return a + (a > 0 && b > 0); })},
      {"logical_or", apart + two, of([](auto& a, auto& b) { return a + logical_or(relu(a), relu(b)); }),
       of_elements([](double a, double b) { return a + (a > 0 || b > 0); })},
      {"operator==", apart + two, of([](auto& a, auto& b) { return a + (relu(a) == relu(b)); }),
       of_elements([](double a, double b) { return a + (std::max(a, 0.) == std::max(b, 0.)); })},
      {"operator!=", apart + two, of([](auto& a, auto& b) { return a * (relu(a) != b); }),
       of_elements([](double a, double b) { return a * (std::max(a, 0.) != b); })},
      {"operator&&", apart + two, of([](auto& a, auto& b) { return a + (a > 0 && b < 0.3); }),
       of_elements([](double a, double b) { return a + (a > 0 && b < 0.3); })},
      {"operator||", apart + two, of([](auto& a, auto& b) { return a + (a > 0 || b < 0.3); }),
       of_elements([](double a, double b) { return a + (a > 0 || b < 0.3); })},
      {"operator!", apart + one, of([](auto& x) { return x * !(x > 0.2); }),
       of_elements([](double x) { return x * (x <= 0.2); })},
      alike("operator+", two, [](auto& a, auto& b) { return 2 + (a + b) + 1.5; }),
      alike("operator- of one and of two", two, [](auto& a, auto& b) { return -((2 - a) - (b - 1)); }),
      alike("operator*", two, [](auto& a, auto& b) { return 2 * (a * b) * 3; }),
      alike("operator/", positive + two, [](auto& a, auto& b) { return 2 / (a / b) / 4; }),
      alike("operator<", apart + two, [](auto& a, auto& b) { return a * ((a < b) + 2. * (a < 0.5)); }),
      alike("operator<=", apart + two, [](auto& a, auto& b) { return a * ((a <= b) + 2. * (0.5 <= a)); }),
      alike("operator>", apart + two, [](auto& a, auto& b) { return a * ((a > b) + 2. * (a > 0.5)); }),
      alike("operator>=", apart + two, [](auto& a, auto& b) { return a * ((a >= b) + 2. * (0.5 >= a)); }),
      {"detach", apart + one, of([](auto& x) { return x * detach(x < 0); }),
       of_elements([](double x) { return x * (x < 0.); })},
      {"full", one, of([]<class T>(const Variable<T>& x) { return x * full<T>(x.shape(), 3); }),
       of_elements([](double x) { return 3 * x; })},
      {"zeros", one, of([]<class T>(const Variable<T>& x) { return x + zeros<T>(x.shape()); }),
       of_elements(std::identity())},
      {"ones", one, of([]<class T>(const Variable<T>& x) { return x * ones<T>(x.shape()); }),
       of_elements(std::identity())},
  };
}

}  // namespace

TEST_CASE("every elementwise operation has its value, first and second derivatives, for all shapes and layouts") {
  check_all(elementwise());
}

TEST_CASE("every elementwise operation that is declared has a row") {
  check_names(elementwise(), {"Elementwise", "Constants"});
}

}  // namespace unroll::primitives

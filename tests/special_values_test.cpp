// Values and derivatives of the elementwise functions where they are special, and how exact they are elsewhere, against
// the C++ library in long double and limits. Under whichever instruction set is chosen.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <sstream>
#include <string>
#include <unroll/autograd/autograd.hpp>
#include <vector>

using namespace unroll;

namespace {

using L = long double;

constexpr L nan = std::numeric_limits<L>::quiet_NaN();

template <class T> using Numbers = std::vector<T>;

// Zeros, subnormal, small, whole and half numbers, those about which eˣ stops being normal or finite, the largest, ∞,
// NaN.
template <class T> Numbers<T> grid() {
  using Limits = std::numeric_limits<T>;
  Numbers<T> result;
  for (double size : {0.,   0.25,  0.5,  1.,   1.5,   2.,   3.,   10.,  20.,  87.5, 88.6,      88.75,
                      100., 103.5, 104., 700., 709.7, 710., 740., 745., 746., 1e18, 16777214., 9007199254740994.})
    result.push_back(T(size));
  for (T size : {Limits::denorm_min(), Limits::min(), Limits::epsilon(), Limits::max(), Limits::infinity()})
    result.push_back(size);
  const std::size_t positive = result.size();
  for (std::size_t k = 0; k < positive; ++k) result.push_back(-result[k]);
  result.push_back(Limits::quiet_NaN());
  return result;
}

// |got − want| in units of the last place of `want` as a T; what is special must be equal.
template <class T> double ulps(T got, L want) {
  const T nearest = T(want);
  if (std::isnan(got) || std::isnan(nearest)) return std::isnan(got) && std::isnan(nearest) ? 0 : HUGE_VAL;
  if (std::isinf(got) || std::isinf(nearest)) return got == nearest ? 0 : HUGE_VAL;
  using Limits = std::numeric_limits<T>;
  const int exponent = nearest == 0 ? Limits::min_exponent : std::max(std::ilogb(nearest) + 1, Limits::min_exponent);
  return double(std::abs(L(got) - want) / std::ldexp(L(1), exponent - Limits::digits));
}

template <class T> std::string line(const std::string& what, const Numbers<T>& x, T got, L want) {
  std::ostringstream text;
  text.precision(std::numeric_limits<T>::max_digits10);
  text << what << (sizeof(T) == 4 ? ", float, at" : ", double, at");
  for (T number : x) text << ' ' << number;
  text << ": " << got << "; expected " << T(want);
  return text.str();
}

// Allows `most` units in the last place, or so much.
template <class T> void check(const std::string& what, const Numbers<T>& x, T got, L want, double most, L so_much = 0) {
  const bool signs = got != 0 || want != 0 || std::signbit(got) == std::signbit(want);
  const bool close = ulps(got, want) <= most || std::abs(got - want) <= so_much;
  // The sign of a derivative that is 0 has no meaning.
  CHECK_MESSAGE((close && (signs || most != 4)), line(what, x, got, want));
}

template <class T> Array<T> array_of(const Numbers<T>& numbers) {
  Array<T> result = zeros<T>({numbers.size()}).value();
  std::copy(numbers.begin(), numbers.end(), result.begin());
  return result;
}

// Σ dy/dx of each y by the same x, recorded; nothing where y is constant.
template <class T> Variable<T> slope(Tape<T>& tape, const Variable<T>& y, const Variable<T>& x) {
  if (tape.index_of(y) == Node<T>::constant) return zeros<T>(x.shape());
  return tape.gradient(y, {x}, ones<T>(y.shape()))[0];
}

using Reference = std::function<L(L)>;

template <class T> struct Unary {
  std::string name;
  std::function<Variable<T>(const Variable<T>&)> f;
  Reference value, first, second;
  double quanta = 0;  // smallest subnormal numbers that a value may be off by
  double slack = 0;   // last places of 1 that a derivative made from a rounded y may be off by
};

// x within what long double has exponentials of; where a limit at infinity is meant.
L finite(L x) { return x > 11000 ? 11000 : x < -11000 ? -11000 : x; }
L zero(L) { return 0; }
L sigma(L x) { return 1 / (1 + std::exp(-finite(x))); }
L sigma_slope(L x) { return sigma(x) * sigma(-x); }
L phi(L x) { return std::exp(-finite(x) * finite(x) / 2) / std::sqrt(2 * std::numbers::pi_v<L>); }
L normal(L x) { return std::erfc(-x / std::numbers::sqrt2_v<L>) / 2; }
L softened(L x) { return std::max(x, L(0)) + std::log1p(std::exp(-std::abs(x))); }
// b aᵇ⁻¹; so large an exponent b is even, which b − 1 as a number may be too, but for −0.
template <class T> L power_slope(L a, L b) {
  const bool even = std::abs(b) >= 2 / std::numeric_limits<T>::epsilon();
  const L power = T(even && a < 0 ? -std::pow(-a, b) : std::pow(a, even && a == 0 ? b : b - 1));
  return b == 0 ? (std::isnan(a) ? nan : 0) : power == 0 ? 0 : b * power;
}

template <class T> std::vector<Unary<T>> unary() {
  using V = Variable<T>;
  using std::exp, std::sqrt, std::abs;
  std::vector<Unary<T>> rows{
      {"negate", [](const V& x) { return -x; }, [](L x) { return -x; }, [](L) { return L(-1); }, zero},
      {"exp", [](const V& x) { return exp(x); }, [](L x) { return exp(x); }, [](L x) { return exp(x); },
       [](L x) { return exp(x); }},
      {"log", [](const V& x) { return log(x); }, [](L x) { return std::log(x); }, [](L x) { return 1 / x; },
       [](L x) { return -1 / (x * x); }},
      {"tanh", [](const V& x) { return tanh(x); }, [](L x) { return std::tanh(x); },
       [](L x) { return 4 * sigma_slope(2 * x); }, [](L x) { return -8 * std::tanh(x) * sigma_slope(2 * x); }, 0, 4},
      {"sigmoid", [](const V& x) { return sigmoid(x); }, sigma, sigma_slope,
       [](L x) { return sigma_slope(x) * (sigma(-x) - sigma(x)); }, 0, 4},
      {"softplus", [](const V& x) { return softplus(x); }, softened, sigma, sigma_slope, 0, 4},
      {"log_sigmoid", [](const V& x) { return log_sigmoid(x); }, [](L x) { return -softened(-x); },
       [](L x) { return sigma(-x); }, [](L x) { return -sigma_slope(x); }, 0, 4},
      {"log1p", [](const V& x) { return log1p(x); }, [](L x) { return std::log1p(x); }, [](L x) { return 1 / (1 + x); },
       [](L x) { return -1 / ((1 + x) * (1 + x)); }},
      {"expm1", [](const V& x) { return expm1(x); }, [](L x) { return std::expm1(x); }, [](L x) { return exp(x); },
       [](L x) { return exp(x); }},
      {"sqrt", [](const V& x) { return sqrt(x); }, [](L x) { return sqrt(x); }, [](L x) { return 1 / (2 * sqrt(x)); },
       [](L x) { return -1 / (4 * std::pow(sqrt(x), L(3))); }},
      {"rsqrt", [](const V& x) { return rsqrt(x); }, [](L x) { return 1 / sqrt(x); },
       [](L x) { return -std::pow(1 / sqrt(x), L(3)) / 2; }, [](L x) { return 3 * std::pow(1 / sqrt(x), L(5)) / 4; }},
      {"reciprocal", [](const V& x) { return reciprocal(x); }, [](L x) { return 1 / x; },
       [](L x) { return -1 / (x * x); }, [](L x) { return 2 / (x * x * x); }},
      {"abs", [](const V& x) { return abs(x); }, [](L x) { return abs(x); },
       [](L x) { return x > 0   ? 1
                        : x < 0 ? -1
                                : x; }, zero},
      {"erf", [](const V& x) { return erf(x); }, [](L x) { return std::erf(x); },
       [](L x) { return 2 * std::numbers::inv_sqrtpi_v<L> * exp(-finite(x) * finite(x)); },
       [](L x) { return -4 * finite(x) * std::numbers::inv_sqrtpi_v<L> * exp(-finite(x) * finite(x)); }},
      {"sin", [](const V& x) { return sin(x); }, [](L x) { return std::sin(x); }, [](L x) { return std::cos(x); },
       [](L x) { return -std::sin(x); }},
      {"cos", [](const V& x) { return cos(x); }, [](L x) { return std::cos(x); }, [](L x) { return -std::sin(x); },
       [](L x) { return -std::cos(x); }},
      {"silu", [](const V& x) { return silu(x); }, [](L x) { return (x < 0 ? finite(x) : x) * sigma(x); },
       [](L x) { return sigma(x) * (1 + finite(x) * sigma(-x)); },
       [](L x) { return sigma_slope(x) * (2 + finite(x) * (1 - 2 * sigma(x))); }, 800, 8},
      {"gelu", [](const V& x) { return gelu(x); }, [](L x) { return (x < 0 ? finite(x) : x) * normal(x); },
       [](L x) { return normal(x) + finite(x) * phi(x); }, [](L x) { return phi(x) * (2 - finite(x) * finite(x)); }, 80,
       8},
      {"relu", [](const V& x) { return relu(x); }, [](L x) { return x <= 0 ? 0 : x; },
       [](L x) { return x > 0    ? 1
                        : x <= 0 ? 0
                                 : x; }, zero},
      {"square", [](const V& x) { return square(x); }, [](L x) { return x * x; }, [](L x) { return 2 * x; },
       [](L) { return L(2); }},
      {"clamp", [](const V& x) { return clamp(x, -1, 1); }, [](L x) { return x < -1  ? -1
                                                                             : x > 1 ? 1
                                                                                     : x; },
       [](L x) { return abs(x) > 1 ? 0 : 1; }, zero},
  };
  for (double exponent : {0., 0.5, 1., 1.5, 2., 3., 4., -0.5, -1., -2., -3., 1e18, -1e18}) {
    const L b = T(exponent);
    rows.push_back({"pow(x, " + std::to_string(exponent) + ")", [exponent](const V& x) { return pow(x, exponent); },
                    [b](L x) { return std::pow(x, b); }, [b](L x) { return power_slope<T>(x, b); },
                    [b](L x) { return b == 0 || b == 1 ? 0 : b * (b - 1) * std::pow(x, b - 2); }});
  }
  return rows;
}

using BinaryReference = std::function<L(L, L)>;

template <class T> struct Binary {
  std::string name;
  std::function<Variable<T>(const Variable<T>&, const Variable<T>&)> f;
  BinaryReference value, by_a, by_b;
};

// One where the first holds, none where the second does, half of it where neither, as for ties.
L share(bool all, bool none, L a, L b) { return all ? 1 : none ? 0 : a == b ? L(0.5) : nan; }

template <class T> std::vector<Binary<T>> binary() {
  using V = Variable<T>;
  // eˣ and differences in T: what comes after may be infinite by them.
  const auto exponential = [](L x) { return L(T(std::exp(x))); };
  const auto difference = [](L a, L b) { return L(T(a - b)); };
  const auto power = [](L a, L b) { return std::pow(a, b); };
  return {
      {"add", [](const V& a, const V& b) { return a + b; }, [](L a, L b) { return a + b; }, [](L, L) { return 1; },
       [](L, L) { return 1; }},
      {"subtract", [](const V& a, const V& b) { return a - b; }, [](L a, L b) { return a - b; }, [](L, L) { return 1; },
       [](L, L) { return -1; }},
      {"multiply", [](const V& a, const V& b) { return a * b; }, [](L a, L b) { return a * b; },
       [](L, L b) { return b; }, [](L a, L) { return a; }},
      {"divide", [](const V& a, const V& b) { return a / b; }, [](L a, L b) { return a / b; },
       [](L, L b) { return 1 / b; }, [](L a, L b) { return -L(T(a / b)) / b; }},
      {"fma", [](const V& a, const V& b) { return fma(a, b, V(T(0.5))); }, [](L a, L b) { return a * b + L(0.5); },
       [](L, L b) { return b; }, [](L a, L) { return a; }},
      {"lerp", [](const V& a, const V& b) { return lerp(a, b, V(T(0.5))); },
       [=](L a, L b) { return a + difference(b, a) / 2; }, [](L, L) { return L(0.5); }, [](L, L) { return L(0.5); }},
      {"pow", [](const V& a, const V& b) { return pow(a, b); }, power, power_slope<T>,
       [](L a, L b) {
         const L y = T(std::pow(a, b));
         return y == 0 || (a == 0 && b >= 0) ? 0 : y * std::log(a);
       }},
      {"maximum", [](const V& a, const V& b) { return maximum(a, b); },
       [](L a, L b) { return a > b    ? a
                             : b >= a ? b
                                      : nan; }, [](L a, L b) { return share(a > b, a < b, a, b); },
       [](L a, L b) { return share(b > a, b < a, a, b); }},
      {"minimum", [](const V& a, const V& b) { return minimum(a, b); },
       [](L a, L b) { return a < b    ? a
                             : b <= a ? b
                                      : nan; }, [](L a, L b) { return share(a<b, a> b, a, b); },
       [](L a, L b) { return share(b<a, b> a, a, b); }},
      {"exp_difference", [](const V& a, const V& b) { return exp_difference(a, b); },
       [=](L a, L b) { return exponential(difference(a, b)); }, [=](L a, L b) { return exponential(difference(a, b)); },
       [=](L a, L b) { return -exponential(difference(a, b)); }},
      {"scaled_exp",
       [](const V& w, const V& a) { return scaled_exp(w, maximum(a, -87), V(T(0))); },
       [=](L w, L a) { return w * exponential(a < -87 ? -87 : a); },
       [=](L, L a) { return exponential(a < -87 ? -87 : a); },
       {}},
      {"scaled_tanh",
       [](const V& w, const V& x) { return scaled_tanh(w, x); },
       [](L w, L x) { return w * std::tanh(x); },
       [](L, L x) { return std::tanh(x); },
       {}},
      {"where", [](const V& c, const V& a) { return where(c, a, V(T(3))); }, [](L c, L a) { return c == 0 ? 3 : a; },
       [](L, L) { return 0; }, [](L c, L) { return c == 0 ? 0 : 1; }},
      {"less", [](const V& a, const V& b) { return a < b; }, [](L a, L b) { return a < b; }, {}, {}},
      {"less_equal", [](const V& a, const V& b) { return a <= b; }, [](L a, L b) { return a <= b; }, {}, {}},
      {"equal", [](const V& a, const V& b) { return equal(a, b); }, [](L a, L b) { return a == b; }, {}, {}},
  };
}

template <class T> void check_unary(const Unary<T>& row) {
  const Numbers<T> points = grid<T>();
  Tape<T> tape;
  const Variable<T> x = tape.watch(array_of(points));
  const Variable<T> y = row.f(x), recorded = slope(tape, y, x), twice = slope(tape, recorded, x);
  const Array<T> fused = tape.backward(sum(y))[x];
  for (std::size_t k = 0; k < points.size(); ++k) {
    const T at = points[k];
    const L quanta = row.quanta * std::numeric_limits<T>::denorm_min(),
            slack = row.slack * std::numeric_limits<T>::epsilon();
    check(row.name, {at}, y.value()(k), row.value(at), 4, quanta);
    check(row.name + "', fused", {at}, fused(k), row.first(at), 16, slack);
    check(row.name + "', recorded", {at}, recorded.value()(k), row.first(at), 16, slack);
    if (at == at) check(row.name + "''", {at}, twice.value()(k), row.second(at), 64, slack);
  }
}

template <class T> void check_binary(const Binary<T>& row) {
  const Numbers<T> points = grid<T>();
  Numbers<T> as, bs;
  for (T a : points)
    for (T b : points) {
      as.push_back(a);
      bs.push_back(b);
    }
  Tape<T> tape;
  const Variable<T> a = tape.watch(array_of(as)), b = tape.watch(array_of(bs)), y = row.f(a, b);
  for (std::size_t k = 0; k < as.size(); ++k) check(row.name, {as[k], bs[k]}, y.value()(k), row.value(as[k], bs[k]), 4);
  if (!row.by_a && !row.by_b) return;
  const auto recorded = tape.gradient(y, {a, b}, ones<T>(y.shape()));
  const Gradients<T> fused = tape.backward(sum(y));
  for (std::size_t k = 0; k < as.size(); ++k) {
    const auto derivative = [&](const char* by, const BinaryReference& reference, const Variable<T>& x, std::size_t n) {
      if (!reference) return;
      const L want = reference(as[k], bs[k]);
      check(row.name + by + ", fused", {as[k], bs[k]}, fused[x](k), want, 64);
      check(row.name + by + ", recorded", {as[k], bs[k]}, recorded[n].value()(k), want, 64);
    };
    derivative(" by a", row.by_a, a, 0);
    derivative(" by b", row.by_b, b, 1);
  }
}

// Numbers of all sizes for which functions are ordinary, and those next to where sin and cos are 0.
template <class T> Numbers<T> ordinary() {
  Numbers<T> result;
  Random random(3);
  for (T x : random.uniform<T>({20000}, -15, 15)) result.push_back(x);
  for (T x : random.uniform<T>({20000}, -35, 6)) result.push_back((result.size() % 2 ? 1 : -1) * std::exp(x));
  for (int n = 1; n < 1000; ++n) result.push_back(T(n * std::numbers::pi_v<L> / 2));
  return result;
}

template <class T> void check_ordinary(const Unary<T>& row) {
  const L quanta = row.quanta * std::numeric_limits<T>::denorm_min();
  const Numbers<T> points = ordinary<T>();
  const Array<T> y = row.f(Variable<T>(array_of(points))).value();
  T worst = 0, got = 0;
  double most = 0;
  for (std::size_t k = 0; k < points.size(); ++k)
    if (const L want = row.value(points[k]); !(ulps(y(k), want) <= most || std::abs(y(k) - want) <= quanta)) {
      worst = points[k];
      got = y(k);
      most = ulps(got, want);
    }
  INFO(most << " units in the last place");
  CHECK_MESSAGE(most <= 4, line(row.name, {worst}, got, row.value(worst)));
}

}  // namespace

TEST_CASE_TEMPLATE("functions of one operand have the right values and derivatives where they are special", T, float,
                   double) {
  for (const Unary<T>& row : unary<T>()) check_unary(row);
}

TEST_CASE_TEMPLATE("functions of two operands have the right values and derivatives where they are special", T, float,
                   double) {
  for (const Binary<T>& row : binary<T>()) check_binary(row);
}

TEST_CASE_TEMPLATE("ordinary values are right to four units in the last place", T, float, double) {
  for (const Unary<T>& row : unary<T>()) check_ordinary(row);
}

TEST_CASE("a power of 0 agrees with differences, to second order") {
  const Parameter<double> p(array_of<double>({0, 2}), "p");
  for (double exponent : {1., 2., 3.}) {
    const auto report = gradient_check([&] { return sum(pow(p, exponent)); }, {p}, {.order = 2});
    CHECK_MESSAGE(report, report);
  }
}

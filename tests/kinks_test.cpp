// A gradient check at points where a function has no derivative.
#include <doctest/doctest.h>

#include <cmath>

#include "wrong_rules.hpp"

using namespace unroll;

TEST_CASE("a point at a kink is counted and does not fail") {
  for (const double offset : {0.0, 1e-12, -1e-9, 1e-7, -1e-6}) {
    Array<double> values = Random(9).uniform<double>({200}, 0.5, 2);
    values(17) = offset;
    values(18) = -1;
    const P x(values, "x");
    for (int order : {1, 2}) {
      CAPTURE(offset);
      CAPTURE(order);
      const auto report =
          gradient_check([&] { return weighted(exp(relu(x)) + 0.1 * absolute(x)); }, {x}, {.order = order});
      CHECK(report);
      CHECK(report.kinks == 1);
      CHECK(report.entries == 199);
      CHECK(text(report).find(", 1 kink, ") != std::string::npos);
    }
  }
}

TEST_CASE("a tie of maxima is a kink, a maximum without a tie is none") {
  Array<double> values = Random(10).normal<double>({150, 2});
  CHECK(gradient_check([](const std::vector<V>& x) { return weighted(max(x[0], 1)); }, {values}).kinks == 0);
  values(3, 0) = values(3, 1);
  const auto report = gradient_check([](const std::vector<V>& x) { return weighted(max(x[0], 1)); }, {values});
  CHECK(report);
  CHECK(report.kinks == 2);
}

TEST_CASE("a jump of the second derivative is a kink only where it spoils the differences") {
  const auto square_of_relu = [](const std::vector<V>& x) { return weighted(relu(x[0]) * relu(x[0])); };
  Array<double> values = Random(11).uniform<double>({200}, 0.1, 1);
  values(5) = 0;
  values(6) = 1e-4;
  const auto report = gradient_check(square_of_relu, {values}, {.order = 2});
  CHECK(report);
  CHECK(report.kinks == 1);
}

TEST_CASE("more than one entry in a hundred at a kink is a failure") {
  Array<double> values = Random(12).uniform<double>({200}, 0.5, 2);
  const auto f = [](const std::vector<V>& x) { return weighted(relu(x[0])); };
  values(7) = values(8) = 0;
  CHECK(gradient_check(f, {values}));
  values(9) = 0;
  const auto report = gradient_check(f, {values});
  CHECK_FALSE(report);
  CHECK(report.kinks == 3);
  CHECK(report.disagreements == 0);
  CHECK(text(report) ==
        "gradient_check: 3 of 200 entries lie at a kink, such as input 0(7); at most 1 % may - move the parameters or "
        "raise options.kinks");
  CHECK(gradient_check(f, {values}, {.kinks = 0.02}));
  CHECK(text(gradient_check(f, {zeros<double>({2, 2}).value()}, {.kinks = 1})) ==
        "gradient_check: 4 of 4 entries lie at a kink, such as input 0(0, 0); nothing was compared - move the "
        "parameters");
}

TEST_CASE("a wrong rule near a kink is not excused") {
  for (const double sign : {-1.0, 1.0})
    for (const double x : {3e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1.0}) {
      CAPTURE(x);
      const P parameter(Array<double>(sign * x), "x");
      const auto report = gradient_check([&] { return absolute(parameter, -1 - 1e-6, 1 + 1e-6); }, {parameter});
      CHECK_FALSE(report);
      CHECK(report.kinks == 0);
      CHECK(report.disagreements == 1);
      CHECK(gradient_check([&] { return absolute(parameter); }, {parameter}));
    }
}

TEST_CASE("whether a point is a kink depends on the function, not on the rule") {
  Random random(13);
  for (int k = 0; k < 200; ++k) {
    // Wrong by a factor that is large, small or negative, at points where the function is smooth.
    const double factor = random.normal() * std::exp2(static_cast<double>(random.below(40)) - 20) + 1.001;
    const P x(random.normal<double>({}), "x");
    const auto report = gradient_check([&] { return scaled_rule(tanh(3 * x) + exp(x), Array<double>(factor)); }, {x});
    CAPTURE(factor);
    CHECK_FALSE(report);
    CHECK(report.kinks == 0);
    const P zero(Array<double>(0.0), "zero");
    CHECK(gradient_check([&] { return absolute(zero, factor, factor) + exp(zero); }, {zero}).kinks == 1);
  }
}

TEST_CASE("many kinks nearby neither hide a wrong rule nor raise a false alarm") {
  std::size_t kinks = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Random random(seed);
    const P W = random_parameter(random, {5, 12}, "W", 0.5), U = random_parameter(random, {12, 3}, "U", 0.5);
    const V x(random.normal<double>({60, 5}));
    const auto f = [&](const V& weight) { return weighted(tanh(matmul(relu(matmul(x, weight)), U))) / 60; };
    const auto report = gradient_check([&] { return f(W); }, {W, U}, {.order = 2});
    CHECK(report);
    kinks += report.kinks;
    const std::size_t entry = random.below(60);
    const auto wrong = gradient_check([&] { return f(scaled_rule(W, ones_but({5, 12}, entry, 1.001))); }, {W, U});
    CHECK_FALSE(wrong);
    CHECK(wrong.worst.name == "W(" + std::to_string(entry / 12) + ", " + std::to_string(entry % 12) + ")");
  }
  CHECK(kinks <= 1);
}

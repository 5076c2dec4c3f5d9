#include <doctest/doctest.h>

#include <bit>
#include <limits>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <unroll/autograd/autograd.hpp>
#include <vector>

#include "wrong_rules.hpp"

using namespace unroll;

namespace {

// y = x³, whose rule is right but cannot be differentiated again.
V cube_once(const V& x) {
  return primitive("cube_once", {x}, x * x * x, [x](const auto& g) { return 3 * g * x * detach(x); });
}

// A network of two layers: its parameters and its loss.
struct Network {
  Random random;
  Variable<double> x{random.normal<double>({7, 4})};
  P W = random_parameter(random, {4, 5}, "W", 0.5), b = random_parameter(random, {5}, "b");
  P U = random_parameter(random, {5, 3}, "U", 0.5), d = random_parameter(random, {3}, "d");

  std::vector<P> parameters() const { return {W, b, U, d}; }
  V operator()() const {
    const V h = tanh(matmul(x, W) + b);
    const V y = matmul(sigmoid(matmul(h, W, {.b = true})), W) + h;
    return weighted(log_softmax(matmul(y, U) + d)) + sum(logsumexp(y, 0)) / 7;
  }
};

}  // namespace

TEST_CASE("a correct network agrees to 1e-9 in both orders") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Network network{Random(seed)};
    const auto report = gradient_check(network, network.parameters(), {.order = 2, .tolerance = 1e-9});
    CHECK(report);
    CHECK(report.entries == 43);
    CHECK(report.parameters == 4);
    CHECK(report.kinks == 0);
    CHECK(report.worst.error < 1e-10);
    CHECK(report.worst.error > 0);
  }
}

TEST_CASE("a correct network agrees along random directions") {
  const Network network{Random(6)};
  const auto report = gradient_check(network, network.parameters(), {.order = 2, .tolerance = 1e-9, .directions = 3});
  CHECK(report);
  CHECK(report.entries == 12);
  CHECK(text(report).find("12 directions of 4 parameters agree") != std::string::npos);
  CHECK(gradient_check(network, network.parameters(), {.directions = 3, .seed = 2}).worst.tape !=
        gradient_check(network, network.parameters(), {.directions = 3, .seed = 3}).worst.tape);
}

TEST_CASE("functions whose derivatives are large or whose domain ends nearby agree") {
  Random random(7);
  const auto agrees = [&](double low, double high, auto f) {
    CHECK(gradient_check([&](const std::vector<V>& x) { return weighted(f(x[0])); },
                         {random.uniform<double>({40}, low, high)}, {.order = 2}));
  };
  agrees(-3, 3, [](const V& x) { return exp(x); });
  agrees(-1, 1, [](const V& x) { return tanh(30 * x) * x; });
  agrees(0.001, 0.01, [](const V& x) { return log(x); });
  agrees(0.01, 1, [](const V& x) { return 1 / x; });
  agrees(-100, 100, [](const V& x) { return x * sigmoid(x / 10); });
}

TEST_CASE("a function of arrays is checked by every one of them") {
  Random random(8);
  const std::vector<Array<double>> inputs = {random.normal<double>({2, 3}), random.normal<double>({3, 2})};
  const auto f = [](const std::vector<V>& x) { return weighted(matmul(x[0], tanh(x[1]))); };
  const auto report = gradient_check(f, inputs, {.order = 2, .tolerance = 1e-9});
  CHECK(report);
  CHECK(report.entries == 12);
  CHECK(report.parameters == 2);
  const auto wrong = [&](const std::vector<V>& x) { return f({x[0], scaled_rule(x[1], ones_but({3, 2}, 3, 1.1))}); };
  CHECK(gradient_check(wrong, inputs).worst.name == "input 1(1, 1)");
}

TEST_CASE("a scalar that is a parameter itself is a function") {
  const P x(Array<double>(2.5), "x");
  const auto report = gradient_check([&] { return x; }, {x}, {.order = 2});
  CHECK(report);
  CHECK(report.worst.name == "x");
}

TEST_CASE("a rule that is wrong in one entry is caught, named and located") {
  const P W(Random(1).normal<double>({4, 2}), "lstm.weight_hh_l0"), b(Random(2).normal<double>({2}), "lstm.bias");
  const auto f = [&] {
    return sum(0.1199 * scaled_rule(W, ones_but({4, 2}, 7, 0.12345 / 0.1199)) * V(ones<double>({2}))) + weighted(b);
  };
  const auto report = gradient_check(f, {b, W});
  CHECK_FALSE(report);
  CHECK(report.disagreements == 1);
  CHECK(report.worst.name == "lstm.weight_hh_l0(3, 1)");
  CHECK(report.worst.tape == doctest::Approx(0.12345).epsilon(1e-14));
  CHECK(report.worst.differences == doctest::Approx(0.1199).epsilon(1e-10));
  CHECK(report.worst.error == doctest::Approx(0.00355 / 1.1199).epsilon(1e-8));
  CHECK(text(report) ==
        "gradient_check: lstm.weight_hh_l0(3, 1): tape 0.12345, differences 0.11990 (relative error 2.9e-02, "
        "tolerance 1e-08)");
}

TEST_CASE("every entry is located by its index") {
  Random random(3);
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{2, 1, 2}}) {
    const P x(random.normal<double>(shape), "x");
    for (std::size_t k = 0; k < x.size(); ++k) {
      const auto f = [&] { return weighted(exp(scaled_rule(x, ones_but(shape, k, 0.5)))); };
      Array<double> numbers = uninitialised<double>(shape);
      std::string name;
      if (shape.size() == 0) name = "x";
      if (shape.size() == 1) name = "x(" + std::to_string(k) + ")";
      if (shape.size() == 2) name = "x(" + std::to_string(k / 3) + ", " + std::to_string(k % 3) + ")";
      if (shape.size() == 3) name = "x(" + std::to_string(k / 2) + ", 0, " + std::to_string(k % 2) + ")";
      CHECK(gradient_check(f, {x}).worst.name == name);
    }
  }
}

TEST_CASE("a rule that is wrong by a millionth is caught, with digits that show it") {
  const P x(Array<double>(0.7), "x");
  const auto f = [&] { return 0.5 * scaled_rule(x, Array<double>(1 + 1e-6)); };
  CHECK(text(gradient_check(f, {x})) ==
        "gradient_check: x: tape 0.500000500, differences 0.500000000 (relative error 1.0e-06, tolerance 1e-08)");
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Network network{Random(seed)};
    const auto wrong = [&] { return scaled_rule(network(), Array<double>(1 - 1e-6)); };
    const auto report = gradient_check(wrong, network.parameters());
    CHECK_FALSE(report);
    CHECK(report.disagreements > 20);
    CHECK(gradient_check(wrong, network.parameters(), {.tolerance = 1e-5}));
  }
}

TEST_CASE("a rule that is wrong in its own derivative needs order 2 to be caught") {
  const P x(Random(4).normal<double>({5}), "x");
  const auto f = [&] { return weighted(cube_once(x)); };
  CHECK(gradient_check(f, {x}));
  const auto report = gradient_check(f, {x}, {.order = 2});
  CHECK_FALSE(report);
  CHECK(report.worst.order == 2);
  CHECK(report.worst.tape == doctest::Approx(report.worst.differences / 2));
  CHECK(std::regex_match(
      text(report),
      std::regex(R"(gradient_check: x\(\d\), order 2: tape -?\d+\.\d+, differences -?\d+\.\d+ \(relative error )"
                 R"(5\.0e-01, tolerance 1e-08\))")));
}

TEST_CASE("a rule that is wrong in the recorded sweep alone needs order 2 to be caught") {
  const P x(Random(5).normal<double>({5}), "x");
  const auto f = [&] {
    return weighted(primitive("twice", {V(x)}, 2 * V(x),
                              [](const auto& g) { return Tape<double>::innermost() ? 2.1 * g : 2 * g; }));
  };
  CHECK(gradient_check(f, {x}));
  const auto report = gradient_check(f, {x}, {.order = 2});
  CHECK_FALSE(report);
  CHECK(report.worst.order == 1);
  CHECK(report.disagreements == 5);
}

TEST_CASE("a wrong rule is caught along directions, which are named") {
  Random random(6);
  const P W = random_parameter(random, {30, 40}, "W"), b = random_parameter(random, {40}, "b");
  const auto f = [&] { return weighted(tanh(W + scaled_rule(b, ones_but({40}, 11, 1.01)))); };
  const auto report = gradient_check(f, {W, b}, {.directions = 2});
  CHECK_FALSE(report);
  CHECK(report.disagreements == 2);
  CHECK(std::regex_match(report.worst.name, std::regex("b along direction [01]")));
  CHECK(text(report).starts_with("gradient_check: " + report.worst.name + ": tape "));
}

TEST_CASE("a dependence that the tape does not see is caught, one that does not exist agrees") {
  const P x(Random(7).normal<double>({3}), "x"), y(Random(8).normal<double>({2}), "y");
  CHECK(gradient_check([&] { return weighted(exp(x)); }, {x, y}, {.order = 2}));
  CHECK(gradient_check([&] { return V(2.0); }, {x}, {.order = 2}));
  CHECK(gradient_check([&] { return weighted(3 * x); }, {x, y}, {.order = 2}));
  const auto hidden = gradient_check([&] { return weighted(exp(x)) + weighted(exp(detach(y))); }, {x, y});
  CHECK_FALSE(hidden);
  CHECK(hidden.disagreements == 2);
  CHECK(hidden.worst.name.starts_with("y("));
  CHECK(hidden.worst.tape == 0);
  CHECK_FALSE(gradient_check([&] { return weighted(exp(detach(y))); }, {y}));
}

TEST_CASE("what is not finite fails and is named") {
  const P x(Random(14).uniform<double>({3}, 1, 2), "x");
  CHECK(text(gradient_check([&] { return sum(x) * infinity; }, {x})) ==
        "gradient_check: f is inf at the given parameters; it must be finite");
  CHECK(text(gradient_check([&] { return sum(log(x - 5)); }, {x})) ==
        "gradient_check: f is nan at the given parameters; it must be finite");

  const auto wrong = [&] { return sum(scaled_rule(x, ones_but({3}, 1, not_a_number))); };
  for (int order : {1, 2}) {
    const auto report = gradient_check(wrong, {x}, {.order = order});
    CHECK(report.worst.error == infinity);
    CHECK(text(report) == "gradient_check: x(1): tape nan, differences 1.0000 (relative error inf, tolerance 1e-08)");
  }
  CHECK(text(gradient_check([&] { return sum(scaled_rule(x, ones_but({3}, 2, -infinity))); }, {x})) ==
        "gradient_check: x(2): tape -inf, differences 1.0000 (relative error inf, tolerance 1e-08)");

  // A rule at a kink that is not finite, as that of √x² at 0, is not excused.
  const P zero(Array<double>(0.0), "zero");
  CHECK(text(gradient_check([&] { return absolute(zero, infinity, infinity); }, {zero})) ==
        "gradient_check: zero: tape inf, differences 0.0000 (relative error inf, tolerance 1e-08)");

  // The logarithm ends at 0, from which no step is small enough.
  const P tiny(Array<double>(1e-9), "tiny");
  CHECK(text(gradient_check([&] { return log(tiny); }, {tiny})) ==
        "gradient_check: tiny: tape 1.0000e+09, differences nan (relative error inf, tolerance 1e-08)");
}

TEST_CASE("an infinite entry stays where it is, and the rest is checked as without it") {
  const Parameter<double> masked(Array<double>{0.3, -infinity, 0.7, infinity}, "masked");
  const auto f = [&] { return logsumexp(where(equal(masked, infinity), 0, masked)); };
  for (const std::size_t directions : {0, 3}) {
    const auto report = gradient_check(f, {masked}, {.order = 2, .directions = directions});
    CHECK_MESSAGE(report, report);
    CHECK(report.entries == (directions ? 3 : 4));
    CHECK(report.kinks == 0);
    CHECK(report.worst.error < 1e-9);
  }
  CHECK(masked.value() == Array<double>{0.3, -infinity, 0.7, infinity});
  const auto wrong = gradient_check(
      [&] {
        return sum(elementwise<keep::nothing>(
            "mine", masked, [](const auto& x) { return 0 * exp(-x * x); }, [](const auto& g) { return g; }));
      },
      {masked});
  CHECK_FALSE(wrong);
  CHECK(wrong.disagreements == 4);
  CHECK(wrong.worst.name == "masked(0)");
}

TEST_CASE("a report that was moved from, or was never made, is no success") {
  const Parameter<double> p(Array<double>{0.3}, "p");
  for (const bool right : {false, true}) {
    auto report = gradient_check([&] { return right ? sum(p * p) : sum(abs(p - 0.3)); }, {p});
    CHECK(bool(report) == right);
    const auto moved = std::move(report);
    CHECK(bool(moved) == right);
    CHECK_FALSE(report);
  }
  std::ostringstream text;
  text << GradientReport();
  CHECK(text.str() == "gradient_check: nothing was compared");
}

TEST_CASE("parameters come back bit by bit, whatever f throws") {
  Array<double> values = Random(15).normal<double>({6});
  values(1) = -0.0;
  values(2) = std::numeric_limits<double>::denorm_min();
  values(3) = 1e17;
  const auto bits = [](const Array<double>& array) {
    std::vector<std::uint64_t> result;
    for (const double x : array) result.push_back(std::bit_cast<std::uint64_t>(x));
    return result;
  };
  const P x(values, "x"), y(values, "y");
  const auto f = [&] { return weighted(tanh(x) * y); };
  gradient_check(f, {x, y}, {.order = 2});
  gradient_check(f, {x, y}, {.directions = 3});
  CHECK(bits(x.value()) == bits(values));
  CHECK(bits(y.value()) == bits(values));
  for (int after = 0; after < 60; ++after) {
    int calls = 0;
    const auto throwing = [&] {
      if (calls++ == after) throw std::runtime_error("enough");
      return f();
    };
    CHECK_THROWS_WITH_AS(gradient_check(throwing, {x, y}, {.order = 1 + after % 2}), "enough", std::runtime_error);
    CHECK(bits(x.value()) == bits(values));
    CHECK(bits(y.value()) == bits(values));
  }
  CHECK(Tape<double>::innermost() == nullptr);
}

TEST_CASE("what draws from the tape's random stream draws the same in every evaluation") {
  const P x(Random(16).normal<double>({30}), "x");
  std::vector<Array<double>> drawn;
  const auto dropout = [&] {
    Random* random = Tape<double>::innermost()->random();
    REQUIRE(random);
    drawn.push_back(random->uniform<double>({30}));
    return weighted(where(V(drawn.back()) < 0.4, 0.0, tanh(x) / 0.6));
  };
  const auto report = gradient_check(dropout, {x}, {.order = 2});
  CHECK(report);
  CHECK(report.kinks == 0);
  const auto draws_with = [&](std::uint64_t seed) {
    drawn.clear();
    CHECK(gradient_check(dropout, {x}, {.seed = seed}));
    for (const auto& mask : drawn) CHECK(mask == drawn[0]);
    return drawn[0];
  };
  CHECK(draws_with(2) != draws_with(3));
}

TEST_CASE("a check inside a recording leaves it alone") {
  const P x(Random(17).normal<double>({3}), "x"), y(Random(18).normal<double>({3}), "y");
  Tape<double> tape;
  const V loss = weighted(exp(y));
  const std::size_t size = tape.size();
  CHECK(gradient_check([&] { return weighted(tanh(x)); }, {x}));
  CHECK(tape.size() == size);
  CHECK(tape.backward(loss).contains(y));
}

TEST_CASE("a check that cannot be made is refused") {
  const P x(Random(19).normal<double>({3}), "x");
  const auto f = [&] { return sum(x); };
  CHECK(error_of([&] { gradient_check(f, std::vector<P>{}); }) ==
        "gradient_check: there are no parameters, or they have no entries; there must be some to check");
  CHECK(error_of([&] {
          gradient_check(f, {P(zeros<double>({0, 3}).value(), "empty")}, {.directions = 2});
        }) == "gradient_check: there are no parameters, or they have no entries; there must be some to check");
  CHECK(error_of([&] { gradient_check([&] { return 2 * x; }, {x}); }) ==
        "gradient_check: f has shape (3,); it must be a scalar - contract it with a fixed random array");
  CHECK(error_of([&] { gradient_check(f, {x}, {.order = 3}); }) == "gradient_check: order 3; it must be 1 or 2");
  CHECK(error_of([&] { gradient_check(f, {x}, {.tolerance = 0}); }) ==
        "gradient_check: tolerance 0; it must be positive and finite");
  CHECK(error_of([&] { gradient_check(f, {x}, {.kinks = -1}); }) ==
        "gradient_check: a share of kinks of -1; it must be in [0, 1]");
  double calls = 0;
  CHECK(error_of([&] { gradient_check([&] { return sum(x) * 0 + ++calls / 2; }, {x}); }) ==
        "gradient_check: f gave 0.50000000000000000 and then 1.0000000000000000 for the same parameters; it must be "
        "deterministic - draw from the random stream of the tape");
  P frozen = x;
  frozen.freeze();
  CHECK(error_of([&] { gradient_check(f, {frozen}); }) ==
        "gradient_check: parameter 'x' is frozen; thaw it with freeze(false) or leave it out");
}

TEST_CASE("a report prints in one line what was checked") {
  GradientReport report;
  report.checked.resize(8);
  report.entries = 1234;
  report.parameters = 8;
  report.seconds = 0.119;
  report.worst.name = "lstm.weight_hh_l0(3, 1)";
  report.worst.error = 3.14e-11;
  CHECK(text(report) ==
        "gradient_check: 1,234 entries of 8 parameters agree, largest error 3.1e-11 at lstm.weight_hh_l0(3, 1), 0 "
        "kinks, 0.12 s");
  report.entries = 7'654'321;
  report.along_directions = true;
  report.parameters = report.kinks = 1;
  CHECK(text(report) ==
        "gradient_check: 7,654,321 directions of 1 parameter agree, largest error 3.1e-11 at lstm.weight_hh_l0(3, 1), "
        "1 kink, 0.12 s");
  report.failure = "x: no";
  CHECK_FALSE(report);
  CHECK(text(report) == "gradient_check: x: no");
  CHECK(doctest::toString(report) == "gradient_check: x: no");

  const P nameless(Array<double>(1.5)), named(Array<double>(0.5), "x");
  const auto one = gradient_check([&] { return exp(nameless) + 0 * named; }, {named, nameless});
  CHECK(one.worst.name == "parameter 1");
  CHECK(one.seconds > 0);
  CHECK(std::regex_match(
      text(gradient_check([&] { return exp(nameless); }, {nameless})),
      std::regex(
          R"(gradient_check: 1 entry of 1 parameter agrees, largest error \d\.\de-\d\d at parameter 0, 0 kinks, )"
          R"(\d+\.\d\d s)")));
}

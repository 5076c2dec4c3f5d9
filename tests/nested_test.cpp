// Tapes within tapes, and objects that end in another order than they were made in, or in another thread.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <thread>
#include <unroll/autograd/autograd.hpp>
#include <unroll/nn/layers/linear.hpp>
#include <unroll/nn/training/parallel.hpp>

#include "numbers.hpp"

using namespace unroll;

namespace {

// As one writes a function that needs a derivative by its input: Σ (∂ Σ tanh(layer(x)) / ∂x)².
V penalty(const nn::Linear<double>& layer, const V& x) {
  Tape<double> tape;
  const V w = tape.watch(x);
  return sum(square(tape.gradient(sum(tanh(layer(w))), {w})[0]));
}

}  // namespace

TEST_CASE("what a function with a tape of its own returns has its derivatives in the tape around it") {
  Random random(1);
  const nn::Linear<double> layer({.input = 2, .output = 3}, random);
  const Parameter<double> x(A{{1, 2}, {-0.5, 0.3}}, "x");
  CHECK(gradient_check([&] { return penalty(layer, x); }, {x, layer.weight, layer.bias}, {.order = 2}));
  CHECK(gradient_check([&] { return penalty(layer, x * x); }, {x}, {.order = 2}));

  Tape<double> tape;
  const auto gradients = tape.backward(sum(square(layer(A{{1, 2}}))) + penalty(layer, A{{1, 2}}));
  double squares = 0;
  for (const Parameter<double>& p : layer.parameters())
    for (const double g : gradients[p]) squares += g * g;
  CHECK(gradients.norm() == doctest::Approx(std::sqrt(squares)));  // the inner tape's input has no part in it
}

TEST_CASE("an inner tape is swept by itself, and the one around it is as it was") {
  const Parameter<double> p(A(2.), "p"), q(A(5.), "q");
  Tape<double> outer;
  const V x = outer.watch(3), y = x * x * p;
  const std::size_t before = outer.size();
  {
    Tape<double> inner;
    const V w = inner.watch(2), z = y * w * w * p;
    CHECK(Tape<double>::innermost() == &inner);
    CHECK(outer.gradient(y, {x})[0].item() == 12);
    const auto gradients = inner.backward(z * q);
    CHECK(gradients[w] == A(2 * 18 * 2 * 2 * 5.));
    CHECK(gradients[p] == A(18 * 4 * 5.));  // not through y: what the outer tape recorded is constant to the inner one
    CHECK(gradients[q] == A(18 * 4 * 2.));
    CHECK_THROWS_WITH_AS(gradients[x],
                         "gradients: the handle is no parameter and was not watched by the tape of this sweep", Error);
    CHECK(inner.spent());
    CHECK_THROWS_WITH_AS(inner.watch(1), "watch: this tape is spent; record on a new one", Error);
    CHECK_THROWS_WITH_AS(inner.backward(y),
                         "backward: this tape is spent; record again, or use gradient() for several derivatives",
                         Error);
    CHECK(outer.size() == before);
    CHECK_THROWS_WITH_AS(z * x,
                         "tape: a value that an inner tape recorded before its backward() freed it, used within the "
                         "outer tape; take its "
                         "gradient() instead, or detach() the value if it is a constant",
                         Error);
    CHECK((detach(z) * x * x).item() == 144 * 9);
    CHECK(outer.gradient(x * p, {x})[0].item() == 2);  // the outer tape goes on while a spent one lives
  }
  CHECK(outer.backward(y)[x] == A(12.));
}

TEST_CASE("tapes within tapes within tapes differentiate what is inside of them") {
  const Parameter<double> p(A(0.7), "p");
  const auto f = [&](const V& x) { return sin(p * x) * x; };
  const auto derivative = [](const auto& g, const V& x) {
    Tape<double> tape;
    const V w = tape.watch(x);
    return tape.gradient(g(w), {w})[0];
  };
  const auto second = [&](const V& x) { return derivative([&](const V& w) { return derivative(f, w); }, x); };
  const double x = 1.3, a = 0.7;
  CHECK(second(V(x)).item() == doctest::Approx(2 * a * std::cos(a * x) - a * a * x * std::sin(a * x)));
  CHECK(gradient_check([&] { return second(V(x)); }, {p}, {.order = 2}));
}

TEST_CASE("an inner tape may watch a parameter, and a checkpoint may have a tape in it") {
  const Parameter<double> p(A{0.3, -0.8}, "p");
  const auto slope = [](const V& x) {
    Tape<double> tape;
    const V w = tape.watch(x);
    return tape.gradient(sum(w * w * w), {w})[0];
  };
  CHECK(gradient_check([&] { return sum(square(slope(p))); }, {p}, {.order = 2}));
  CHECK(gradient_check(
      [&] { return sum(square(checkpoint([&](const auto& in) { return slope(in[0]) * p; }, {tanh(p)}))); }, {p},
      {.order = 2}));
}

TEST_CASE("a checkpoint on an inner tape may need what the outer one recorded") {
  const Parameter<double> p(A{0.3, -0.8}, "p");
  const auto f = [&] {
    const V outer = p * p;
    Tape<double> inner;
    const V w = inner.watch(tanh(p));
    const V y = sum(checkpoint([&](const auto& in) { return in[0] * outer * p; }, {w * w}));
    return sum(square(inner.gradient(y, {w})[0]));
  };
  CHECK(gradient_check(f, {p}, {.order = 2}));
}

TEST_CASE("what an inner tape watches is an input of its own sweeps, and goes on in the outer one's") {
  const Parameter<double> p(A(0.5), "p");
  Tape<double> outer;
  Tape<double> inner;
  const V w = inner.watch(p * p), y = w * w * p;
  CHECK(inner.gradient(y, {w, p})[1].item() == doctest::Approx(0.0625));
  CHECK(outer.gradient(y, {p})[0].item() == doctest::Approx(5 * 0.0625));
}

TEST_CASE("what has tapes of its own and returns numbers leaves the tape around it alone") {
  Parameter<double> p(A{0.3, -0.8}, "p");
  Tape<double> tape;
  const V loss = sum(p * p);
  const std::size_t size = tape.size();
  CHECK(gradient_check([&] { return sum(tanh(p)); }, {p}, {.order = 2}));
  CHECK(jacobian([&](const V& x) { return x * p; }, A{1, 2}) == A{{0.3, 0}, {0, -0.8}});
  CHECK(nn::parallel_gradients(2, [&](std::size_t) { return sum(p * p); }).loss == doctest::Approx(1.46));
  CHECK(tape.size() == size);
}

TEST_CASE("an inner tape records a parameter anew that was assigned since the outer one recorded it") {
  Parameter<double> p(A{1, 2}, "p");
  Tape<double> outer;
  const V before = sum(p * p);
  for (int step = 0; step < 3; ++step) {  // of a training within a tape that somebody forgot
    Tape<double> inner;
    const auto gradients = inner.backward(sum(p * p));
    CHECK(gradients[p] == A(2 * p.value()));
    p.assign(p.value() - 0.25 * gradients[p]);
  }
  const std::string stale = " 'p' was assigned after this tape recorded it; step the optimizer after the sweep";
  CHECK_THROWS_WITH_AS(outer.backward(before), ("backward: parameter" + stale).c_str(), Error);
  Tape<double> inner;
  const V after = sum(p * p * 3);
  CHECK_THROWS_WITH_AS(outer.backward(before + after), ("backward: parameter" + stale).c_str(), Error);
  CHECK(outer.backward(after)[p] == A(6 * p.value()));
}

TEST_CASE("a spent tape is no tape around another one") {
  const Parameter<double> p(A(2.), "p");
  Tape<double> spent;
  spent.backward(p * p);
  Tape<double> tape;
  CHECK(tape.backward(p * p * p)[p] == A(12.));
}

TEST_CASE("tapes end in any order") {
  const Parameter<double> p(A(2.), "p");
  std::optional<Tape<double>> outer(std::in_place);
  const V y = p * p;
  std::optional<Tape<double>> inner(std::in_place);
  const V z = y * p;
  outer.reset();
  CHECK(Tape<double>::innermost() == &*inner);
  CHECK(inner->gradient(z, std::vector{p})[0].item() == 4);  // y is a constant to it
  inner.reset();
  CHECK(Tape<double>::innermost() == nullptr);
  CHECK((p * 3).item() == 6);
}

TEST_CASE("a tape, a scope and an observer may end in another thread, or after theirs") {
  const Parameter<double> p(A(2.), "p");
  auto tape = std::make_unique<Tape<double>>();
  auto scope = std::make_unique<Scope>("elsewhere");
  auto trace = std::make_unique<Trace<double>>();
  std::thread([&] {
    trace.reset();
    scope.reset();
    tape.reset();
  }).join();
  CHECK(Tape<double>::innermost() == nullptr);
  CHECK(Scope::path().empty());
  CHECK((p * 3).slot().tape == 0);

  std::thread([&] {
    scope = std::make_unique<Scope>("there");
    tape = std::make_unique<Tape<double>>();
    trace = std::make_unique<Trace<double>>();
    p * 3;
  }).join();
  CHECK(tape->size() == 2);
  CHECK(tape->node(1).path->text() == "there");  // the paths of a thread live with its tapes
  scope.reset();
  trace.reset();
  tape.reset();
}

TEST_CASE("scopes end in any order") {
  auto outer = std::make_unique<Scope>("outer"), inner = std::make_unique<Scope>("inner");
  outer.reset();
  CHECK(Scope::path() == "inner");
  inner.reset();
  CHECK(Scope::path().empty());
}

TEST_CASE("a slope that is a parameter or a constant can be differentiated, and is no gradient of the tape") {
  const Parameter<double> p(A{0.3, -0.2}, "p");
  Tape<double> tape;
  p * 1;
  const V g = tape.gradient(p, std::vector<V>{p}, p)[0];  // p itself
  CHECK(tape.gradient(sum(g), std::vector<V>{p})[0].value() == A{1, 1});
  const V slope = tape.gradient(sum(3 * p), std::vector<V>{p})[0];
  CHECK(tape.gradient(sum(slope * slope), std::vector<V>{p})[0].value() == A{0, 0});
  CHECK(tape.backward(sum(slope * slope * p)).norm() == doctest::Approx(9 * std::sqrt(2.)));
}

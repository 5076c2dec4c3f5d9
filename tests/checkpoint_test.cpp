// Checkpoints: recomputed in the sweep, with the derivatives and random numbers of what is stored.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// An LSTM cell over time with dropout on its state, in segments that are stored or recomputed.
struct Chain {
  nn::LSTMCell<double> cell;
  std::size_t segments, steps;
  bool recompute;

  V operator()(const V& x) const {
    const V scale = exp(mean(x));  // recorded outside, used inside
    const auto segment = [this, scale](const Many& in) {
      nn::LSTMCell<double>::State state{in[1], in[2]};
      for (const V& row : unstack(in[0])) state = cell.step(cell.input(nn::dropout(row * scale, 0.3)), state);
      return Many{state[0], state[1]};
    };
    Many state(2, zeros<double>({x.shape()[1], 4}));
    for (std::size_t k = 0; k < segments; ++k) {
      const Many in{slice(x, 0, std::int64_t(k * steps), std::int64_t((k + 1) * steps)), state[0], state[1]};
      state = recompute ? checkpoint(segment, in) : segment(in);
    }
    return sum(square(state[0]) + state[1]);
  }
};

Chain chain(bool recompute) {
  Random random(1);
  return {nn::LSTMCell<double>({.input = 3, .hidden = 4}, {}, random), 4, 5, recompute};
}

}  // namespace

TEST_CASE("a checkpoint has the derivatives of what it recomputes, parameters and captured variables included") {
  const A x = Random(2).normal<double>({20, 2, 3});
  const Chain stored = chain(false), recomputed = chain(true);
  const auto sweep = [&](const Chain& model) {
    Random random(3);
    Tape<double> tape(random);
    const V input = tape.watch(x), y = model(input);
    const V slope = tape.gradient(y, {input})[0], curvature = tape.gradient(sum(square(slope)), {input})[0];
    const auto state = random.state();
    const auto gradients = tape.backward(y);
    CHECK(random.state() == state);
    std::vector<A> found{y.value(), slope.value(), curvature.value(), gradients[input]};
    for (const auto& parameter : model.cell.parameters()) found.push_back(gradients[parameter]);
    found.push_back(random.normal<double>({3}));
    return found;
  };
  const auto expected = sweep(stored), found = sweep(recomputed);
  REQUIRE(found.size() == expected.size());
  for (std::size_t k = 0; k < found.size(); ++k) {
    CAPTURE(k);
    CHECK(difference(found[k], expected[k]) < 1e-12);
  }
  const auto report = gradient_check([&] { return recomputed(V(x)); }, recomputed.cell.parameters(), {.order = 2});
  CHECK_MESSAGE(report, report);
}

TEST_CASE("a checkpoint keeps inputs and outputs alone") {
  const A x = Random(4).normal<double>({20, 2, 3});
  const auto recorded = [&](bool recompute) {
    Tape<double> tape;
    chain(recompute)(tape.watch(x));
    return tape.size();
  };
  CHECK(recorded(true) < 40);
  CHECK(recorded(false) > 200);
}

TEST_CASE("a checkpoint may pass on a parameter, and what another one passed on") {
  const Parameter<double> p(A{0.3, -0.8}, "p");
  const V v = A{2, 3};
  const auto pass = [](const Many& in) { return in[0]; };
  const auto f = [&] { return sum(v * checkpoint(pass, {checkpoint([p](const Many&) { return V(p); }, Many{})}) * p); };
  CHECK(gradient_check(f, {p}, {.order = 2}));
}

TEST_CASE("a checkpoint may take parts of what has gaps between its rows") {
  const Parameter<double> p(Random(1).normal<double>({4, 4, 4}), "p");
  const V v = Random(2).normal<double>({2, 4, 1});
  const auto f = [&](bool captured) {
    const auto halves = split<2>(p, 2);
    const auto parts = [half = halves[0]](const V& x) {
      return slice(slice(x, 0, 1, 3), 2, 1, 2) * slice(half, 0, 2, 4);
    };
    return captured ? sum(v * checkpoint([=](const auto&) { return parts(halves[0]); }, Many{}))
                    : sum(v * checkpoint([=](const auto& in) { return parts(in[0]); }, {halves[0]}));
  };
  for (const bool captured : {false, true}) CHECK(gradient_check([&] { return f(captured); }, {p}, {.order = 2}));
}

TEST_CASE("checkpoints nest, return one Variable or several, and need no tape") {
  const Parameter<double> w(A{1, 2}, "w");
  const auto inner = [&](const Many& x) { return tanh(x[0] * w); };
  const auto outer = [&](const Many& x) { return checkpoint(inner, {x[0] + w}) * x[0]; };
  const auto loss = [&](const V& x) { return sum(checkpoint(outer, {x})); };
  const A x{0.3, 0.4}, expected = tanh((x + w) * w).value() * x;
  CHECK(loss(x).item() == doctest::Approx(xt::sum(expected)()));
  const auto report = gradient_check([&](const Many& in) { return loss(in[0]); }, {x}, {.order = 2});
  CHECK_MESSAGE(report, report);
  CHECK_MESSAGE(gradient_check([&] { return loss(x); }, {w}, {.order = 2}), "by the parameter");

  Tape<double> tape;
  const V constant = checkpoint([](const Many& in) { return in[0] * 2; }, {V(x)});
  CHECK(tape.size() == 0);
  CHECK(constant.value() == 2 * x);
  CHECK(error_of([&] { checkpoint([](const Many&) { return Many(); }, {V(x)}); }) ==
        "checkpoint: the function gave nothing; there must be at least one Variable");
}

TEST_CASE("an error inside a checkpoint leaves the tape as it was") {
  Tape<double> tape;
  const V x = tape.watch(A{1, 2});
  const auto wrong = [&](const Many& in) { return exp(in[0]) + V(A{1, 2, 3}); };
  CHECK(error_of([&] { checkpoint(wrong, {x}); }) ==
        "add: (2,) and (3,) do not broadcast: the sizes 2 and 3 differ and neither is 1 (in checkpoint)");
  CHECK(tape.size() == 1);
  CHECK(Tape<double>::innermost() == &tape);
}

TEST_CASE("the derivatives of a checkpoint are computed again where those before were taken back") {
  Tape<double> tape;
  const V x = tape.watch(A{1, 2}), cotangent(A{3, 4});
  const V y = checkpoint([](const Many& in) { return in[0] * in[0] * in[0]; }, {x});
  try {
    const Scope scope("try");
    tape.gradient(y, {x}, cotangent);
    require(false, "try", "an error");
  } catch (const Error&) {
  }
  const V slope = tape.gradient(y, {x}, cotangent)[0];
  const A c = cotangent.value(), expected = 36 * c * c * xt::pow(x.value(), 3);  // of Σ(3 c x²)²
  CHECK(difference(tape.gradient(sum(slope * slope), {x})[0].value(), expected) < 1e-14);
}

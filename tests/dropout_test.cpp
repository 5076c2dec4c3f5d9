// What dropout in time draws: one choice for all steps, and zoneout.
#include <doctest/doctest.h>

#include <cmath>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// h' = x, so that what is done to inputs and states can be seen in the output.
struct Mirror : nn::Module<double> {
  using State = std::array<Variable<double>, 1>;
  Mirror(const nn::CellSizes&, Random&) {}
  Variable<double> input(const Variable<double>& x) const { return x; }
  State step(const Variable<double>& projected, const State&) const { return {projected}; }
};

}  // namespace

TEST_CASE("dropout by one choice for all steps goes with the sequence, and is right on average") {
  Random random(63), masks(64), same(64);
  const std::size_t features = 2000;
  const nn::Recurrent<Mirror> layer(
      {.input = features, .hidden = features, .layers = 2, .dropout = 0.3, .variational_dropout = true}, random);
  const Indices lengths{2, 5, 0, 5};
  const Variable<double> x = ones<double>({5, 4, features});
  const Tape<double> tape(masks);
  const Array<double> y = layer(x, lengths).output.value();
  double sum = 0;
  std::size_t equal = 0;
  for (std::size_t k = 0; k < features; ++k) {
    for (std::size_t b = 0; b < 4; ++b)
      for (std::size_t t = 0; t < 5; ++t) CHECK(y(t, b, k) == (std::int64_t(t) < lengths(b) ? y(0, b, k) : 0));
    CHECK((y(0, 1, k) == 0 || std::abs(y(0, 1, k) - 1 / 0.7) < 1e-15));
    sum += y(0, 1, k);
    equal += y(0, 1, k) == y(0, 3, k);
  }
  CHECK(std::abs(sum / double(features) - 1) < 0.06);
  CHECK(std::abs(double(equal) / double(features) - (0.3 * 0.3 + 0.7 * 0.7)) < 0.04);
  const Tape<double> again(same);
  CHECK(difference(layer(x, lengths).output, y) == 0);
  CHECK(difference(layer(x, lengths).output, y) > 0);
}

TEST_CASE("zoneout keeps elements of every state as they were, by choices of each step") {
  Random random(65), masks(66), same(66);
  const std::size_t features = 2000, time = 6;
  const nn::Recurrent<Mirror> layer({.input = features, .hidden = features, .zoneout = {0.3}}, random);
  const Indices lengths{6, 2};
  const Array<double> x = random.normal<double>({time, 2, features});
  const Tape<double> tape(masks);
  const auto [output, state] = layer(x, lengths);
  const Array<double> y = output.value();
  std::size_t kept = 0, kept_twice = 0;
  for (std::size_t k = 0; k < features; ++k)
    for (std::size_t t = 0; t < time; ++t) {
      const auto same_as_before = [&](std::size_t at) { return y(at, 0, k) == (at ? y(at - 1, 0, k) : 0); };
      CHECK((y(t, 0, k) == x(t, 0, k) || same_as_before(t)));
      kept += same_as_before(t);
      kept_twice += t && same_as_before(t) && same_as_before(t - 1);
    }
  CHECK(std::abs(double(kept) / double(features * time) - 0.3) < 0.02);
  CHECK(std::abs(double(kept_twice) / double(features * (time - 1)) - 0.09) < 0.02);
  for (std::size_t k = 0; k < features; ++k) CHECK(state[0].value()(0, 1, k) == y(1, 1, k));
  const Tape<double> again(same);
  CHECK(difference(layer(x, lengths).output, y) == 0);
  CHECK(difference(layer(x, lengths).output, y) > 0);
}

TEST_CASE("without a random stream zoneout is its mean, and nothing is drawn without a rate") {
  Random random(67);
  const nn::LSTM<double> layer(
      {.input = 2, .hidden = 3, .layers = 2, .dropout = 0.5, .variational_dropout = true, .zoneout = {0.3, 0.4}},
      random);
  const nn::LSTM<double> plain({.input = 2, .hidden = 3, .layers = 2, .variational_dropout = true}, random);
  const Variable<double> x = random.normal<double>({4, 2, 2});
  const Array<double> evaluated = layer(x).output.value();
  {
    const Tape<double> tape;
    CHECK(difference(layer(x).output, evaluated) == 0);
  }
  Random masks(68);
  const Random::State start = masks.state();
  const Tape<double> tape(masks);
  plain(x);
  CHECK(masks.state() == start);
  CHECK(difference(layer(x).output, evaluated) > 1e-3);
  CHECK(masks.state() != start);
  const Variable<double> before = random.normal<double>({40, 50}), after = random.normal<double>({40, 50});
  Variable<double> mean = 0;
  for (std::size_t k = 0; k < 400; ++k) mean = mean + nn::zoneout(before, after, 0.3) / 400;
  CHECK(max(square(mean - (0.3 * before + 0.7 * after)) / (0.01 + square(before - after))).item() < 0.02);
}

// Run with a small stack, which ends whatever recurses over a sequence.
#include <autograd/autograd.hpp>
#include <doctest/doctest.h>
#include <nn/nn.hpp>

using namespace unroll;

TEST_CASE("a chain of a million operations records, sweeps and ends") {
  constexpr std::size_t length = 1'000'000;
  Parameter<float> x(Array<float>{1, 2}, "x");
  Tape<float> tape;
  Variable<float> y = x;
  for (std::size_t k = 0; k < length; ++k) y = y + 1;
  CHECK(tape.size() == length + 1);
  const Gradients<float> gradients = tape.backward(sum(y * Array<float>{2, 3}));
  CHECK(gradients[x] == Array<float>{2, 3});
}

TEST_CASE("a recorded sweep over a hundred thousand operations grows with their number alone") {
  const auto recorded = [](std::size_t length) {
    Tape<double> tape;
    const Variable<double> x = tape.watch(0.5);
    Variable<double> y = x;
    for (std::size_t k = 0; k < length; ++k) y = tanh(y);
    const Variable<double> slope = tape.gradient(y, {x})[0];
    const std::size_t size = tape.size();
    CHECK(tape.gradient(slope, {x})[0].item() < 0);
    return size;
  };
  const std::size_t once = recorded(1'000), hundredfold = recorded(100'000);
  CHECK(hundredfold < 101 * once);
}

TEST_CASE("an unfinished tape of a million operations ends without a sweep") {
  const Parameter<float> x(Array<float>{1, 2}, "x");
  Variable<float> y = x;
  {
    Tape<float> tape;
    for (std::size_t k = 0; k < 1'000'000; ++k) y = tanh(y);
  }
  CHECK(y.size() == 2);
}

TEST_CASE("an LSTM over a hundred thousand steps records, sweeps and ends") {
  constexpr std::size_t time = 100'000;
  Random random(1);
  const nn::LSTM<float> lstm({.input = 2, .hidden = 3}, random);
  Tape<float> tape;
  const Variable<float> x = tape.watch(random.normal<float>({time, 1, 2}));
  const Variable<float> weights = random.normal<float>({time, 1, 3});
  const Gradients<float> gradients = tape.backward(sum(lstm(x).output * weights));
  CHECK(gradients[x].shape()[0] == time);
  CHECK(gradients[x](0, 0, 0) != 0);
  CHECK(gradients.contains(lstm.parameters()[0]));
  CHECK(std::isfinite(gradients.norm()));
}

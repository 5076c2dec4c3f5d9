// Long recordings, which ctest runs with a small stack, and random ones.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <unroll/nn/nn.hpp>

#include "numbers.hpp"

using namespace unroll;

namespace {

Many backwards(Many xs) {
  std::reverse(xs.begin(), xs.end());
  return xs;
}

// Operations drawn at random on matrices of at most 64 elements.
V program(const V& x, std::uint64_t seed) {
  Random random(seed);
  Many pool{x};
  using Cuts = std::vector<std::size_t>;
  const auto size = [](const V& a, std::size_t axis) { return static_cast<std::int64_t>(a.shape()[axis]); };
  while (pool.size() < 14) {
    const V a = pool[pool.size() - 1 - random.below(std::min<std::size_t>(pool.size(), 4))];
    const V b = pool[random.below(pool.size())];
    const std::size_t k = random.below(2);
    const int axis = int(k);
    const std::int64_t n = size(a, k), begin = std::int64_t(random.below(a.shape()[k]));
    const Sizes low(a.size() % 2 ? Shape{1, a.size()} : Shape{2, a.size() / 2});
    const Sizes slim(a.size() % 3 ? Shape{a.size(), 1} : Shape{a.size() / 3, 3});
    const Indices picks{0, size(a, 0) - 1, 0};
    const std::function<V()> operations[] = {
        [&] { return tanh(a); },
        [&] { return sigmoid(a) * a; },
        [&] { return a.shape() == b.shape() ? a * b : a + sum(b); },
        [&] { return slice(a, axis, begin, begin + 1 + std::int64_t(random.below(a.shape()[k] - size_t(begin)))); },
        [&] { return reshape(a, low); },
        [&] { return reshape(a, slim); },
        [&] { return transpose(a); },
        [&] { return flip(a, axis); },
        [&] {
          return a.shape()[1 - k] == b.shape()[1 - k] ? concatenate(Many{a, b}, axis) : -a;
        },
        [&] { return a - logsumexp(a, axis, true); },
        [&] { return tanh(size(a, 1) == size(b, 0) ? matmul(a, b) : matmul(transpose(a), a)); },
        [&] {
          return concatenate(Many{slice(a, axis, begin, n), slice(tanh(a), axis, 0, begin)}, axis);
        },
        [&] { return stack(backwards(unstack(a, axis)), axis); },
        [&] { return take(a, picks); },
        [&] {
          return concatenate(backwards(split(a, Cuts{size_t(begin), size_t(n - begin)}, axis)), axis);
        },
    };
    const V y = operations[random.below(std::size(operations))]();
    if (y.size() <= 64) pool.push_back(y);
  }
  V loss = 0;
  for (const V& y : pool) loss = loss + weighted(y);
  return loss;
}

}  // namespace

TEST_CASE("a chain of a million operations records, sweeps and ends") {
  constexpr int n = 1'000'000;
  Tape<double> tape;
  const V x = tape.watch(A{0.5});
  V y = x;
  for (int k = 0; k < n; ++k) y = k % 4 == 3 ? reshape(y, {1}) + 0.0 : y * 0.999999;
  CHECK(tape.size() == n + 1);
  CHECK(tape.backward(y)[x]() == doctest::Approx(std::pow(0.999999, 0.75 * n)));
}

TEST_CASE("a million operations and views of views end without a sweep") {
  Tape<float> tape;
  Variable<float> y = tape.watch(Array<float>{1.f, 2.f});
  for (int k = 0; k < 250'000; ++k) y = reshape(reshape(slice(concatenate({y, y}), 0, 1, 3), {2, 1}), {2});
  CHECK(tape.size() == 1'000'001);
  CHECK(y.value() == Array<float>{1.f, 2.f});
}

TEST_CASE("the recorded sweep passes over 100,000 operations, and its own record can be swept") {
  constexpr int n = 50'000;
  constexpr double e = 1.0 / n;  // y = (1 + e x)ⁿ
  Tape<double> tape;
  const V x = tape.watch(0.5);
  V y = 1;
  for (int k = 0; k < n; ++k) y = y * (1 + e * x);
  CHECK(tape.size() == 3 * n + 1);
  const V first = tape.gradient(y, {x})[0];
  const V second = tape.gradient(first, {x})[0];
  CHECK(first.item() == doctest::Approx(n * e * std::pow(1 + 0.5 * e, n - 1)).epsilon(1e-9));
  CHECK(second.item() == doctest::Approx(n * e * (n - 1) * e * std::pow(1 + 0.5 * e, n - 2)).epsilon(1e-9));
  CHECK(tape.backward(first)[x]() == doctest::Approx(second.item()).epsilon(1e-9));
}

TEST_CASE("steps over the slices of an array cost the same each, in both sweeps") {
  const auto cost = [](std::size_t steps) {
    Tape<double> tape;
    const V x = tape.watch(numbers({steps, 2}));
    V h = zeros<double>({2});
    for (const V& step : unstack(x)) h = tanh(h + step);
    const std::size_t recorded = tape.size();
    const V g = tape.gradient(sum(h), {x})[0];
    const std::size_t swept = tape.size();
    tape.gradient(weighted(g), {x});
    return std::array{recorded, swept - recorded, tape.size() - swept};
  };
  const auto a = cost(10), b = cost(20), c = cost(30);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(c[k] - b[k] == b[k] - a[k]);
    CHECK(b[k] - a[k] <= 10 * (k == 2 ? 30 : 12));
  }
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

TEST_CASE("programs of random operations have the same derivatives by both sweeps, and by differences") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    const A input = numbers({1 + seed % 4, 1 + seed % 5}, seed);
    Tape<double> tape;
    const V x = tape.watch(input), loss = program(x, seed);
    const V recorded = tape.gradient(loss, {x})[0];
    const A g = tape.backward(loss)[x];
    const A error = xt::abs(g - recorded.value()) / (1 + xt::amax(xt::abs(g))());
    CHECK(xt::amax(error)() <= 1e-12);
    const auto report =
        gradient_check([&](const Many& v) { return program(v[0], seed); }, {input}, {.order = 2, .directions = 1});
    CHECK_MESSAGE(report, report);
  }
}

// custom_primitive: two operations of one's own: checked, then used to count the peaks of a series
#include <cmath>
#include <iostream>
#include <unroll/autograd/tools/gradient_check.hpp>
#include <unroll/nn/nn.hpp>

#include "support/command_line.hpp"

using namespace unroll;
using namespace unroll::examples;

/// y = (x + √(x² + 4)) / 2, positive             x̄ = ȳ ⊙ y² / (1 + y²)    Barron (2021), squareplus
template <class T>
Variable<T> squareplus(const Variable<T>& x) {
  // The rule is maths on numbers, and on Variables for higher derivatives.
  return elementwise<keep::result>(
      "squareplus", x, [](T x) { return (x + std::sqrt(x * x + 4)) / 2; },
      [](const auto& g, const auto& y) { return g * (y * y) / (1 + y * y); });
}

/// y_t = x_t + a y_{t−1}                         x̄_t = ȳ_t + a x̄_{t+1}
template <class T>
Variable<T> leaky_sum(const Variable<T>& x, double a) {
  Array<T> y = x.value();
  const std::size_t row = x.size() / std::max<std::size_t>(x.shape()[0], 1);
  for (std::size_t k = row; k < y.size(); ++k) y.flat(k) += T(a) * y.flat(k - row);
  return primitive("leaky_sum", {x}, Variable<T>(std::move(y)),
                   [a](const Variable<T>& g) { return flip(leaky_sum(flip(g, 0), a), 0); });
}

constexpr double memory = 0.9;  // of a count, from step to step

/// Counts as it reads, and forgets: at each step the network says how much there is to add, never less than nothing.
template <class T>
struct Counter : nn::Module<T> {
  nn::GRU<T> layers;
  nn::Linear<T> more;

  Counter(std::size_t hidden, Random& random)
      : layers({.input = 1, .hidden = hidden, .layers = 2, .bidirectional = true}, random),
        more({.input = 2 * hidden, .output = 1}, random) {
    this->add("layers", layers);
    this->add("more", more);
  }
  /// shape: (time, batch, 1) → the same
  Variable<T> operator()(const Variable<T>& x) const { return leaky_sum(squareplus(more(layers(x).output)), memory); }
};

template <class T>
struct Series {
  Array<T> values;  // [time, batch, 1]
  Array<T> peaks;   // [time, batch, 1], how many there were lately
};

template <class T>
Series<T> draw(std::size_t size, Random& random) {
  const std::size_t time = 20;
  Series<T> series{random.uniform<T>({time, size, 1}), Array<T>::from_shape({time, size, 1})};
  const auto& x = series.values;
  for (std::size_t k = 0; k < size; ++k) {
    T count = 0;
    for (std::size_t t = 0; t < time; ++t) {
      const bool peak = t > 0 && t + 1 < time && x(t - 1, k, 0) < x(t, k, 0) && x(t, k, 0) > x(t + 1, k, 0);
      series.peaks(t, k, 0) = count = T(memory) * count + T(peak);
    }
  }
  return series;
}

template <class T>
Variable<T> error(const Counter<T>& model, const Series<T>& series) {
  return mean(square(model(series.values) - series.peaks));
}

void check(std::uint64_t seed) {
  std::cout << "seed " << seed << std::endl;
  Random random(seed);
  Counter<double> model(3, random);
  const auto series = draw<double>(2, random);
  const auto loss = [&] { return error(model, series); };
  const auto report = gradient_check(loss, model.parameters(), {.order = 2});
  std::cout << report << '\n';
  require(bool(report), "custom_primitive", "the derivatives are wrong");
}

void train(std::size_t steps, std::uint64_t seed) {
  Random random(seed);
  Counter<float> model(16, random);
  nn::Adam<float> optimizer(model.parameters(), {.learning_rate = 1e-2});
  const auto test = draw<float>(500, random);
  for (std::size_t step = 0;; ++step) {
    if (step % 200 == 0 || step == steps)
      std::cout << "step " << step << ": counts are off by " << std::sqrt(error(model, test).item()) << std::endl;
    if (step == steps) break;
    const auto series = draw<float>(32, random);
    optimizer.learning_rate = 1e-2 * (1 - double(step) / double(steps));
    Tape<float> tape;
    auto gradients = tape.backward(error(model, series));
    nn::clip_norm(gradients, 1.0);
    optimizer.step(gradients);
  }
}

int main(int argc, char** argv) {
  CommandLine line("custom_primitive", "Operations of one's own, checked and trained");
  std::size_t steps = 1000;
  std::uint64_t seed = 1;
  line.add("--steps", steps, "batches to train on", natural);
  line.add("--seed", seed, "of all random numbers", seed_number);
  return line.run(argc, argv, [&] {
    check(seed);
    train(steps, seed);
  });
}

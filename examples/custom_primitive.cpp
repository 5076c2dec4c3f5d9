// custom_primitive: two operations of one's own: checked, then used to count the peaks of a series
#include <cmath>
#include <unroll/nn/nn.hpp>

#include "support/check_and_train.hpp"
#include "support/text.hpp"

using namespace unroll;
using namespace unroll::examples;

/// y = (x + √(x² + 4)) / 2, positive             x̄ = ȳ ⊙ y² / (1 + y²)    Barron (2021), squareplus
template <class T> Variable<T> squareplus(const Variable<T>& x) {
  // The rule is maths on numbers, and on Variables for higher derivatives.
  return elementwise<keep::result>(
      "squareplus", x, [](T x) { return (x + std::sqrt(x * x + 4)) / 2; },
      [](const auto& g, const auto& y) { return g * (y * y) / (1 + y * y); });
}

/// y_t = x_t + a y_{t−1}                         x̄_t = ȳ_t + a x̄_{t+1}
template <class T> Variable<T> leaky_sum(const Variable<T>& x, double a) {
  Array<T> y = x.value();
  const std::size_t row = x.size() / std::max<std::size_t>(x.shape()[0], 1);
  for (std::size_t k = row; k < y.size(); ++k) y.flat(k) += T(a) * y.flat(k - row);
  return primitive("leaky_sum", {x}, Variable<T>(std::move(y)),
                   [a](const Variable<T>& g) { return flip(leaky_sum(flip(g, 0), a), 0); });
}

/// Counts as it reads, and forgets: at each step the network says how much there is to add, never less than nothing.
template <class T> struct Counter : nn::Module<T> {
  struct Batch {
    Array<T> values;  // [time, batch, 1]
    Array<T> peaks;   // [time, batch, 1], how many there were lately
  };
  static constexpr std::size_t checked = 2, tested = 500;  // series
  static constexpr double memory = 0.9;                    // of a count, from step to step

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
  Variable<T> loss(const Batch& batch) const { return nn::mean_squared_error((*this)(batch.values), batch.peaks); }
  std::string found(const Batch& batch) const {
    return formatted("counts are off by %g", std::sqrt(double(loss(batch).item())));
  }

  static Batch draw(std::size_t size, Random& random) {
    const std::size_t time = 20;
    Batch batch{random.uniform<T>({time, size, 1}), Array<T>::from_shape({time, size, 1})};
    const auto& x = batch.values;
    for (std::size_t k = 0; k < size; ++k) {
      T count = 0;
      for (std::size_t t = 0; t < time; ++t) {
        const bool peak = t > 0 && t + 1 < time && x(t - 1, k, 0) < x(t, k, 0) && x(t, k, 0) > x(t + 1, k, 0);
        batch.peaks(t, k, 0) = count = T(memory) * count + T(peak);
      }
    }
    return batch;
  }
};

int main(int argc, char** argv) {
  return check_and_train<Counter>(argc, argv, "custom_primitive", "Operations of one's own, checked and trained");
}

// custom_cell: a recurrent cell of one's own: checked, then stacked in both directions to find the largest number
#include <unroll/nn/nn.hpp>

#include "support/check_and_train.hpp"
#include "support/text.hpp"

using namespace unroll;
using namespace unroll::examples;

/// The minimal gated unit, a GRU with one gate: Zhou et al. (2016)
/// f = σ(W x + b + U h + d),  n = tanh(W x + b + U (f ⊙ h) + d),  h' = (1 − f) ⊙ h + f ⊙ n
template <class T> struct MinimalGatedCell : nn::GateWeights<T> {
  using State = std::array<Variable<T>, 1>;
  using nn::GateWeights<T>::W, nn::GateWeights<T>::U;

  MinimalGatedCell(const nn::CellSizes& sizes, Random& random) : nn::GateWeights<T>(2, sizes, random) {}

  Variable<T> input(const Variable<T>& x) const { return linear(x, W, this->bias()); }

  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h] = state;
    const auto [x_f, x_n] = split<2>(projected);
    const auto [U_f, U_n] = split<2>(U, 0);
    const auto f = sigmoid(linear(h, U_f, x_f));
    const auto n = tanh(linear(f * h, U_n, x_n));
    return {h + f * (n - h)};
  }
};

/// Says of each number of a sequence whether it is the largest, which only the whole sequence decides.
template <class T> struct Marker : nn::Module<T> {
  struct Batch {
    Array<T> numbers;  // [time, batch, 1]
    Indices lengths;   // [batch]
    Indices labels;    // [time, batch], 1 for the largest
  };
  static constexpr std::size_t checked = 4, tested = 1000;  // sequences

  nn::Recurrent<MinimalGatedCell<T>> layers;
  nn::Linear<T> scores;

  Marker(std::size_t hidden, Random& random)
      : layers({.input = 1, .hidden = hidden, .layers = 2, .bidirectional = true}, random),
        scores({.input = 2 * hidden, .output = 2}, random) {
    this->add("layers", layers);
    this->add("scores", scores);
  }
  /// shapes: (time, batch, 1), (batch,) → (time, batch, 2)
  Variable<T> operator()(const Batch& batch) const { return scores(layers(batch.numbers, batch.lengths).output); }
  Variable<T> loss(const Batch& batch) const { return nn::cross_entropy((*this)(batch), batch.labels); }

  /// The share of the sequences in which the highest score stands at the largest number.
  std::string found(const Batch& batch) const {
    const Array<T> log_p = log_softmax((*this)(batch)).value();
    std::size_t right = 0;
    for (std::size_t k = 0; k < batch.lengths.size(); ++k) {
      std::size_t best = 0;
      for (std::size_t t = 0; t < std::size_t(batch.lengths(k)); ++t)
        if (log_p(t, k, 1) > log_p(best, k, 1)) best = t;
      right += batch.labels(best, k) == 1;
    }
    return formatted("the largest number found in %g %%", 100 * double(right) / double(batch.lengths.size()));
  }

  static Batch draw(std::size_t size, Random& random) {
    const std::size_t time = 10;
    Batch batch{random.uniform<T>({time, size, 1}), Indices::from_shape({size}), Indices::from_shape({time, size})};
    batch.labels.fill(nn::ignored);
    for (std::size_t k = 0; k < size; ++k) {
      const std::size_t length = 2 + random.below(time - 1);
      std::size_t largest = 0;
      for (std::size_t t = 0; t < length; ++t) {
        batch.labels(t, k) = 0;
        if (batch.numbers(t, k, 0) > batch.numbers(largest, k, 0)) largest = t;
      }
      batch.labels(largest, k) = 1;
      batch.lengths(k) = std::int64_t(length);
    }
    return batch;
  }
};

int main(int argc, char** argv) {
  return check_and_train<Marker>(argc, argv, "custom_cell", "A recurrent cell of one's own, checked and trained");
}

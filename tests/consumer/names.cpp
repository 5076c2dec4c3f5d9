// All names at once, those of the standard library among them: what a program says that opens every namespace.
#include <algorithm>
#include <array>
#include <chrono>
#include <complex>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <valarray>
#include <variant>
#include <vector>

using namespace std;

#include <unroll/nn/nn.hpp>

using namespace unroll;
using namespace unroll::nn;

namespace {

// `unroll::` is the library, `nn::unroll` the function; a function or a namespace that says `using nn::unroll` has
// both.
Variable<double> last_output(const LSTMCell<double>& cell, const Variable<double>& x) {
  using nn::unroll;
  const unroll::Variable<double> zero = zeros<double>({x.shape()[1], 3});
  return unroll(cell, x, {zero, zero}).back()[0];
}

struct Scores : unroll::nn::Linear<double> {
  using unroll::nn::Linear<double>::Linear;
};

template <class T> struct Classifier : Module<T> {
  Embedding<T> words;
  LSTM<T> lstm;
  Linear<T> scores;

  explicit Classifier(Random& random)
      : words({.count = 5, .size = 2}, random),
        lstm({.input = 2, .hidden = 3, .cell = {.peepholes = true}}, random),
        scores({.input = 3, .output = 2}, random) {
    this->add("words", words);
    this->add("lstm", lstm);
    this->add("scores", scores);
  }
  Variable<T> operator()(const Batch& batch) const {
    return scores(last_step(lstm(words(batch.tokens), batch.lengths).output, batch.lengths));
  }
};

}  // namespace

bool names() {
  Random random(9);
  const Classifier<double> model(random);
  const vector<Batch> batches = make_batches({{1, 2, 3}, {4}}, {.size = 2});
  Adam<double> optimizer(model.parameters());
  Tape<double> tape(random);
  auto gradients = tape.backward(cross_entropy(model(batches[0]), Indices{0, 1}));
  clip_norm(gradients, 1.0);
  optimizer.step(gradients);

  const LSTMCell<double> cell({.input = 2, .hidden = 3}, {.forget_bias = 1}, random);
  const Variable<double> x = random.normal<double>({4, 2, 2});
  const Scores scores({.input = 3, .output = 2}, random);
  const array<Variable<double>, 2> zero{zeros<double>({2, 3}), zeros<double>({2, 3})};
  const auto steps = nn::unroll(cell, x, zero);
  cout << scores(last_output(cell, x)) << '\n';
  return steps.size() == 4 && max(abs(last_output(cell, x) - steps[3][0])).item() == 0;
}

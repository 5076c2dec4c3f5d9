// A model with Variables in place of its parameters: steps of learning that are differentiated themselves.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

Many variables_of(const nn::Module<double>& model) {
  const auto parameters = model.parameters();
  return Many(parameters.begin(), parameters.end());
}

/// An embedding tied to the scores, two layers of every kind between, one of them chosen at run time.
struct Tied : nn::Module<double> {
  nn::Embedding<double> words;
  nn::LSTM<double> lstm;
  nn::AnyRecurrent<double> gru;
  nn::LayerNorm<double> norm;
  nn::Linear<double> scores;

  explicit Tied(Random& random)
      : words({.count = 5, .size = 3}, random),
        lstm({.input = 3, .hidden = 3, .learned_initial = true, .cell = {.peepholes = true}}, random),
        gru({.input = 3, .hidden = 3, .cell = "gru"}, random),
        norm({.size = 3}),
        scores(words.weight) {
    add("words", words);
    add("lstm", lstm);
    add("gru", gru);
    add("norm", norm);
    add("scores", scores);
  }
  V loss(const Indices& tokens, const Indices& labels) const {
    return nn::cross_entropy(scores(norm(gru(lstm(words(tokens)).output).output)), labels);
  }
};

const Indices tokens{{0, 3}, {4, 1}, {2, 2}}, labels{{3, 1}, {1, 2}, {0, 4}};

// The loss after steps of gradient descent from the model's weights, the learning rate a Variable.
template <class Model, class Loss> V learned(const Model& model, const V& rate, std::size_t steps, const Loss& loss) {
  Tape<double> tape;
  Many weights = variables_of(model);
  for (std::size_t k = 0; k < steps; ++k) {
    const auto slopes = tape.gradient(loss(nn::with(model, weights)), weights);
    for (std::size_t n = 0; n < weights.size(); ++n) weights[n] -= rate * slopes[n];
  }
  return loss(nn::with(model, weights));
}

}  // namespace

TEST_CASE("a model with its own parameters as variables is the model") {
  Random random(1);
  const Tied model(random);
  const V before = model.loss(tokens, labels);
  const Tied same = nn::with(model, variables_of(model));
  CHECK(same.loss(tokens, labels).item() == before.item());
  Tape<double> tape;
  const auto gradients = tape.backward(same.loss(tokens, labels));
  for (const P& parameter : model.parameters()) CHECK(gradients.contains(parameter));
}

TEST_CASE("a model with other values gives what a clone with these values gives, ties included") {
  Random random(2);
  const Tied model(random);
  Tied other = nn::clone(model);
  Many values;
  for (P& parameter : other.parameters()) {
    parameter.assign(random.normal<double>(parameter.shape()));
    values.push_back(detach(parameter));
  }
  const Tied replaced = nn::with(model, values);
  CHECK(replaced.parameters().size() == model.parameters().size());
  CHECK(replaced.loss(tokens, labels).item() == other.loss(tokens, labels).item());
  CHECK(model.loss(tokens, labels).item() != other.loss(tokens, labels).item());
  CHECK(nn::clone(replaced).loss(tokens, labels).item() == other.loss(tokens, labels).item());

  Tape<double> tape, checked;
  Many watched;
  for (const V& value : values) watched.push_back(checked.watch(value));
  const auto slopes = checked.gradient(nn::with(model, watched).loss(tokens, labels), watched);
  Tape<double> plain;
  const auto gradients = plain.backward(other.loss(tokens, labels));
  for (std::size_t k = 0; k < slopes.size(); ++k)
    CHECK(difference(slopes[k].value(), gradients[other.parameters()[k]]) < 1e-15);
}

TEST_CASE("steps of gradient descent are differentiated by the start weights and by the learning rate") {
  Random random(3);
  const Tied model(random);
  const P rate(A{0.1}, "rate");
  std::vector<P> by = model.parameters();
  by.push_back(rate);
  for (const std::size_t steps : {1, 2}) {
    const auto after = [&] {
      return learned(model, rate, steps, [](const Tied& m) { return m.loss(tokens, labels); });
    };
    const auto report = gradient_check(after, by);
    CHECK_MESSAGE(report, report);
  }
  const nn::Linear<double> line({.input = 2, .output = 1}, random);
  const auto fit = [](const nn::Linear<double>& m) {
    return sum(square(tanh(m(A{{1, 2}, {-1, 0.5}})) - reshape(V(A{0.3, 1}), {2, 1})));
  };
  std::vector<P> few = line.parameters();
  few.push_back(rate);
  const auto report = gradient_check([&] { return learned(line, rate, 2, fit); }, few, {.order = 2});
  CHECK_MESSAGE(report, report);
}

TEST_CASE("jacobians and hessians are by parameters, too") {
  Random random(4);
  const nn::Linear<double> line({.input = 2, .output = 3}, random);
  const A x{0.5, -2};
  const std::vector<A> values{line.weight.value(), line.bias.value()};
  const auto outputs = jacobian([&](const Many& w) { return nn::with(line, w)(x); }, values);
  CHECK(Shape(outputs[0].shape()) == Shape{3, 3, 2});
  CHECK(outputs[0](1, 1, 0) == 0.5);
  CHECK(outputs[0](1, 2, 0) == 0);
  CHECK(outputs[1](2, 2) == 1);
  const auto curved = hessian([&](const Many& w) { return sum(square(nn::with(line, w)(x))); }, values);
  CHECK(curved[0][0](2, 1, 2, 1) == doctest::Approx(8));
  CHECK(curved[0][1](2, 1, 2) == doctest::Approx(-4));
}

TEST_CASE("what computes the weights learns, a frozen parameter may be replaced as well") {
  Random random(5);
  nn::Linear<double> line({.input = 2, .output = 2}, random);
  line.weight.freeze();
  const nn::Linear<double> network({.input = 3, .output = 6}, random);
  const auto report = gradient_check(
      [&] {
        const auto made = split(network(A{1, -0.5, 2}), {4, 2});
        return weighted(tanh(nn::with(line, {reshape(made[0], {2, 2}), made[1]})(A{{0.3, 1}})));
      },
      network.parameters(), {.order = 2});
  CHECK_MESSAGE(report, report);
}

TEST_CASE("a model with variables is used within checkpoints and tapes of its own") {
  Random random(6);
  const nn::Linear<double> line({.input = 2, .output = 2}, random);
  const auto by_tape = [&](bool again) {
    Tape<double> tape;
    const V w = tape.watch(A{{1, 2}, {3, 4}}), b = tape.watch(A{0.1, 0.2});
    const auto model = nn::with(line, {w, b});
    const auto f = [&](const Many& x) { return tanh(model(x[0])); };
    const Many x{tape.watch(A{0.2, -0.1})};
    const V y = again ? checkpoint(f, x) : f(x);
    const auto gradients = tape.backward(weighted(y));
    return std::pair(gradients[w], gradients[b]);
  };
  CHECK(difference(by_tape(true).first, by_tape(false).first) < 1e-15);
  CHECK(difference(by_tape(true).second, by_tape(false).second) < 1e-15);
  CHECK(by_tape(false).second(0) != 0);
}

TEST_CASE("what does not fit is refused, and variables are not trained") {
  Random random(7);
  const nn::Linear<double> line({.input = 2, .output = 3}, random);
  CHECK(error_of([&] { nn::with(line, {V(1)}); }) ==
        "with: 1 variables for a model of 2 parameters; there must be one for each");
  CHECK(error_of([&] {
          nn::with(line, {zeros<double>({3, 2}), zeros<double>({2})});
        }) == "with: a variable of shape (2,) for parameter 1, 'bias'; it must be (3,)");
  auto replaced = nn::with(line, {zeros<double>({3, 2}), zeros<double>({3})});
  const std::string refused =
      "parameter: it is a Variable that stands for a parameter, in a model that with() made; change the parameters of "
      "the model itself, or of a clone()";
  CHECK(error_of([&] { replaced.weight.assign(A::from_shape({3, 2})); }) == refused);
  CHECK(error_of([&] { replaced.copy_from(line); }) == refused);
  CHECK(error_of([&] { nn::SGD<double>(replaced.parameters(), {.learning_rate = 1}); }) == refused);
}

// Ways of learning as a user writes them, from public names alone: derivatives of derivatives, random numbers, training
// that goes on from a file or in several threads.
#include <tuple>

#include "models.hpp"
#include "support.hpp"

using namespace unroll;

namespace {

/// A network of one hidden layer.
template <class T> struct Perceptron : nn::Module<T> {
  nn::Linear<T> inner, outer;

  Perceptron(std::size_t input, std::size_t hidden, std::size_t output, Random& random)
      : inner({.input = input, .output = hidden}, random), outer({.input = hidden, .output = output}, random) {
    this->add("inner", inner), this->add("outer", outer);
  }
  Variable<T> operator()(const Variable<T>& x) const { return outer(tanh(inner(x))); }
};

/// A variational autoencoder: Kingma and Welling (2014).    −E ln p(x | z) + KL(q(z | x) ‖ N(0, 1))
template <class T> struct Autoencoder : nn::Module<T> {
  Perceptron<T> encoder, decoder;

  Autoencoder(std::size_t size, std::size_t latent, Random& random)
      : encoder(size, 3, 2 * latent, random), decoder(latent, 3, size, random) {
    this->add("encoder", encoder), this->add("decoder", decoder);
  }
  Variable<T> operator()(const Variable<T>& x) const {
    const auto [mean, log_variance] = split<2>(encoder(x));
    const auto z = mean + exp(log_variance / 2) * normal_like(mean);
    const auto divergence = sum(square(mean) + exp(log_variance) - log_variance - 1) / 2;
    return sum(square(decoder(z) - x)) + divergence;
  }
};

/// The mean squared error of a task: y = a sin(x + b).
template <class T> struct Wave {
  double a, b;
  Variable<T> loss(const Perceptron<T>& model, std::uint64_t seed) const {
    const Variable<T> x = numbers<T>({8, 1}, seed);
    return nn::mean_squared_error(model(x), a * sin(detach(x) + b));
  }
};

/// A model after steps of gradient descent, which can be differentiated: Finn et al. (2017), Maclaurin et al. (2015)
template <class Model, class T, class Loss>
Model descended(const Model& model, const Variable<T>& rate, std::size_t steps, Tape<T>& tape, const Loss& loss) {
  const auto parameters = model.parameters();
  std::vector<Variable<T>> weights(parameters.begin(), parameters.end());
  for (std::size_t k = 0; k < steps; ++k) {
    const auto slopes = tape.gradient(loss(nn::with(model, weights)), weights);
    for (std::size_t n = 0; n < weights.size(); ++n) weights[n] -= rate * slopes[n];
  }
  return nn::with(model, weights);
}

/// A critic's loss with the penalty on its slopes: Gulrajani et al. (2017)
template <class T>
Variable<T> critic_loss(const Perceptron<T>& critic, const Variable<T>& real, const Variable<T>& made) {
  Tape<T> tape;
  const auto between = tape.watch(lerp(real, made, 0.4));
  const auto slopes = tape.gradient(sum(critic(between)), {between})[0];
  return mean(critic(made)) - mean(critic(real)) + 10 * mean(square(norm(slopes, -1) - 1));
}

/// A language model whose scores are the products with its embeddings: Inan et al. (2017)
struct TiedModel : nn::Module<double> {
  nn::Embedding<double> words;
  nn::GRU<double> network;
  nn::Linear<double> scores;

  TiedModel(std::size_t vocabulary, std::size_t size, Random& random)
      : words({.count = vocabulary, .size = size}, random),
        network({.input = size, .hidden = size, .layers = 2, .dropout = 0.2}, random),
        scores(words.weight) {
    add("words", words), add("network", network), add("scores", scores);
  }
  V loss(const Indices& text) const {
    const auto time = std::int64_t(text.shape()[0]) - 1;
    return nn::cross_entropy(scores(network(words(take(text, xt::arange<std::int64_t>(0, time)))).output),
                             take(text, xt::arange<std::int64_t>(1, time + 1)));
  }
};

/// A training that can be saved and gone on with.
struct Training {
  Random start{1}, random{2};
  TiedModel model{6, 4, start};
  nn::Adam<double> adam{model.parameters()};
  nn::Average<double> average{model};
  nn::Checkpoint checkpoint;
  Training() {
    checkpoint.add("model", model), checkpoint.add("adam", adam), checkpoint.add("average", average);
    checkpoint.add("random", random);
  }
  void run(int steps) {
    const Indices text = indices({1, 2, 3, 4, 5, 0, 1, 2, 2, 3, 3, 1}, {6, 2});
    for (int k = 0; k < steps; ++k) {
      Tape<double> tape(random);
      adam.step(tape.backward(model.loss(text)));
      average.update();
    }
  }
};

/// A⁻¹ of a square matrix, by Gauss and Jordan.                 Ā = −A⁻ᵀ Ȳ A⁻ᵀ
V inverse(const V& a) {
  const std::size_t n = a.shape()[0];
  A left = a.value(), right = xt::eye<double>(n);
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k; i < n; ++i)
      if (std::abs(left(i, k)) > std::abs(left(pivot, k))) pivot = i;
    for (A* m : {&left, &right})
      for (std::size_t j = 0; j < n && pivot != k; ++j) std::swap((*m)(k, j), (*m)(pivot, j));
    const double by = left(k, k);
    for (A* m : {&left, &right})
      for (std::size_t j = 0; j < n; ++j) (*m)(k, j) /= by;
    for (std::size_t i = 0; i < n; ++i) {
      const double factor = left(i, k);
      for (A* m : {&left, &right})
        for (std::size_t j = 0; j < n && i != k; ++j) (*m)(i, j) -= factor * (*m)(k, j);
    }
  }
  return primitive("inverse", {a}, right,
                   [](const V& g, const V& y) { return -matmul(matmul(y, g, {.a = true}), y, {.b = true}); });
}

/// ln det A of a matrix of two rows                             Ā = ȳ A⁻ᵀ
V log_determinant(const V& a) {
  const A& m = a.value();
  return primitive("log_determinant", {a}, std::log(m(0, 0) * m(1, 1) - m(0, 1) * m(1, 0)),
                   [a](const V& g) { return g * transpose(inverse(a)); });
}

}  // namespace

TEST_CASE("a variational autoencoder draws from the stream of its tape") {
  const V x = numbers({4, 2});
  Random random(1);
  const Autoencoder<double> model(2, 1, random);
  const auto report = gradient_check([&] { return model(x); }, model, {.order = 2});
  CHECK_MESSAGE(report, report);
  nn::Adam<double> adam(model.parameters(), {.learning_rate = 0.03});
  double first = 0, last = 0;
  for (int k = 0; k < 300; ++k) {
    Tape<double> tape(random);
    const V loss = model(x);
    if (k < 20) first += loss.item() / 20;
    if (k >= 280) last += loss.item() / 20;
    adam.step(tape.backward(loss));
  }
  CHECK(last < 0.8 * first);
}

TEST_CASE("MAML finds start weights from which a step learns a task") {
  Random random(2);
  const Perceptron<double> model(1, 5, 1, random);
  const auto loss = [&](const Perceptron<double>& start, const Wave<double>& task) {
    Tape<double> tape;
    const auto learned = descended(start, V(0.3), 1, tape, [&](const auto& m) { return task.loss(m, 1); });
    return task.loss(learned, 2);
  };
  const auto report = gradient_check([&] { return loss(model, {1, 0.5}); }, model);
  CHECK_MESSAGE(report, report);

  nn::Adam<double> adam(model.parameters(), {.learning_rate = 0.02});
  const auto of_tasks = [&] { return (loss(model, {1, 0.5}) + loss(model, {1, 3.6}) + loss(model, {0.5, 2})) / 3; };
  const double before = of_tasks().item();
  for (int k = 0; k < 200; ++k) {
    Tape<double> tape;
    adam.step(tape.backward(of_tasks()));
  }
  CHECK(of_tasks().item() < before / 2);
}

TEST_CASE("a learning rate is learned through the steps that it makes") {
  Random random(3);
  const Perceptron<double> model(1, 4, 1, random);
  Parameter<double> log_rate(A{-4}, "log rate");
  const Wave<double> task{1, 0.5};
  const auto after = [&] {
    Tape<double> tape;
    return task.loss(descended(model, exp(log_rate), 5, tape, [&](const auto& m) { return task.loss(m, 1); }), 2);
  };
  const auto report = gradient_check(after, {log_rate});
  CHECK_MESSAGE(report, report);
  const double before = after().item();
  nn::Adam<double> adam({log_rate}, {.learning_rate = 0.1});
  for (int k = 0; k < 40; ++k) {
    Tape<double> tape;
    adam.step(tape.backward(after()));
  }
  CHECK(after().item() < 0.9 * before);
  CHECK(std::exp(log_rate.value()(0)) > 0.05);
}

TEST_CASE("a critic's slopes are drawn to 1") {
  const auto run = []<class T>(const Perceptron<T>& critic) {
    return critic_loss(critic, Variable<T>(numbers({4, 2}, 1)), Variable<T>(numbers({4, 2}, 2)));
  };
  check<Perceptron>(run, std::size_t{2}, std::size_t{3}, std::size_t{1});
}

TEST_CASE("a tied language model that goes on from a file has the bits of one that was not interrupted") {
  const Directory directory;
  Training whole, part, resumed;
  whole.run(6);
  part.run(2);
  part.checkpoint.save(directory.file("run.safetensors"));
  resumed.checkpoint.load(directory.file("run.safetensors"));
  resumed.run(4);
  whole.average.swap(), resumed.average.swap();
  const auto a = whole.model.parameters(), b = resumed.model.parameters();
  for (std::size_t k = 0; k < a.size(); ++k) CHECK(difference(a[k], b[k]) == 0);
}

TEST_CASE("shares in several threads have the gradients of the whole") {
  Random random(4);
  const Perceptron<double> model(2, 3, 2, random);
  const V x = numbers({10, 2});
  const Indices labels{0, 1, 1, 0, 1, 0, 0, 1, 1, 1};
  Tape<double> tape;
  const V loss = nn::cross_entropy(model(x), labels);
  const auto whole = tape.backward(loss);
  for (const std::size_t shares : {1, 3, 4}) {
    const auto [of_shares, gradients] = nn::parallel_gradients(shares, [&](std::size_t k) {
      const auto begin = std::int64_t(k * 10 / shares), end = std::int64_t((k + 1) * 10 / shares);
      const auto part = take(labels, xt::arange<std::int64_t>(begin, end));
      return nn::cross_entropy_total(model(slice(x, 0, begin, end)), part).sum / 10;
    });
    CHECK(of_shares == doctest::Approx(loss.item()).epsilon(1e-14));
    for (const P& parameter : model.parameters()) CHECK(difference(gradients[parameter], whole[parameter]) < 1e-14);
  }
}

TEST_CASE("a log-determinant is a primitive of one's own, with derivatives of every order") {
  const Parameter<double> a(A{{2, 0.5}, {0.3, 1}}, "a");
  CHECK(gradient_check([&] { return weighted(inverse(a)); }, {a}, {.order = 2}));
  CHECK(gradient_check([&] { return square(log_determinant(a)); }, {a}, {.order = 2}));
  // −ln p of a normal distribution with the precision L Lᵀ + 1
  const auto likelihood = [&] {
    const auto precision = matmul(a, a, {.b = true}) + xt::eye<double>(2);
    const V x = numbers({5, 2});
    return sum(matmul(x, precision) * x) / 2 - 2.5 * log_determinant(precision);
  };
  CHECK(gradient_check(likelihood, {a}, {.order = 2}));
}

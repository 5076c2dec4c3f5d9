// Modules, dropout, losses and initialisers: what a model is trained with.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <sstream>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

template <class T> struct Tagger : nn::Module<T> {
  nn::Embedding<T> words;
  nn::GRU<T> gru;
  nn::Linear<T> scores;

  explicit Tagger(Random& random)
      : words({.count = 5, .size = 3}, random),
        gru({.input = 3, .hidden = 4, .bidirectional = true}, random),
        scores({.input = 8, .output = 3}, random) {
    this->add("words", words);
    this->add("gru", gru);
    this->add("scores", scores);
  }
  Variable<T> operator()(const Indices& tokens, const Indices& lengths) const {
    return scores(gru(words(tokens), lengths).output);
  }
};

const Indices tokens{{1, 4, 0}, {2, 3, 0}, {0, 1, 0}}, labels{{0, 1, -100}, {2, 0, -100}, {1, -100, -100}},
    lengths{3, 2, 0};

template <class T> Variable<T> loss_of(const Tagger<T>& model) {
  return nn::cross_entropy(model(tokens, lengths), labels);
}

// One parameter under two names, and another.
struct Tied : nn::Module<double> {
  Parameter<double> a{Array<double>{1, 2}}, b = a, c{Array<double>{3}};
  Tied() {
    add("a", a);
    add("b", b);
    add("c", c);
  }
};

}  // namespace

TEST_CASE("a module names its parameters with dots, and lists a tied one once") {
  Random random(41);
  const Tagger<double> model(random);
  std::vector<std::string> names;
  for (const auto& [name, parameter] : model.named_parameters()) {
    names.push_back(name);
    CHECK(parameter.name() == name);
  }
  CHECK(names == std::vector<std::string>{"words.weight", "gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0",
                                          "gru.bias_hh_l0", "gru.weight_ih_l0_reverse", "gru.weight_hh_l0_reverse",
                                          "gru.bias_ih_l0_reverse", "gru.bias_hh_l0_reverse", "scores.weight",
                                          "scores.bias"});
  CHECK(model.parameters().size() == 11);
  const Tied tied;
  CHECK(tied.named_parameters().size() == 3);
  CHECK(tied.parameters().size() == 2);
}

TEST_CASE("a summary has a line for each parameter, and the sums") {
  Random random(48);
  Tagger<float> model(random);
  model.words.weight.freeze();
  CHECK(
      nn::summary(model).starts_with("parameter                 shape            elements\n"
                                     "words.weight              (5, 3)                 15  frozen\n"
                                     "gru.weight_ih_l0          (12, 3)                36\n"));
  CHECK(nn::summary(model).ends_with("\n258 elements, 243 of them trained, 0.00 MiB\n"));
  CHECK(nn::summary(Tied()) ==
        "parameter  shape            elements\n"
        "a          (2,)                    2\n"
        "b          (2,)                    2  is a\n"
        "c          (1,)                    1\n"
        "3 elements, 3 of them trained, 0.00 MiB\n");
}

TEST_CASE("a gradient check takes a whole model, and says what it checked") {
  Random random(49);
  Tagger<double> model(random);
  model.words.weight.freeze();
  const auto report = gradient_check([&] { return loss_of(model); }, model, {.order = 2});
  CHECK_MESSAGE(report, report);
  CHECK(report.parameters == 10);
  CHECK(report.entries == 243);
  CHECK(report.checked[0].name == "gru.weight_ih_l0");
  CHECK(report.checked[0].entries == 36);
  CHECK(report.checked[0].error > 0);
  std::ostringstream out;
  print_table(out, report);
  CHECK(out.str().find("scores.bias                      3") != std::string::npos);
}

TEST_CASE("a module that was moved trains as before") {
  Random random(42);
  std::optional<Tagger<double>> first(random);
  nn::SGD<double> optimizer(first->parameters(), {.learning_rate = 0.5});
  Tagger<double> model = std::move(*first);
  first.reset();
  std::vector<Tagger<double>> models;
  models.push_back(std::move(model));
  const double before = loss_of(models[0]).item();
  for (int step = 0; step < 100; ++step) {
    Tape<double> tape;
    optimizer.step(tape.backward(loss_of(models[0])));
  }
  CHECK(loss_of(models[0]).item() < before / 10);
}

TEST_CASE("a clone has the same values and nothing else in common; ties within it stay ties") {
  Random random(43);
  Tagger<double> model(random);
  model.words.weight.freeze();
  const Tagger<double> twin = nn::clone(model);
  CHECK(twin.words.weight.frozen());
  CHECK(loss_of(twin).item() == loss_of(model).item());
  const double before = loss_of(twin).item();
  for (auto parameter : model.parameters()) parameter.assign(random.normal<double>(parameter.shape()));
  CHECK(loss_of(twin).item() == before);
  CHECK(loss_of(model).item() != before);
  // What is registered is what the layers use.
  for (auto parameter : twin.parameters()) parameter.assign(xt::zeros_like(parameter.value()));
  CHECK(loss_of(twin).item() == doctest::Approx(std::log(3.0)));

  Tied tied, other = nn::clone(tied);
  other.b.assign({5, 6});
  CHECK(other.a.value()(0) == 5);
  CHECK(other.named_parameters()[0].second.value()(1) == 6);
  CHECK(tied.a.value()(0) == 1);
  CHECK(other.parameters().size() == 2);
}

TEST_CASE("copy_from takes over a model's values, in float or double") {
  Random start(1);
  nn::Linear<double> large({.input = 2, .output = 1}, start);
  nn::Linear<float> small({.input = 2, .output = 1}, start);
  const Array<float> weight = small.weight.value();
  large.bias.assign(Array<double>{1e300});
  CHECK(error_of([&] { small.copy_from(large); }) == "copy_from: 'bias' holds 1e+300; it must fit a float");
  CHECK(small.weight.value() == weight);
  Random random(44), other(45);
  Tagger<float> model(random);
  Tagger<double> same(other);
  same.copy_from(model);
  for (std::size_t k = 0; k < model.parameters().size(); ++k)
    CHECK(difference(model.parameters()[k].value(), same.parameters()[k].value()) == 0);
  CHECK(loss_of(model).item() == doctest::Approx(loss_of(same).item()).epsilon(1e-5));
  Tagger<float> back(random);
  back.copy_from(same);
  CHECK(loss_of(back).item() == loss_of(model).item());
}

TEST_CASE("an embedding from a given table is frozen unless it is to be trained") {
  const nn::Embedding<double> fixed(Array<double>{{1, 2}, {3, 4}}), trained(Array<double>{{1, 2}, {3, 4}}, true);
  Tape<double> tape;
  const auto loss = sum(fixed(Indices{1, 1}) * trained(Indices{0, 1}));
  CHECK(loss.item() == 3 * 1 + 4 * 2 + 3 * 3 + 4 * 4);
  const auto gradients = tape.backward(loss);
  CHECK_FALSE(gradients.contains(fixed.weight));
  CHECK(gradients[trained.weight] == Array<double>{{3, 4}, {3, 4}});
}

TEST_CASE("layers share a weight that one of them is made from") {
  Random random(47);
  struct Model : nn::Module<double> {
    nn::Embedding<double> words;
    nn::Linear<double> scores;
    explicit Model(Random& numbers) : words({.count = 5, .size = 3}, numbers), scores(words.weight) {
      add("words", words);
      add("scores", scores);
    }
  };
  const Model model(random);
  CHECK(model.named_parameters().size() == 2);
  CHECK(model.parameters().size() == 1);
  CHECK(model.scores.weight.name() == "words.weight");
  const Array<double> g{{1, 2, 3}, {4, 5, 6}};
  Tape<double> tape;
  const auto gradients = tape.backward(sum(model.scores(g)));
  CHECK(difference(gradients[model.words.weight], xt::zeros<double>({5, 3}) + Array<double>{5, 7, 9}) == 0);
  const nn::Linear<double> both(model.words.weight, Parameter<double>(Array<double>{1, 2, 3, 4, 5}));
  CHECK(both.named_parameters().size() == 2);
  CHECK(nn::Embedding<double>(model.scores.weight)(Indices{1}).shape() == Shape{1, 3});
}

TEST_CASE("dropout needs a tape with a random stream; the same stream draws the same mask") {
  Random random(46);
  const Variable<double> x = random.normal<double>({7, 3, 5});
  const nn::Dropout<double> dropout({.rate = 0.25});
  CHECK(dropout(x).value() == x.value());
  {
    Tape<double> tape;
    const auto watched = tape.watch(x);
    CHECK(dropout(watched).value() == x.value());
    CHECK(tape.size() == 1);
  }
  const auto draw = [&](std::uint64_t seed) {
    Random masks(seed);
    Tape<double> tape(masks);
    const auto watched = tape.watch(x);
    const auto y = dropout(watched), again = dropout(watched);
    CHECK(y.value() != again.value());
    const auto gradient = tape.backward(sum(y))[watched];
    for (std::size_t k = 0; k < x.size(); ++k) {
      const bool dropped = y.value().flat(k) == 0;
      CHECK(gradient.flat(k) == (dropped ? 0 : 1 / 0.75));
      if (!dropped) CHECK(y.value().flat(k) == x.value().flat(k) * (1 / 0.75));
    }
    return y.value();
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
}

TEST_CASE("dropout and zoneout choose, so what is infinite and not chosen leaves no trace") {
  Random random(3);
  Tape<double> tape(random);
  const auto x = tape.watch(full<double>({100}, infinity));
  const auto y = nn::dropout(x, 0.5), z = nn::zoneout(x, zeros<double>({100}), 0.5);
  for (const auto& chosen : {y, z})
    for (const double element : chosen.value()) CHECK((element == 0 || element == infinity));
  const auto gradients = tape.backward(sum(y) + sum(z));
  for (const double g : gradients[x]) CHECK(std::isfinite(g));
}

TEST_CASE("without a random stream zoneout is its mean, of equal infinities too") {
  const Variable<double> before(Array<double>{1, infinity, -infinity, 2, infinity}),
      after(Array<double>{3, infinity, -infinity, -infinity, 1});
  CHECK(nn::zoneout(before, after, 0.25).value() == Array<double>{2.5, infinity, -infinity, -infinity, infinity});
}

TEST_CASE("dropout drops at its rate and keeps the mean, over steps alike if asked to") {
  Random random(47);
  const Variable<float> x = ones<float>({50, 40, 50});
  const Tape<float> tape(random);
  for (const double rate : {0.1, 0.5, 0.9}) {
    const auto y = nn::Dropout<float>({.rate = rate})(x);
    const auto n = double(x.size());
    double total = 0, dropped = 0;
    for (const float value : y.value()) total += value, dropped += value == 0;
    CHECK(std::abs(dropped / n - rate) < 4 * std::sqrt(rate * (1 - rate) / n));
    CHECK(std::abs(total / n - 1) < 4 * std::sqrt(rate / (1 - rate) / n));

    const auto alike = nn::Dropout<float>({.rate = rate, .same_for_all_steps = true})(x);
    const auto steps = unstack(alike);
    for (const auto& step : steps) CHECK(step.value() == steps[0].value());
    double share = 0;
    for (const float value : steps[0].value()) share += value == 0;
    CHECK(std::abs(share / 2000 - rate) < 4 * std::sqrt(rate * (1 - rate) / 2000));
  }
}

TEST_CASE("cross entropy: uneven shards add up, ignored labels count for nothing, extremes stay finite") {
  Random random(48);
  const Variable<double> logits = random.normal<double>({6, 3});
  const Indices wanted{0, -100, 2, 1, 1, -100};
  const nn::CrossEntropyOptions<double> options{.weights = {1.0, 0.5, 2.0}, .smoothing = 0.1};
  double sum = 0, count = 0;
  for (const auto& [begin, end] : {std::pair(0, 2), std::pair(2, 6)}) {
    Indices part = Indices::from_shape({std::size_t(end - begin)});
    std::copy(wanted.begin() + begin, wanted.begin() + end, part.begin());
    const auto shard = nn::cross_entropy_total(slice(logits, 0, begin, end), part, options);
    sum += shard.sum.item();
    count += shard.count;
  }
  CHECK(count == 1.0 + 2.0 + 0.5 + 0.5);
  CHECK(sum / count == doctest::Approx(nn::cross_entropy(logits, wanted, options).item()).epsilon(1e-14));

  for (const auto reduction : {nn::Reduction::mean, nn::Reduction::sum}) {
    Tape<double> tape;
    const auto unknown = tape.watch(full<double>({2, 3}, not_a_number));
    const auto loss = nn::cross_entropy(unknown, {-100, -100}, {.reduction = reduction});
    CHECK(loss.item() == 0);
    CHECK(tape.backward(loss)[unknown] == zeros<double>({2, 3}).value());
  }
  CHECK(nn::cross_entropy_total(logits, Indices{-100, -100, -100, -100, -100, -100}).count == 0);
  CHECK(nn::cross_entropy<double>(Array<double>{{1e300, -1e300, 0}}, {1}).item() == 2e300);
  Tape<double> tape;
  const auto excluded = tape.watch(Array<double>{{1, -infinity, 2}});
  const auto gradient = tape.backward(nn::cross_entropy(excluded, {0}))[excluded];
  CHECK(gradient(0, 1) == 0);
  CHECK(gradient(0, 2) == doctest::Approx(sigma(1)));
  CHECK(gradient(0, 0) == doctest::Approx(-sigma(1)));
}

TEST_CASE("losses of large logits and of probabilities of 0 and 1 are finite and precise, and so are their gradients") {
  using nn::Reduction;
  const auto loss_of = [](auto loss, double x, double t) {
    Tape<double> tape;
    const auto input = tape.watch(Array<double>{x}), target = tape.watch(Array<double>{t});
    const auto y = loss(input, target, nn::LossOptions{.reduction = Reduction::sum});
    const auto gradients = tape.backward(y);
    return std::array{y.item(), gradients[input](0), gradients[target](0)};
  };
  const auto bce = nn::binary_cross_entropy<double>, kl = nn::kl_divergence<double>;
  CHECK(loss_of(bce, 800, 0) == std::array{800.0, 1.0, -800.0});
  CHECK(loss_of(bce, -800, 1) == std::array{800.0, -1.0, 800.0});
  CHECK(loss_of(bce, 40, 1)[0] == doctest::Approx(std::exp(-40.0)).epsilon(1e-12));
  CHECK(loss_of(bce, -40, 0)[0] == doctest::Approx(std::exp(-40.0)).epsilon(1e-12));
  CHECK(loss_of(kl, -infinity, 0) == std::array{0.0, 0.0, 0.0});
  CHECK(loss_of(kl, -infinity, 0.5)[0] == infinity);
  CHECK(std::isnan(loss_of(kl, -1, -0.5)[0]));
  CHECK(loss_of(kl, 0, 1) == std::array{0.0, -1.0, 1.0});
  CHECK(loss_of(nn::mean_absolute_error<double>, 2, 2) == std::array{0.0, 0.0, 0.0});
}

// Numbers, or what numbers of the order of 1e9 tend to.
template <class T> bool is_limit(const Array<T>& limit, const Array<T>& near) {
  constexpr T large = T(1e6), tolerance = std::numeric_limits<T>::epsilon() * 8;
  for (std::size_t k = 0; k < near.size(); ++k) {
    const T a = limit.flat(k), b = near.flat(k);
    if (std::abs(b) > large ? !(a / b >= 1) : !(std::abs(a - b) <= tolerance)) return false;
  }
  return true;
}

TEST_CASE_TEMPLATE("losses of infinite logits take their limit, and so do their gradients", T, float, double) {
  using V = Variable<T>;
  const T infinity = std::numeric_limits<T>::infinity();
  // f's value and gradients at these arrays, in which ±1e9 stands for ±∞, and at the infinite ones.
  const auto check = [&](const std::vector<Array<T>>& near, const std::function<V(const std::vector<V>&)>& f) {
    const auto all = [&](const std::vector<Array<T>>& arrays) {
      Tape<T> tape;
      std::vector<V> inputs;
      for (const Array<T>& array : arrays) inputs.push_back(tape.watch(array));
      const V y = f(inputs);
      std::vector<Array<T>> result{y.value()};
      const auto gradients = tape.backward(y.size() == 1 ? y : sum(y * Array<T>{1, T(0.5), -2}));
      for (const V& input : inputs) result.push_back(gradients[input]);
      return result;
    };
    std::vector<Array<T>> far = near;
    for (Array<T>& array : far)
      for (T& x : array) x = std::abs(x) == T(1e9) ? std::copysign(infinity, x) : x;
    const auto limits = all(far), expected = all(near);
    for (std::size_t k = 0; k < limits.size(); ++k) {
      std::ostringstream text;
      for (const Array<T>& array : far) text << V(array) << ' ';
      CHECK_MESSAGE(is_limit(limits[k], expected[k]), text.str() << V(limits[k]) << " not " << V(expected[k]));
    }
  };
  const T choices[] = {T(-1e9), 0, T(0.5), T(1e9)};
  for (int number = 0; number < 64; ++number) {
    const Array<T> row{choices[number % 4], choices[number / 4 % 4], choices[number / 16]};
    const Array<T> rows{{row(0), row(1), row(2)}, {T(0.25), 1, -1}};
    const auto count = [&](T x) { return std::count(row.begin(), row.end(), x); };
    if (count(T(-1e9)) == 3) continue;  // there is no limit
    check({row}, [](const auto& x) { return logsumexp(x[0]); });
    if (count(T(1e9)) > 1) continue;
    check({row}, [](const auto& x) { return softmax(x[0]); });
    check({row}, [](const auto& x) { return log_softmax(x[0]); });
    for (std::int64_t label = 0; label < 3; ++label)
      for (const double smoothing : {0.0, 0.1})
        for (const Array<T>& weights : {Array<T>(), Array<T>{0, 1, 2}, Array<T>{0, 0, 0}})
          check({rows}, [&](const auto& x) {
            return nn::cross_entropy(x[0], {label, 1}, {.weights = weights, .smoothing = smoothing});
          });
    const Array<T> log_p = row - T(0.5), targets{T(0.25), T(0.75), 0};
    if (count(T(1e9)) == 0) check({log_p}, [&](const auto& x) { return nn::kl_divergence(x[0], targets); });
    for (const T t : {T(0), T(0.25), T(1)}) {
      const Array<T> target{t, t, t};
      check({row, target}, [](const auto& x) { return nn::binary_cross_entropy(x[0], x[1]); });
      check({row, target}, [](const auto& x) { return nn::mean_squared_error(x[0], x[1]); });
      check({row, target}, [](const auto& x) { return nn::mean_absolute_error(x[0], x[1]); });
    }
  }
  const V none(Array<T>{{infinity, infinity}, {-infinity, -infinity}, {0, T(not_a_number)}});
  for (const V& y : {softmax(none), log_softmax(none)})
    for (const T x : y.value()) CHECK(std::isnan(x));
  for (const T x : nn::cross_entropy(none, {0, 0, 0}, {.reduction = nn::Reduction::none}).value()) CHECK(std::isnan(x));
  for (const T t : {T(0), T(1)}) CHECK(std::isnan(nn::binary_cross_entropy(V(not_a_number), V(t)).item()));
  CHECK(std::isnan(nn::kl_divergence(V(Array<T>{0, T(not_a_number)}), V(Array<T>{1, 0})).item()));
}

TEST_CASE("a mean of what did not count is 0 with gradient 0, whatever its sum") {
  Tape<double> tape;
  const auto sum = tape.watch(infinity);
  const auto mean = nn::Total<double>{sum, 0}.mean();
  CHECK(mean.item() == 0);
  CHECK(tape.backward(mean)[sum]() == 0);
  CHECK(nn::Total<double>{3e-300, 1e-310}.mean().item() == 3e-300 / 1e-310);
}

TEST_CASE("means of losses over uneven shards add up from their totals") {
  using enum nn::Reduction;
  Random random(50);
  const Variable<double> x = random.normal<double>({5, 3}), p = softmax<double>(random.normal<double>({5, 3}));
  for (const auto loss : {nn::binary_cross_entropy<double>, nn::mean_squared_error<double>,
                          nn::mean_absolute_error<double>, nn::kl_divergence<double>}) {
    double sum = 0, count = 0;
    for (const auto& [begin, end] : {std::pair(0, 2), std::pair(2, 5)}) {
      const auto shard = nn::total(loss(slice(x, 0, begin, end), slice(p, 0, begin, end), {none}));
      sum += shard.sum.item();
      count += shard.count;
    }
    CHECK(sum / count == doctest::Approx(loss(x, p, {mean}).item()).epsilon(1e-14));
  }
}

TEST_CASE("initialisers: bounds, moments, orthogonality") {
  Random random(49);
  const auto check = [](const Array<double>& x, double bound) {
    double squares = 0, total = 0, most = 0;
    for (const double value : x) squares += value * value, total += value, most = std::max(most, std::abs(value));
    const auto n = double(x.size());
    CHECK(most <= bound);
    CHECK(most > 0.99 * bound);
    CHECK(std::abs(total / n) < 4 * bound / std::sqrt(3 * n));
    CHECK(squares / n == doctest::Approx(bound * bound / 3).epsilon(0.05));
  };
  check(nn::uniform_by_fan_in<double>({100, 50}, 25, random), 0.2);
  check(nn::glorot_uniform<double>({60, 90}, random), std::sqrt(6.0 / 150));
  for (const auto& [rows, columns] : {std::pair(5, 5), std::pair(4, 9), std::pair(9, 4), std::pair(1, 1)}) {
    const Variable<double> Q = nn::orthogonal<double>({std::size_t(rows), std::size_t(columns)}, random);
    const auto products = matmul(Q, Q, {.a = rows > columns, .b = rows <= columns}).value();
    for (std::size_t i = 0; i < products.shape(0); ++i)
      for (std::size_t j = 0; j < products.shape(1); ++j) CHECK(std::abs(products(i, j) - double(i == j)) < 1e-14);
  }
  // However near the second vector is to the first, which one round of Gram and Schmidt's process would show.
  double worst = 0;
  for (int k = 0; k < 20000; ++k) {
    const Array<double> Q = nn::orthogonal<double>({2, 2}, random);
    worst = std::max(worst, std::abs(Q(0, 0) * Q(1, 0) + Q(0, 1) * Q(1, 1)));
  }
  CHECK(worst < 1e-15);
  for (const Shape& nothing : {Shape{0, 0}, Shape{0, 3}}) {
    CHECK(nn::glorot_uniform<double>(nothing, random).size() == 0);
    CHECK(nn::orthogonal<double>(nothing, random).size() == 0);
  }
  // Uniformly distributed: signs of the diagonal are even.
  int positive = 0;
  for (int k = 0; k < 400; ++k) positive += nn::orthogonal<double>({3, 3}, random)(2, 2) > 0;
  CHECK(std::abs(positive - 200) < 60);
}

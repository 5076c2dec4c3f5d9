// What moves parameters: optimizers, clipping and schedules.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// The gradients of Σ g ⊙ parameter, which are g.
Gradients<double> gradients_of(const std::vector<std::pair<Parameter<double>, Array<double>>>& given) {
  Tape<double> tape;
  Variable<double> loss = 0;
  for (const auto& [parameter, g] : given) loss = loss + sum(parameter * g);
  return tape.backward(loss);
}

template <class T> struct Maker {
  double weight_decay;
  std::function<std::unique_ptr<nn::Optimizer<T>>(const nn::ParameterGroups<T>&)> make;
};

// Every optimizer with every option, without decay, with some, and with so much that AdamW turns signs.
template <class T> std::vector<Maker<T>> every_optimizer() {
  std::vector<Maker<T>> all;
  const auto add = [&]<class Kind, class Options>(std::type_identity<Kind>, Options options) {
    for (const double weight_decay : {0.0, 0.1, 2000.0}) {
      options.weight_decay = weight_decay;
      all.push_back({weight_decay, [=](auto& parameters) { return std::make_unique<Kind>(parameters, options); }});
    }
  };
  constexpr std::type_identity<nn::SGD<T>> sgd;
  constexpr std::type_identity<nn::Adam<T>> adam;
  constexpr std::type_identity<nn::AdamW<T>> adamw;
  constexpr std::type_identity<nn::RMSprop<T>> rmsprop;
  constexpr std::type_identity<nn::Adagrad<T>> adagrad;
  constexpr std::type_identity<nn::Adadelta<T>> adadelta;
  add(sgd, nn::SGDOptions{});
  add(sgd, nn::SGDOptions{.momentum = 0.9});
  add(sgd, nn::SGDOptions{.momentum = 0.9, .nesterov = true});
  for (const double epsilon : {0.0, 1e-3}) {
    for (const bool amsgrad : {false, true}) {
      add(adam, nn::AdamOptions{.epsilon = epsilon, .amsgrad = amsgrad});
      add(adamw, nn::AdamOptions{.epsilon = epsilon, .amsgrad = amsgrad});
    }
    for (const bool centred : {false, true})
      for (const double momentum : {0.0, 0.9})
        add(rmsprop, nn::RMSpropOptions{.epsilon = epsilon, .momentum = momentum, .centred = centred});
    for (const double initial : {0.0, 0.5}) add(adagrad, nn::AdagradOptions{.epsilon = epsilon, .initial = initial});
    add(adadelta, nn::AdadeltaOptions{.epsilon = epsilon});
  }
  return all;
}

constexpr double rate = 0.1, decay = 0.05;

// Holds an optimizer of this kind against its equation, which moves x by g = ∇ + λ x at step t.
template <class Kind, class Options>
void check(const Options& options, const std::function<void(double& x, double g, int t)>& equation) {
  double x = 0.7;
  Parameter<double> p({x}, "p");
  Kind optimizer({p}, options);
  int t = 0;
  for (const double g : {0.3, -1.2, 0.05, 2.0, 0.0, -0.4}) {
    optimizer.step(gradients_of({{p, {g}}}));
    equation(x, g + decay * x, ++t);
    CHECK(p.value()(0) == doctest::Approx(x).epsilon(1e-13));
  }
}

}  // namespace

TEST_CASE("optimizers move parameters as their equations say") {
  const Array<double> start{0.5, -1.5, 2.0}, gs[] = {{0.1, -0.2, 3.0}, {-0.4, 0.5, 0.0}, {1.0, 1e-3, -2.0}};
  struct Kind {
    bool momentum = false, adam = false, decoupled = false;
  };
  for (const Kind& kind : {Kind{}, Kind{.momentum = true}, Kind{.adam = true}, Kind{.adam = true, .decoupled = true}}) {
    Parameter<double> parameter(start, "p");
    std::unique_ptr<nn::Optimizer<double>> optimizer;
    const nn::AdamOptions adam{
        .learning_rate = rate, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = decay};
    if (kind.decoupled)
      optimizer = std::make_unique<nn::AdamW<double>>(std::vector{parameter}, adam);
    else if (kind.adam)
      optimizer = std::make_unique<nn::Adam<double>>(std::vector{parameter}, adam);
    else
      optimizer = std::make_unique<nn::SGD<double>>(
          std::vector{parameter},
          nn::SGDOptions{.learning_rate = rate, .momentum = kind.momentum ? 0.9 : 0.0, .weight_decay = decay});
    std::vector<double> x(start.begin(), start.end()), m(3), v(3);
    for (int t = 1; t <= 3; ++t) {
      const double now = t == 3 ? rate / 2 : rate;
      optimizer->learning_rate = now;
      optimizer->step(gradients_of({{parameter, gs[t - 1]}}));
      for (std::size_t k = 0; k < 3; ++k) {
        const double g = gs[t - 1](k) + (kind.decoupled ? 0 : decay * x[k]);
        if (kind.decoupled) x[k] -= now * decay * x[k];
        if (kind.adam) {
          m[k] = 0.8 * m[k] + 0.2 * g;
          v[k] = 0.95 * v[k] + 0.05 * g * g;
          const double mean = m[k] / (1 - std::pow(0.8, t)), square = v[k] / (1 - std::pow(0.95, t));
          x[k] -= now * mean / (std::sqrt(square) + 1e-3);
        } else {
          m[k] = (kind.momentum ? 0.9 : 0.0) * m[k] + g;
          x[k] -= now * m[k];
        }
        CHECK(parameter.value()(k) == doctest::Approx(x[k]).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("optimizers of the kinds that divide by a root of squares move parameters as their equations say") {
  for (const bool centred : {false, true}) {
    for (const double momentum : {0.0, 0.8}) {
      check<nn::RMSprop<double>>(nn::RMSpropOptions{.learning_rate = rate,
                                                    .alpha = 0.9,
                                                    .epsilon = 1e-3,
                                                    .momentum = momentum,
                                                    .weight_decay = decay,
                                                    .centred = centred},
                                 [=, s = 0.0, m = 0.0, v = 0.0](double& x, double g, int) mutable {
                                   s = 0.9 * s + 0.1 * g * g;
                                   m = centred ? 0.9 * m + 0.1 * g : 0;
                                   v = momentum * v + g / (std::sqrt(s - m * m) + 1e-3);
                                   x -= rate * v;
                                 });
    }
  }
  check<nn::Adagrad<double>>(
      nn::AdagradOptions{
          .learning_rate = rate, .learning_rate_decay = 0.2, .epsilon = 1e-3, .weight_decay = decay, .initial = 0.5},
      [=, s = 0.5](double& x, double g, int t) mutable {
        s += g * g;
        x -= rate / (1 + 0.2 * (t - 1)) * g / (std::sqrt(s) + 1e-3);
      });
  check<nn::Adadelta<double>>(
      nn::AdadeltaOptions{.learning_rate = rate, .rho = 0.8, .epsilon = 1e-3, .weight_decay = decay},
      [=, s = 0.0, u = 0.0](double& x, double g, int) mutable {
        s = 0.8 * s + 0.2 * g * g;
        const double d = g * std::sqrt((u + 1e-3) / (s + 1e-3));
        u = 0.8 * u + 0.2 * d * d;
        x -= rate * d;
      });
  check<nn::Adam<double>>(
      nn::AdamOptions{.learning_rate = rate, .beta1 = 0.8, .beta2 = 0.5, .weight_decay = decay, .amsgrad = true},
      [=, m = 0.0, v = 0.0, most = 0.0](double& x, double g, int t) mutable {
        m = 0.8 * m + 0.2 * g;
        v = 0.5 * v + 0.5 * g * g;
        most = std::max(most, v);
        x -= rate * m / (1 - std::pow(0.8, t)) / (std::sqrt(most / (1 - std::pow(0.5, t))) + 1e-8);
      });
  check<nn::SGD<double>>(
      nn::SGDOptions{.learning_rate = rate, .momentum = 0.8, .weight_decay = decay, .nesterov = true},
      [=, v = 0.0](double& x, double g, int) mutable {
        v = 0.8 * v + g;
        x -= rate * (g + 0.8 * v);
      });
}

TEST_CASE("groups of parameters have rates and decays of their own, which follow the optimizer's rate") {
  Parameter<double> a({1.0}, "a"), b({1.0}, "b"), c({1.0}, "c");
  nn::SGD<double> optimizer(
      {{.parameters = {a}, .learning_rate_factor = 0.1, .weight_decay = 0}, {.parameters = {b, c}}},
      {.learning_rate = 0.5, .weight_decay = 0.2});
  optimizer.step(gradients_of({{a, {2.0}}, {b, {2.0}}}));
  CHECK(a.value()(0) == doctest::Approx(1 - 0.05 * 2));
  CHECK(b.value()(0) == doctest::Approx(1 - 0.5 * 2.2));
  CHECK(c.value()(0) == 1);
  optimizer.learning_rate = 0.25;
  optimizer.step(gradients_of({{a, {2.0}}, {c, {2.0}}}));
  CHECK(a.value()(0) == doctest::Approx(1 - 0.05 * 2 - 0.025 * 2));
  CHECK(c.value()(0) == doctest::Approx(1 - 0.25 * 2.2));
  // Of AdamW, both are taken from the group too.
  nn::AdamW<double> adamw({{.parameters = {c}, .learning_rate_factor = 2, .weight_decay = 0.5}},
                          {.learning_rate = 0.1});
  c.assign({1.0});
  adamw.step(gradients_of({{c, {3.0}}}));
  CHECK(c.value()(0) == doctest::Approx(1 - 0.2 * 0.5 - 0.2));
}

TEST_CASE_TEMPLATE("no optimizer moves an infinite element, or one that has neither gradient nor decay", T, float,
                   double) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  for (const Maker<T>& maker : every_optimizer<T>()) {
    const auto& [weight_decay, make] = maker;
    const Array<T> start{-infinity, 1, infinity};
    Parameter<T> p(start, "p"), table(Array<T>{{-infinity, 1, infinity}, {-infinity, 1, infinity}}, "table");
    Parameter<T> moving({1}, "moving"), resting({1}, "resting");
    const auto optimizer = make({p, table}), alone = make({moving, resting});
    CAPTURE(std::string(optimizer->name()));
    CAPTURE(maker.weight_decay);
    for (const T g : {T(0), T(0.5), T(-2), T(0)}) {
      const Variable<T> slopes = Array<T>{g, g, 0};
      const auto swept = [](const auto& loss) {
        Tape<T> tape;
        return tape.backward(loss());
      };
      optimizer->step(swept([&] { return sum(p * slopes) + sum(take(table, {1}) * slopes); }));
      alone->step(swept([&] { return sum(moving * g) + sum(resting * 0); }));
      const T moved = moving.value()(0), rested = resting.value()(0);
      CHECK(std::isfinite(moved));
      CHECK((weight_decay > 0 || rested == 1));
      CHECK(p.value() == Array<T>{-infinity, moved, infinity});
      CHECK(table.value() == Array<T>{{-infinity, rested, infinity}, {-infinity, moved, infinity}});
    }
  }
}

TEST_CASE("what an optimizer divides by is neither NaN nor 0, however like the gradients are") {
  const nn::RMSpropOptions options{.alpha = 0.9, .centred = true};
  Parameter<float> p({1.0f}, "p");
  Parameter<double> q({1.0}, "q");
  nn::RMSprop<float> in_float({p}, options);
  nn::RMSprop<double> in_double({q}, options);
  for (int step = 0; step < 60; ++step) {
    Tape<float> tape;
    in_float.step(tape.backward(sum(p * 0.3f)));
    in_double.step(gradients_of({{q, {0.3}}}));
    CHECK(std::isfinite(p.value()(0)));
    CHECK(p.value()(0) == doctest::Approx(q.value()(0)).epsilon(1e-4));
  }
  in_double.step(gradients_of({{q, {1e200}}}));
  CHECK(std::isfinite(q.value()(0)));
}

TEST_CASE("weights of means that are hardly less than 1 are as precise in float as in double") {
  Parameter<float> p({0.0f}, "p");
  Parameter<double> q({0.0}, "q");
  const nn::AdamOptions options{.beta1 = 0.99999, .beta2 = 0.999999};
  nn::Adam<float> in_float({p}, options);
  nn::Adam<double> in_double({q}, options);
  Tape<float> tape;
  in_float.step(tape.backward(sum(p * 0.3f)));
  in_double.step(gradients_of({{q, {0.3}}}));
  CHECK(p.value()(0) == doctest::Approx(q.value()(0)).epsilon(1e-6));
}

TEST_CASE("gradients none of which is by a parameter of the optimizer are refused, unless it trains none") {
  Parameter<double> own({1.0}, "own"), other({1.0}, "other");
  nn::Adam<double> optimizer({own});
  const auto foreign = gradients_of({{other, {2.0}}});
  CHECK_THROWS_AS(optimizer.step(foreign), Error);
  CHECK_THROWS_AS(optimizer.step(Gradients<double>()), Error);
  CHECK(own.value()(0) == 1);
  optimizer.step(gradients_of({{own, {2.0}}, {other, {2.0}}}));
  CHECK(own.value()(0) != 1);
  own.freeze();
  optimizer.step(foreign);
  // A parameter on which the loss does not depend was recorded all the same.
  own.freeze(false);
  Tape<double> tape;
  tape.index_of(own);
  const double before = own.value()(0);
  optimizer.step(tape.backward(sum(other * 1)));
  CHECK(own.value()(0) == before);
}

TEST_CASE("one's own optimizer is its equation") {
  // Chen et al. (2023)
  struct Lion : nn::Optimizer<double> {
    explicit Lion(const nn::ParameterGroups<double>& parameters)
        : nn::Optimizer<double>("lion", parameters, 0.1, 0, {true}) {}
    void update(nn::Step<double> step) const override {
      nn::each<1>(step, [rate = step.learning_rate](double& x, double g, double& m) {
        x -= std::copysign(rate, 0.9 * m + 0.1 * g);
        m = 0.99 * m + 0.01 * g;
      });
    }
  };
  Parameter<double> p({1.0, 1.0}, "p");
  Lion optimizer({p});
  optimizer.step(gradients_of({{p, {5.0, -5.0}}}));
  optimizer.step(gradients_of({{p, {-1.0, 1e-9}}}));
  CHECK(difference(p.value(), Array<double>{1.0, 1.2}) < 1e-15);
}

TEST_CASE("what is taken from a table moves as if its gradient had all rows") {
  const auto steps = [](const auto& options, bool dense) {
    Random random(1);
    nn::Embedding<double> words({.count = 5, .size = 2}, random);
    std::unique_ptr<nn::Optimizer<double>> optimizer;
    if constexpr (std::is_same_v<std::decay_t<decltype(options)>, nn::SGDOptions>)
      optimizer = std::make_unique<nn::SGD<double>>(words.parameters(), options);
    else if constexpr (std::is_same_v<std::decay_t<decltype(options)>, nn::AdagradOptions>)
      optimizer = std::make_unique<nn::Adagrad<double>>(words.parameters(), options);
    else
      optimizer = std::make_unique<nn::Adam<double>>(words.parameters(), options);
    for (const Indices& tokens : {Indices{1, 3, 1}, Indices{4, 1}}) {
      Tape<double> tape;
      auto gradients = tape.backward(sum(exp(words(tokens))) + (dense ? 0 * sum(words.weight) : Variable<double>(0)));
      CHECK(gradients.find(words.weight)->of_rows() == !dense);
      nn::clip_norm(gradients, 1);
      optimizer->step(gradients);
    }
    return words.weight.value();
  };
  for (const double momentum : {0.0, 0.9})
    for (const double decay : {0.0, 0.1}) {
      const nn::SGDOptions options{.learning_rate = 0.1, .momentum = momentum, .weight_decay = decay};
      CHECK(difference(steps(options, false), steps(options, true)) < 1e-15);
    }
  for (const double decay : {0.0, 0.1})
    for (const double initial : {0.0, 0.5}) {
      const nn::AdagradOptions options{.learning_rate = 0.1, .weight_decay = decay, .initial = initial};
      CHECK(difference(steps(options, false), steps(options, true)) < 1e-15);
    }
  CHECK(difference(steps(nn::AdamOptions{}, false), steps(nn::AdamOptions{}, true)) < 1e-15);
}

TEST_CASE("an optimizer leaves a parameter without gradient, or a frozen one, as if there had been no step") {
  Parameter<double> a({1.0}, "a"), b({1.0}, "b"), c({1.0}, "c"), same({1.0}, "same");
  nn::Adam<double> optimizer({a, b, c}, {.learning_rate = 0.1, .weight_decay = 0.1});
  nn::Adam<double> alone({same}, {.learning_rate = 0.1, .weight_decay = 0.1});
  optimizer.step(gradients_of({{a, {2.0}}}));
  Gradients<double> gradients = gradients_of({{a, {2.0}}, {c, {2.0}}});
  c.freeze();
  optimizer.step(gradients);
  CHECK(a.value()(0) != 1);
  CHECK(b.value()(0) == 1);
  CHECK(c.value()(0) == 1);
  // Its first step is a first step, however many the others have made.
  optimizer.step(gradients_of({{b, {0.3}}}));
  alone.step(gradients_of({{same, {0.3}}}));
  CHECK(b.value()(0) == same.value()(0));
}

TEST_CASE("a gradient that is not finite is refused before anything changes") {
  for (const double bad : {not_a_number, infinity}) {
    Parameter<double> a({1.0, 2.0}, "a"), b({3.0}, "lstm.weight"), same({1.0, 2.0}, "same");
    nn::Adam<double> optimizer({a, b}, {.learning_rate = 0.1}), alone({same}, {.learning_rate = 0.1});
    Gradients<double> gradients = gradients_of({{a, {1.0, 1.0}}, {b, {bad}}});
    CHECK_THROWS_AS(optimizer.step(gradients), Error);
    CHECK_THROWS_AS(nn::clip_norm(gradients, 1.0), Error);
    CHECK(a.value() == Array<double>{1, 2});
    CHECK(b.value()(0) == 3);
    CHECK(gradients[a] == Array<double>{1, 1});
    optimizer.step(gradients_of({{a, {1.0, 1.0}}}));
    alone.step(gradients_of({{same, {1.0, 1.0}}}));
    CHECK(a.value() == same.value());
  }
}

TEST_CASE("clipping scales all gradients together, and only those with too large a norm") {
  const Parameter<double> a({0.0, 0.0}, "a"), b({0.0}, "b");
  Gradients<double> gradients = gradients_of({{a, {2.0, 3.0}}, {b, {6.0}}});
  CHECK(nn::clip_norm(gradients, 7.5) == 7);
  CHECK(gradients[b](0) == 6);
  CHECK(nn::clip_norm(gradients, 3.5) == 7);
  CHECK(gradients.norm() == doctest::Approx(3.5).epsilon(1e-6));
  CHECK(gradients[a](0) / gradients[b](0) == doctest::Approx(2.0 / 6));
  CHECK(gradients[a](1) / gradients[b](0) == doctest::Approx(3.0 / 6));
}

TEST_CASE("clipping by value moves each element into the limits") {
  const Parameter<double> a({0.0, 0.0, 0.0}, "a"), b({0.0}, "b");
  Gradients<double> gradients = gradients_of({{a, {2.0, -3.0, 0.5}}, {b, {-0.5}}});
  nn::clip_value(gradients, 0.5);
  CHECK(gradients[a] == Array<double>{0.5, -0.5, 0.5});
  CHECK(gradients[b](0) == -0.5);
  nn::clip_value(gradients, 0);
  CHECK(gradients[a] == Array<double>{0, 0, 0});
}

TEST_CASE("an average holds the mean of the last weights, and gives the model's own back") {
  Random random(1);
  nn::Linear<double> model({.input = 2, .output = 1, .bias = false}, random);
  Parameter<double> w = model.weight;
  w.assign(Array<double>{{1.0, -1.0}});
  nn::Average<double> average(model, 0.5);
  double mean = 1;
  for (int step = 0; step < 20; ++step) {
    w.assign(double(step) * Array<double>{{1.0, -1.0}});
    average.update();
    // The first steps count a ninth of what there has been.
    const double decay = std::min(0.5, (step + 1.0) / (step + 10.0));
    mean = decay * mean + (1 - decay) * step;
  }
  average.swap();
  CHECK(w.value()(0, 0) == doctest::Approx(mean));
  CHECK(w.value()(0, 1) == doctest::Approx(-mean));
  average.swap();
  CHECK(w.value() == Array<double>{{19.0, -19.0}});
}

TEST_CASE("an optimizer and an average are of several modules, each parameter once, and are saved") {
  Random random(1);
  const nn::Linear<double> a({.input = 2, .output = 1}, random), b({.input = 2, .output = 1}, random);
  const nn::Embedding<double> tied(a.weight);
  const auto all = nn::parameters(a, b, tied);
  CHECK(all.size() == 4);
  nn::Adam<double> adam(all);
  nn::Average<double> average(nn::parameters(a, b));
  const double before = b.weight.value()(0, 0);
  Tape<double> tape;
  adam.step(tape.backward(sum(a(A{{1, 2}}) * b(A{{3, 4}}))));
  average.update();
  CHECK(b.weight.value()(0, 0) != before);
  nn::Average<double> halves(nn::parameters(a, b), 0.5);
  std::vector<A> means;
  for (Parameter<double> p : nn::parameters(a, b)) {
    means.push_back(p.value() + 0.9);  // the first step counts nine tenths
    p.assign(p.value() + 1);
  }
  halves.update();
  halves.swap();
  for (std::size_t k = 0; k < means.size(); ++k) CHECK(difference(V(nn::parameters(a, b)[k]), V(means[k])) < 1e-15);
  std::set<std::string> names;
  std::size_t count = 0;
  adam.visit_state([&](const std::string& name, auto&) { names.insert(name), ++count; });
  CHECK(names.size() == count);
  nn::Checkpoint checkpoint;
  checkpoint.add("adam", adam);
}

TEST_CASE("learning rates fall by steps, or on a plateau") {
  const nn::StepSchedule steps({.start = 0.8, .every = 2, .factor = 0.5, .from = 3});
  const double expected[] = {0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1};
  for (std::size_t epoch = 0; epoch < std::size(expected); ++epoch)
    CHECK(steps(epoch) == doctest::Approx(expected[epoch]));
  CHECK(steps(most) == 0);
  CHECK(nn::StepSchedule({.start = 0, .factor = 2})(most) == 0);
  nn::PlateauSchedule plateau({.start = 0.8, .factor = 0.5, .patience = 1, .least = 0.3});
  // A loss that is not a number is no improvement.
  const std::pair<double, double> course[] = {
      {5, 0.8}, {4, 0.8}, {4, 0.8}, {4.5, 0.4}, {4, 0.4}, {3, 0.4}, {3, 0.4}, {not_a_number, 0.3}, {3, 0.3}, {3, 0.3}};
  for (const auto& [loss, rate] : course) CHECK(plateau(loss) == doctest::Approx(rate));
}

TEST_CASE("learning rates rise in a warm-up and fall along a cosine") {
  const nn::CosineSchedule cosine({.start = 0.8, .steps = 8, .warm_up = 4, .least = 0.2});
  const double half = std::sqrt(0.5);
  const double expected[] = {0.2, 0.4, 0.6, 0.8, 0.8, 0.5 + 0.3 * half, 0.5, 0.5 - 0.3 * half, 0.2, 0.2};
  for (std::size_t step = 0; step < std::size(expected); ++step) CHECK(cosine(step) == doctest::Approx(expected[step]));
  CHECK(nn::CosineSchedule({.start = 0.8, .steps = 2})(0) == 0.8);
  CHECK(cosine(most) == 0.2);
  CHECK(nn::CosineSchedule({.start = 0.8, .steps = most, .warm_up = most - 1})(most) == 0);
}

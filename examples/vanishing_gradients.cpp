// vanishing_gradients: how far back in time the gradients of RNN, GRU and LSTM reach, and what that lets them learn
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <unroll/nn/nn.hpp>

#include "support/adding_problem.hpp"
#include "support/format.hpp"
#include "support/gradients_over_time.hpp"
#include "support/picture.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

using namespace unroll;

struct Options {
  TrainingOptions training{.epochs = 25, .batch = 32, .learning_rate = 1e-2, .clip = 1};
  std::vector<std::size_t> lengths = {50};
  std::size_t hidden = 64, steps = 100;
  std::string picture = {};
};

/// A cell over time, and a sum read off its last state.
template <template <class> class Cell, class T>
struct Adder : nn::Module<T> {
  using State = typename Cell<T>::State;

  std::size_t hidden;
  Cell<T> cell;
  nn::Linear<T> sum;

  Adder(std::size_t size, const typename Cell<T>::Options& options, Random& random)
      : hidden(size), cell({.input = 2, .hidden = size}, options, random), sum({.input = size, .output = 1}, random) {
    this->add("cell", cell);
    this->add("sum", sum);
  }
  /// The state after every step.
  std::vector<State> states(const Variable<T>& x) const {
    State start;
    start.fill(zeros<T>({x.shape()[1], hidden}));
    return nn::unroll(cell, x, start);
  }
  Variable<T> loss(const std::vector<State>& states, const Variable<T>& target) const {
    return nn::mean_squared_error(sum(states.back()[0]), target);
  }
};

/// ‖∂loss/∂h_t‖ against t, off the tape: a state is no parameter, but it was recorded. In double, since float has no
/// numbers for what is left after some hundred steps.
template <template <class> class Cell>
Curve gradient_norms(const Adder<Cell, double>& model, const AddingProblem<double>& data) {
  Tape<double> tape;
  const auto states = model.states(data.x);
  std::vector<Variable<double>> h;
  for (const auto& state : states) h.push_back(state[0]);
  Curve norms;
  for (const auto& gradient : tape.gradient(model.loss(states, data.target), h)) {
    const double most = xt::amax(xt::abs(gradient.value()))();  // even double has no numbers for its square
    norms.add(double(norms.x.size() + 1), most == 0 ? 0 : most * norm(gradient / most).item());
  }
  return norms;
}

/// A model of any cell that learns sequences of one length.
struct Learner {
  std::string name;
  std::size_t time;
  std::shared_ptr<const nn::Module<float>> model;
  std::function<Variable<float>(const AddingProblem<float>&)> loss;
  std::function<Curve(const AddingProblem<double>&)> norms;
};

template <template <class> class Cell>
Learner learner(const std::string& name, std::size_t time, const Options& o,
                const typename Cell<float>::Options& cell = {}) {
  Random weights(o.training.seed);
  const auto model = std::make_shared<Adder<Cell, float>>(o.hidden, cell, weights);
  const auto exact = std::make_shared<Adder<Cell, double>>(o.hidden, cell, weights);
  return {name, time, model,
          [=](const AddingProblem<float>& data) { return model->loss(model->states(data.x), data.target); },
          [=](const AddingProblem<double>& data) {
            exact->copy_from(*model);
            return gradient_norms(*exact, data);
          }};
}

/// Models that learn side by side and share nothing.
struct Learners : nn::Module<float> {
  std::vector<Learner> all;

  explicit Learners(const Options& o) {
    for (const std::size_t time : o.lengths) {
      all.push_back(learner<nn::ElmanCell>("RNN", time, o));
      all.push_back(learner<nn::GRUCell>("GRU", time, o));
      all.push_back(learner<nn::LSTMCell>("LSTM", time, o));
      all.push_back(learner<nn::LSTMCell>("LSTM, forget bias 1", time, o, {.forget_bias = 1.0}));
    }
    for (std::size_t k = 0; k < all.size(); ++k) add(std::to_string(k), *all[k].model);
  }
};

void run(CLI::App& app, const Options& o) {
  const TrainingOptions& t = o.training;
  read_options(app, t);
  require_distinct("--lengths", o.lengths);
  if (!o.picture.empty()) require_picture(o.picture);
  Learners learners(o);
  if (!t.load.empty()) nn::load_safetensors(t.load, learners);
  const bool trained = trains(app);
  Random random(t.seed), tests = random.split();
  std::map<std::size_t, AddingProblem<double>> sequences;
  std::map<std::size_t, AddingProblem<float>> unseen;
  for (const std::size_t time : o.lengths) {
    sequences.emplace(time, AddingProblem<double>(time, 100, tests));
    unseen.emplace(time, AddingProblem<float>(time, 1000, tests));
  }
  std::vector<Measured> measured;
  std::vector<std::string> columns;
  for (const Learner& one : learners.all) {
    const Curve now = trained ? one.norms(sequences.at(one.time)) : Curve();
    measured.push_back({.model = one.name, .time = one.time, .before = now});
    columns.push_back(one.name + (o.lengths.size() > 1 ? formatted(" T=%zu", one.time) : ""));
  }

  nn::Adam<float> optimizer(learners.parameters());
  Training training({.app = app,
                     .options = t,
                     .model = learners,
                     .optimizer = optimizer,
                     .random = random,
                     .description = model_options(app),
                     .unit = "steps",
                     .columns = columns});
  std::vector<double> errors(learners.all.size());  // in this epoch, added up
  training.checkpoint.add("errors", errors);
  const nn::CosineSchedule schedule({.start = t.learning_rate, .steps = t.epochs * o.steps});
  const auto batches = [&] {
    std::vector<Training::Batch> numbers;
    for (std::size_t k = 0; k < o.steps; ++k) numbers.push_back({k});
    return numbers;
  };
  const auto step = [&](const Training::Batch& number) -> Training::Loss {
    // No sequence is seen twice, so the errors are those on sequences that are new.
    std::map<std::size_t, AddingProblem<float>> data;
    for (const std::size_t time : o.lengths) data.emplace(time, AddingProblem<float>(time, t.batch, random));
    optimizer.learning_rate = schedule(training.epoch() * o.steps + number[0]);
    const std::vector<double> losses = training.descend_each(
        learners.all.size(), [&](std::size_t k) { return learners.all[k].loss(data.at(learners.all[k].time)); });
    std::ranges::transform(errors, losses, errors.begin(), std::plus());
    return {std::accumulate(losses.begin(), losses.end(), 0.0) / double(losses.size()), 1};
  };
  const auto measure = [&] {
    std::vector<double> means;
    for (double& error : errors) means.push_back(std::exchange(error, 0) / double(o.steps));
    return means;
  };
  if (!trained)
    std::cout << "seed " << t.seed << std::endl;
  else if (!training.run({batches, step, measure}))
    return;
  for (std::size_t k = 0; k < measured.size(); ++k) {
    const Learner& one = learners.all[k];
    measured[k].after = one.norms(sequences.at(one.time));
    measured[k].errors = training.curve(k, double(o.steps));
    measured[k].test_error = double(one.loss(unseen.at(one.time)).item());
  }
  print(std::cout, measured, o.lengths);
  if (!o.picture.empty()) draw(o.picture, panels_of(measured, o.lengths.back()));
}

int main(int argc, char** argv) {
  CLI::App app("Compares the gradients of RNN, GRU and LSTM over time, and what they learn of the adding problem.",
               "vanishing_gradients");
  Options o;
  add_file(app, "--picture", o.picture, "where to draw gradients and errors, as png, svg or pdf");
  add_option(app, model_group, "--hidden", o.hidden, "units of each model")->check(positive);
  add_option(app, model_group, "--lengths", o.lengths, "of the sequences; gradients are shown for the last")
      ->check(between(2, 10000));
  add_option(app, training_group, "--steps", o.steps, "batches in an epoch")->check(positive);
  add_training_options(app, o.training);
  app.remove_option(app.get_option("--shares"));  // one for each model
  return run_program(app, argc, argv, [&] { run(app, o); });
}

// vanishing_gradients: how far back in time the gradients of RNN, GRU and LSTM reach, and what that lets them learn
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <unroll/nn/nn.hpp>

#include "support/picture.hpp"
#include "support/text.hpp"
#include "support/training.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  TrainingOptions training{.epochs = 20, .batch = 32, .learning_rate = 1e-2, .clip = 1};
  std::vector<std::size_t> lengths = {50};
  std::size_t hidden = 64, steps = 100, seeds = 3;
  std::string picture = {};
};

/// The adding problem: of numbers in [0, 1] one in each half is marked, and the sum of these two is wanted at the end.
/// Hochreiter and Schmidhuber (1997), in the form of Arjovsky et al. (2016)
template <class T> struct AddingProblem {
  Array<T> x;       ///< (time, batch, 2), a number and its mark
  Array<T> target;  ///< (batch, 1)

  AddingProblem(std::size_t time, std::size_t batch, Random& random)
      : x(zeros<T>({time, batch, 2}).value()), target(zeros<T>({batch, 1}).value()) {
    for (std::size_t k = 0; k < batch; ++k) {
      for (std::size_t t = 0; t < time; ++t) x(t, k, 0) = T(random.uniform());
      for (const std::size_t t : {random.below(time / 2), time / 2 + random.below(time - time / 2)}) {
        x(t, k, 1) = 1;
        target(k, 0) += x(t, k, 0);
      }
    }
  }
};

/// A cell over time, and a sum read off its last state.
template <template <class> class Cell, class T> struct Adder : nn::Module<T> {
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

/// A model of any cell that learns sequences of one length, from start values of its own.
struct Learner {
  std::string name;
  std::size_t time, seed;
  std::shared_ptr<const nn::Module<float>> network;
  std::function<Variable<float>(const AddingProblem<float>&)> loss;
  std::function<Curve(const AddingProblem<double>&)> norms_now;
  Curve before = {}, after = {};  ///< the norm of the gradient by the state of each step, before and after training
  Curve errors = {};              ///< against the step of the training
  double test_error = 0;
};

template <template <class> class Cell>
Learner learner(const std::string& name, std::size_t time, std::size_t seed, const Options& o,
                const typename Cell<float>::Options& cell = {}) {
  Random weights(o.training.seed + seed);
  const auto model = std::make_shared<Adder<Cell, float>>(o.hidden, cell, weights);
  const auto exact = std::make_shared<Adder<Cell, double>>(o.hidden, cell, weights);
  return {name,
          time,
          seed,
          model,
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
    for (const std::size_t time : o.lengths)
      for (std::size_t seed = 0; seed < o.seeds; ++seed) {
        all.push_back(learner<nn::ElmanCell>("RNN", time, seed, o));
        all.push_back(learner<nn::GRUCell>("GRU", time, seed, o));
        all.push_back(learner<nn::LSTMCell>("LSTM", time, seed, o));
        all.push_back(learner<nn::LSTMCell>("LSTM, forget bias 1", time, seed, o, {.forget_bias = 1.0}));
      }
    for (std::size_t k = 0; k < all.size(); ++k) add(std::to_string(k), *all[k].network);
  }
};

/// The learners of one length and one name, which differ by their start values.
using Runs = std::vector<const Learner*>;

/// The runs of one length, by name in the order of the learners.
std::vector<Runs> runs_of(const std::vector<Learner>& all, std::size_t time) {
  std::vector<Runs> result;
  for (const Learner& one : all) {
    if (one.time != time) continue;
    const auto same = std::ranges::find(result, one.name, [](const Runs& runs) { return runs[0]->name; });
    (same == result.end() ? result.emplace_back() : *same).push_back(&one);
  }
  return result;
}

Curve curve_of(const Runs& runs, Curve Learner::*curve) {
  std::vector<Curve> all;
  for (const Learner* one : runs) all.push_back(one->*curve);
  return band_of(runs[0]->name, all);
}

/// Prints some of the norms of the learners of one length, medians of their runs.
void print_norms(const std::vector<Learner>& all, std::size_t time) {
  constexpr std::size_t columns = 6;
  const auto index = [&](std::size_t column) { return column * (time - 1) / (columns - 1); };
  std::cout << "\nNorm of ∂loss/∂h_t at T = " << time << formatted("\n%-28s", "");
  for (std::size_t k = 0; k < columns; ++k)
    std::cout << formatted("%10s", ("t = " + std::to_string(index(k) + 1)).c_str());
  for (auto [when, curve] : {std::pair("before", &Learner::before), std::pair("after", &Learner::after)})
    for (const Runs& runs : runs_of(all, time)) {
      const Curve norms = curve_of(runs, curve);
      if (norms.y.empty()) continue;  // a model that was loaded and not trained has no time before
      std::cout << formatted("\n%-8s%-20s", std::exchange(when, ""), norms.name.c_str());
      for (std::size_t k = 0; k < columns; ++k) std::cout << formatted("%10.0e", norms.y[index(k)]);
    }
  std::cout << std::endl;
}

/// Prints the test errors at all lengths, and how many have learned to add.
void print_errors(const std::vector<Learner>& all, const std::vector<std::size_t>& lengths) {
  // The variance of the sum of two numbers from [0, 1] is 1/6.
  std::cout << "\nMean squared error on new sequences, median (least-most), and how many runs are below 0.01;\n"
            << formatted("%-28s", "always to answer 1: 0.167");
  for (const std::size_t time : lengths) std::cout << formatted("  T = %-28zu", time);
  for (std::size_t k = 0; k < runs_of(all, lengths[0]).size(); ++k)
    for (const std::size_t time : lengths) {
      const Runs runs = runs_of(all, time)[k];
      std::vector<double> errors;
      for (const Learner* one : runs) errors.push_back(one->test_error);
      const Spread spread(errors);
      if (time == lengths[0]) std::cout << formatted("\n        %-20s", runs[0]->name.c_str());
      std::cout << formatted("  %.4f (%.4f-%.4f)  %zd of %zu ", spread.median, spread.least, spread.most,
                             std::ranges::count_if(errors, [](double error) { return error < 0.01; }), errors.size());
    }
  std::cout << std::endl;
}

/// Both kinds of norms and the errors at this length.
std::vector<Panel> panels_of(const std::vector<Learner>& all, std::size_t time) {
  std::vector<Panel> panels;
  const auto add = [&](const std::string& title, const char* x, const char* y, Curve Learner::*curve) {
    Panel& panel = panels.emplace_back(Panel{title + formatted(", T = %zu", time), x, y, {}, true});
    for (const Runs& runs : runs_of(all, time)) panel.curves.push_back(curve_of(runs, curve));
  };
  add("Gradients before training", "t", "‖∂loss/∂hₜ‖", &Learner::before);
  add("Gradients after training", "t", "‖∂loss/∂hₜ‖", &Learner::after);
  add("Adding problem", "training step", "mean squared error", &Learner::errors);
  return panels;
}

void run(CommandLine& line, const Options& o) {
  const TrainingOptions& t = o.training;
  read_options(line, t);
  require_distinct("--lengths", o.lengths);
  if (!o.picture.empty()) require_picture(o.picture);
  Learners learners(o);
  if (!t.load.empty()) nn::load_safetensors(t.load, learners);
  const bool trained = trains(line);
  Random random(t.seed), tests = random.split();
  std::map<std::size_t, AddingProblem<double>> sequences;
  std::map<std::size_t, AddingProblem<float>> unseen;
  for (const std::size_t time : o.lengths) {
    sequences.emplace(time, AddingProblem<double>(time, 100, tests));
    unseen.emplace(time, AddingProblem<float>(time, 1000, tests));
  }
  std::vector<std::string> columns;
  for (Learner& one : learners.all) {
    if (trained) one.before = one.norms_now(sequences.at(one.time));
    columns.push_back(one.name + (o.lengths.size() > 1 ? formatted(" T=%zu", one.time) : "") +
                      (o.seeds > 1 ? formatted(" run %zu", one.seed + 1) : ""));
  }

  nn::Adam<float> optimizer(learners.parameters());
  Training training(line, t, learners, optimizer, random,
                    {.description = model_options(line), .unit = "steps", .columns = columns});
  std::vector<double> errors(learners.all.size());  // in this epoch, added up
  training.checkpoint.add("errors", errors);
  const nn::CosineSchedule schedule({.start = t.learning_rate, .steps = t.epochs * o.steps});
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
  else if (!training.run(o.steps, step, measure))
    return;
  for (std::size_t k = 0; k < learners.all.size(); ++k) {
    Learner& one = learners.all[k];
    one.after = one.norms_now(sequences.at(one.time));
    one.errors = training.curve(k + 1, double(o.steps));
    one.test_error = double(one.loss(unseen.at(one.time)).item());
  }
  print_norms(learners.all, o.lengths.back());
  print_errors(learners.all, o.lengths);
  if (!o.picture.empty()) draw(o.picture, panels_of(learners.all, o.lengths.back()));
}

int main(int argc, char** argv) {
  CommandLine line("vanishing_gradients",
                   "Compares the gradients of RNN, GRU and LSTM over time, and what they learn of the adding problem.");
  Options o;
  line.add_file("--picture", o.picture, "where to draw gradients and errors, as png, svg or pdf");
  line.group(model_group);
  line.add("--hidden", o.hidden, "units of each model", positive);
  line.add("--seeds", o.seeds, "models of a kind, which differ by their start values", between(1, 100));
  line.add("--lengths", o.lengths, "of the sequences; gradients are shown for the last", between(2, 10000));
  line.group(training_group);
  line.add("--steps", o.steps, "batches in an epoch", positive);
  add_training_options(line, o.training);
  line.remove("--shares");  // one for each model
  return line.run(argc, argv, [&] { run(line, o); });
}

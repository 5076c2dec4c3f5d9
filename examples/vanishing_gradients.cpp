// vanishing_gradients: how far back in time the gradients of RNN, GRU and LSTM reach, and what that lets them learn
#include <algorithm>
#include <cmath>
#include <iostream>
#include <mutex>
#include <nn/nn.hpp>

#include "support/adding_problem.hpp"
#include "support/format.hpp"
#include "support/gradients_over_time.hpp"
#include "support/interrupt.hpp"
#include "support/picture.hpp"
#include "support/program.hpp"
#include "support/progress.hpp"
#include "support/training.hpp"

using namespace unroll;

struct Options {
  std::vector<std::size_t> lengths = {50};
  std::size_t hidden = 64, steps = 2500, batch = 32;
  double learning_rate = 1e-2;
  std::uint64_t seed = 1;
  std::string plot = {}, log = {};
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
  for (const auto& gradient : tape.gradient(model.loss(states, data.target), h))
    norms.add(double(norms.x.size() + 1), norm(gradient).item());
  return norms;
}

/// Is told after each step how far a training is; says whether to go on.
using Tick = std::function<bool(const std::string&)>;

/// The error against the step. No sequence is seen twice, so it is one on sequences that are new.
template <template <class> class Cell>
Curve train(Adder<Cell, float>& model, const Options& options, std::size_t time, Random& random, const Tick& tick) {
  nn::Adam<float> optimizer(model.parameters());
  const nn::CosineSchedule schedule({.start = options.learning_rate, .steps = options.steps});
  const double every = std::max(1.0, std::floor(double(options.steps) / 100));
  Curve errors;
  double sum = 0, count = 0;
  for (std::size_t step = 1; step <= options.steps; ++step) {
    const AddingProblem<float> batch(time, options.batch, random);
    Tape<float> tape;
    const auto loss = model.loss(model.states(batch.x), batch.target);
    auto gradients = tape.backward(loss);
    nn::clip_norm(gradients, 1.0);
    optimizer.learning_rate = schedule(step - 1);
    optimizer.step(gradients);
    sum += loss.item();
    ++count;
    const bool goes_on = tick(formatted("step %zu  error %.4f", step, loss.item()));
    if (count == every || !goes_on) errors.add(double(step), std::exchange(sum, 0) / std::exchange(count, 0));
    if (!goes_on) break;
  }
  return errors;
}

/// Measures one model at one T: before, during and after its training.
template <template <class> class Cell>
Measured measure(const Options& options, const typename Cell<float>::Options& cell, std::size_t time,
                 const Tick& tick) {
  Random weights(options.seed), data = weights.split();  // the same sequences for all models
  Adder<Cell, float> model(options.hidden, cell, weights);
  Adder<Cell, double> exact(options.hidden, cell, weights);
  const AddingProblem<double> sequences(time, 100, data);
  const AddingProblem<float> test(time, 1000, data);
  exact.copy_from(model);
  Measured result{.time = time, .before = gradient_norms(exact, sequences)};
  result.errors = train(model, options, time, data, tick);
  exact.copy_from(model);
  result.after = gradient_norms(exact, sequences);
  result.test_error = model.loss(model.states(test.x), test.target).item();
  return result;
}

Measured measure(const Options& options, const std::string& model, std::size_t time, const Tick& tick) {
  if (model == "RNN") return measure<nn::ElmanCell>(options, {}, time, tick);
  if (model == "GRU") return measure<nn::GRUCell>(options, {}, time, tick);
  return measure<nn::LSTMCell>(options, {.forget_bias = model == "LSTM" ? 0.0 : 1.0}, time, tick);
}

/// All models at every T, side by side.
std::vector<Measured> run(const Options& options) {
  const std::vector<std::string> models = {"RNN", "GRU", "LSTM", "LSTM, forget bias 1"};
  std::vector<Measured> all(options.lengths.size() * models.size());
  double total = 0, done = 0;
  for (const std::size_t time : options.lengths) total += double(time * options.steps * models.size());
  const Interrupt interrupted;
  Progress progress(std::cout, "time steps");
  std::mutex mutex;
  in_parallel(all.size(), 0, [&](std::size_t job) {
    // The last first: no thread shall be left with an LSTM over the longest sequences.
    const std::size_t k = all.size() - 1 - job, time = options.lengths[k / models.size()];
    const std::string name = formatted("T = %-4zu %-20s", time, models[k % models.size()].c_str());
    all[k] = measure(options, models[k % models.size()], time, [&](const std::string& what) {
      const std::lock_guard lock(mutex);
      progress.advance(double(time), (done += double(time)) / total, name + what);
      return !interrupted;
    });
    all[k].model = models[k % models.size()];
    const std::lock_guard lock(mutex);
    progress.print(name + formatted("error %.4f", all[k].test_error));
  });
  if (interrupted) std::cout << "interrupted; this is how far the models came" << std::endl;
  return all;
}

int main(int argc, char** argv) {
  CLI::App app("Compares the gradients of RNN, GRU and LSTM over time, and what they learn", "vanishing_gradients");
  Options options;
  const auto add = [&](const char* name, auto& value, const char* what) {
    return app.add_option(name, value, what)->capture_default_str();
  };
  add("--lengths", options.lengths, "of the sequences; gradients are shown of the last")->check(CLI::Range(2, 10000));
  add("--hidden", options.hidden, "units")->check(positive);
  add("--steps", options.steps, "batches to train on")->check(positive);
  add("--batch", options.batch, "sequences in a batch")->check(positive);
  add("--learning-rate", options.learning_rate, "of the first batch; it falls to 0")->check(positive);
  add("--seed", options.seed, "of all random numbers")->check(natural);
  add_file(app, "--log", options.log, "where to put all that was measured, as CSV");
  add_file(app, "--plot", options.plot, "where to draw it, as png, svg or pdf");
  return run_program(app, argc, argv, [&] {
    if (!options.log.empty()) require_writable(options.log, {});
    if (!options.plot.empty()) require_picture(options.plot);
    std::cout << "seed " << options.seed << std::endl;
    const std::vector<Measured> all = run(options);
    print(std::cout, all, options.lengths);
    if (!options.log.empty()) write_log(options.log, all);
    if (!options.plot.empty()) draw(options.plot, panels_of(all, options.lengths.back()));
  });
}

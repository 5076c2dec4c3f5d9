// vanishing_gradients: how far back in time the gradients of RNN, GRU and LSTM reach, and what that lets them learn
#include <functional>
#include <iostream>
#include <memory>
#include <unroll/nn/nn.hpp>

#include "support/learners.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  ExperimentOptions experiment{.training = {.epochs = 20, .batch = 32, .learning_rate = 1e-2, .clip = 1}};
  std::vector<std::size_t> lengths = {50};
  std::size_t hidden = 64;
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

/// An adder of any cell.
struct AnyAdder : nn::Module<float> {
  std::function<Variable<float>(const AddingProblem<float>&)> loss;
  std::function<Curve(const AddingProblem<double>&)> norms;
  Curve before = {}, after = {};  ///< these norms before and after training

  template <template <class> class Cell>
  static AnyAdder of(std::size_t hidden, Random& random, const typename Cell<float>::Options& options = {}) {
    const auto model = std::make_shared<Adder<Cell, float>>(hidden, options, random);
    const auto exact = std::make_shared<Adder<Cell, double>>(hidden, options, random);
    AnyAdder result;
    result.add("adder", *model);
    result.loss = [=](const AddingProblem<float>& data) { return model->loss(model->states(data.x), data.target); };
    result.norms = [=](const AddingProblem<double>& data) {
      exact->copy_from(*model);
      return gradient_norms(*exact, data);
    };
    return result;
  }
};
using Adders = Learners<AnyAdder>;

/// The kinds of adders, by name.
using Make = AnyAdder (*)(std::size_t hidden, Random& random);
const std::vector<std::pair<std::string, Make>> adders{
    {"RNN", [](std::size_t hidden, Random& random) { return AnyAdder::of<nn::ElmanCell>(hidden, random); }},
    {"GRU", [](std::size_t hidden, Random& random) { return AnyAdder::of<nn::GRUCell>(hidden, random); }},
    {"LSTM", [](std::size_t hidden, Random& random) { return AnyAdder::of<nn::LSTMCell>(hidden, random); }},
    {"LSTM, bias 1", [](std::size_t hidden, Random& random) {
       return AnyAdder::of<nn::LSTMCell>(hidden, random, {.forget_bias = 1});
     }}};

/// Curves of all kinds of learners of the last length, bands over their runs.
template <class CurveOf>
Panel panel_of(const Adders& all, const std::string& title, const char* x, const char* y, const CurveOf& curve) {
  Panel panel{title + ", " + all.settings.back(), x, y, {}, true};
  for (std::size_t kind = 0; kind < all.kinds.size(); ++kind)
    panel.curves.push_back(band_of(all.kinds[kind], all.each(kind, all.settings.size() - 1, curve)));
  return panel;
}

/// Prints some of the norms in a panel, the medians.
void print_norms(const Panel& panel, std::size_t time) {
  constexpr std::size_t columns = 6;
  std::vector<std::vector<std::string>> table{{panel.title}};
  for (const Curve& norms : panel.curves) table.push_back({norms.name});
  for (std::size_t k = 0; k < columns; ++k) {
    const std::size_t index = k * (time - 1) / (columns - 1);
    table[0].push_back(formatted("t = %zu", index + 1));
    for (std::size_t kind = 0; kind < panel.curves.size(); ++kind)
      table[kind + 1].push_back(formatted("%.0e", panel.curves[kind].y[index]));
  }
  std::cout << '\n' << table_of(table) << std::flush;
}

/// Prints the test errors at all lengths, and how many have learned to add.
void print_errors(const Adders& all, const std::vector<AddingProblem<float>>& unseen) {
  // The variance of the sum of two numbers from [0, 1] is 1/6.
  std::cout << "\nMean squared error on new sequences, median (least-most), and how many runs are below 0.01\n";
  std::vector<std::vector<std::string>> table{{"always to answer 1: 0.167"}};
  for (const std::string& kind : all.kinds) table.push_back({kind});
  for (std::size_t k = 0; k < all.settings.size(); ++k) {
    table[0].insert(table[0].end(), {all.settings[k], ""});
    for (std::size_t kind = 0; kind < all.kinds.size(); ++kind) {
      const std::vector<double> errors =
          all.each(kind, k, [&](const Adders::One& one) { return double(one.model.loss(unseen[k]).item()); });
      const auto learned = std::ranges::count_if(errors, [](double error) { return error < 0.01; });
      table[kind + 1].insert(table[kind + 1].end(),
                             {text_of(Spread(errors), 2), formatted("%zd of %zu", learned, errors.size())});
    }
  }
  std::cout << table_of(table) << std::flush;
}

void run(CommandLine& line, const Options& o) {
  const TrainingOptions& t = o.experiment.training;
  const std::string& picture = o.experiment.picture;
  read_options(line, t);
  require_distinct("--lengths", o.lengths);
  if (!picture.empty()) require_picture(picture);
  std::vector<std::string> kinds, settings;
  for (const auto& [name, make] : adders) kinds.push_back(name);
  for (const std::size_t time : o.lengths) settings.push_back(formatted("T = %zu", time));
  Adders all(kinds, settings, o.experiment,
             [&](std::size_t kind, std::size_t, Random& weights) { return adders[kind].second(o.hidden, weights); });
  Random tests = Random(0).split();
  std::vector<AddingProblem<double>> sequences;
  std::vector<AddingProblem<float>> unseen;
  for (const std::size_t time : o.lengths) {
    sequences.emplace_back(time, 100, tests);
    unseen.emplace_back(time, 1000, tests);
  }
  for (Adders::One& one : all.all) one.model.before = one.model.norms(sequences[one.setting]);
  // No sequence is seen twice.
  const auto loss = [&](Adders::One& one) {
    return one.model.loss(AddingProblem<float>(o.lengths[one.setting], t.batch, one.data));
  };
  const auto measure = [&](const Adders::One& one) { return double(one.model.loss(unseen[one.setting]).item()); };
  if (!all.train(line, o.experiment, {}, "error on new sequences", loss, measure)) return;

  std::vector<Panel> panels;
  for (Adders::One& one : all.all) one.model.after = one.model.norms(sequences[one.setting]);
  const auto add = [&](const char* title, const char* x, const char* y, const auto& curve) -> const Panel& {
    return panels.emplace_back(panel_of(all, title, x, y, curve));
  };
  print_norms(
      add("Gradients before training", "t", "‖∂loss/∂hₜ‖", [](const Adders::One& one) { return one.model.before; }),
      o.lengths.back());
  print_norms(
      add("Gradients after training", "t", "‖∂loss/∂hₜ‖", [](const Adders::One& one) { return one.model.after; }),
      o.lengths.back());
  print_errors(all, unseen);
  add("Adding problem", "training step", "mean squared error",
      [&](const Adders::One& one) { return one.curve(o.experiment.steps); });
  if (!picture.empty()) draw(picture, panels);
}

int main(int argc, char** argv) {
  CommandLine line("vanishing_gradients",
                   "Compares the gradients of RNN, GRU and LSTM over time, and what they learn of the adding problem.");
  Options o;
  line.group(model_group);
  line.add("--hidden", o.hidden, "units of each model", positive);
  line.add("--lengths", o.lengths, "of the sequences; gradients are shown for the last", between(2, 10000));
  add_experiment_options(line, o.experiment, "gradients and errors");
  return line.run(argc, argv, [&] { run(line, o); });
}

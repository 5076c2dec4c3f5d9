#pragma once

#include <deque>
#include <numeric>
#include <string>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "training.hpp"

namespace unroll::examples {

/// What an experiment can be told.
struct ExperimentOptions {
  TrainingOptions training = {.batch = 32, .learning_rate = 1e-2, .clip = 1};
  std::size_t steps = 100, seeds = 3;
  std::string picture = {};
};

/// Adds these options. The picture is of `what`.
void add_experiment_options(CommandLine& line, ExperimentOptions& options, const std::string& what);

/// "0.5 (0.25-1)", or one number if all are the same, with so many digits.
std::string text_of(const Spread& spread, int digits = 3);

/// The time that this thread has worked, in seconds: what others do on the same processor is not in it.
double thread_seconds();

/// A model of a kind that learns in a setting, and one of several runs, which differ by their random numbers alone.
template <class Model> struct Learner {
  std::size_t kind, setting, run;
  Random data;  ///< draws what it learns from; those of a run are given the same
  Model model;
  std::size_t steps = 0, ended = 0;   ///< made so far; whether it makes no more
  std::vector<double> measured = {};  ///< at the end of each epoch
  double seconds = 0;                 ///< of work in the forward and backward passes that this process has made,
  std::size_t timed = 0;              ///< so many of them

  /// What was measured against the step, of which an epoch has so many.
  Curve curve(std::size_t steps) const {
    Curve result;
    for (std::size_t k = 0; k < measured.size(); ++k) result.add(double((k + 1) * steps), measured[k]);
    return result;
  }
};

/// Models that learn side by side and share nothing, so that adding one changes none of the others.
template <class Model> class Learners : public nn::Module<float> {
 public:
  using One = Learner<Model>;

  std::vector<std::string> kinds, settings;  ///< their names
  std::deque<One> all;

  /// make(kind, setting, random) draws a model.
  template <class Make>
  Learners(const std::vector<std::string>& of_kinds, const std::vector<std::string>& of_settings,
           const ExperimentOptions& o, const Make& make)
      : kinds(of_kinds), settings(of_settings) {
    for (std::size_t setting = 0; setting < settings.size(); ++setting)
      for (std::size_t kind = 0; kind < kinds.size(); ++kind)
        for (std::size_t run = 0; run < o.seeds; ++run) {
          Random data(o.training.seed + run), weights = data.split();
          One& one = all.emplace_back(One{kind, setting, run, data, make(kind, setting, weights)});
          add(formatted("%zu.%zu.%zu", setting, kind, run), one.model);
        }
  }

  /// f of each run of a kind in a setting, unless it is to be left out.
  template <class F, class Which = bool (*)(const One&)>
  auto each(
      std::size_t kind, std::size_t setting, const F& f, const Which& which = [](const One&) { return true; }) const {
    std::vector<decltype(f(all[0]))> values;
    for (const One& one : all)
      if (one.kind == kind && one.setting == setting && which(one)) values.push_back(f(one));
    return values;
  }

  /// Trains those that have not ended, each against loss(learner), and measures all at the end of an epoch by
  /// measure(learner), which may end it; the log has all of these numbers, called `what`. false if Ctrl-C was pressed.
  template <class Loss, class Measure>
  bool train(const CommandLine& line, const ExperimentOptions& o, TrainingSetup setup, const std::string& what,
             const Loss& loss, const Measure& measure) {
    require(ranks().count() == 1, "mpirun", ranks().count(), " ranks; the models of an experiment learn on one");
    setup.description = model_options(line);
    setup.unit = "steps";
    setup.columns = {what};
    setup.shown = 1;
    for (const One& one : all)
      setup.columns.push_back(kinds[one.kind] + ", " + settings[one.setting] + formatted(", run %zu", one.run + 1));
    nn::Adam<float> optimizer(parameters());
    Random random(o.training.seed);
    Training training(line, o.training, *this, optimizer, random, setup);
    for (std::size_t k = 0; k < all.size(); ++k) {
      const std::string name = formatted("learner%zu.", k);
      training.checkpoint.add(name + "data", all[k].data);
      training.checkpoint.add(name + "steps", all[k].steps);
      training.checkpoint.add(name + "ended", all[k].ended);
      training.checkpoint.add(name + "measured", all[k].measured);
    }
    const auto step = [&](const Training::Batch&) -> Training::Loss {
      std::vector<One*> open;
      for (One& one : all)
        if (!one.ended) open.push_back(&one);
      std::vector<double> losses(open.size());
      std::vector<Gradients<float>> gradients(open.size());
      in_parallel(open.size(), o.training.threads, [&](std::size_t k) {
        One& one = *open[k];
        const double start = thread_seconds();
        Tape<float> tape(one.data);
        const Variable<float> of_batch = loss(one);
        gradients[k] = tape.backward(of_batch);
        if (o.training.clip > 0) nn::clip_norm(gradients[k], o.training.clip);
        losses[k] = double(of_batch.item());
        one.seconds += thread_seconds() - start;
        ++one.steps;
        ++one.timed;
      });
      for (std::size_t k = 1; k < open.size(); ++k) gradients[0] += gradients[k];
      optimizer.step(gradients.at(0));
      return {std::accumulate(losses.begin(), losses.end(), 0.0), double(open.size())};
    };
    const auto measure_all = [&] {
      in_parallel(all.size(), o.training.threads, [&](std::size_t k) { all[k].measured.push_back(measure(all[k])); });
      if (std::ranges::all_of(all, [](const One& one) { return one.ended; })) training.stop();
      std::vector<double> row{0};
      for (const One& one : all) {
        row.push_back(one.measured.back());
        row[0] += row.back() / double(all.size());
      }
      return row;
    };
    return training.run(o.steps, step, measure_all);
  }
};

}  // namespace unroll::examples

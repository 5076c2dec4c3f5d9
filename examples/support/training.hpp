#pragma once

#include <functional>
#include <iostream>
#include <string>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "options.hpp"
#include "picture.hpp"
#include "progress.hpp"

/// What some rows have, as indices.
template <class Number>
unroll::Indices pick(const std::vector<Number>& values, const std::vector<std::size_t>& rows) {
  unroll::Indices result = unroll::Indices::from_shape({rows.size()});
  for (std::size_t k = 0; k < rows.size(); ++k) result(k) = static_cast<std::int64_t>(values.at(rows[k]));
  return result;
}

/// What a training is about.
struct TrainingSetup {
  CLI::App& app;
  const TrainingOptions& options;
  const unroll::nn::Module<float>& model;
  unroll::nn::Optimizer<float>& optimizer;
  unroll::Random& random;
  unroll::nn::Metadata description;       ///< of the model, to be written into its file
  std::string data = {};                  ///< its Fingerprint
  std::string unit;                       ///< of what is counted for the speed
  std::vector<std::string> columns = {};  ///< what an epoch is measured by beside its loss
  std::ostream& out = std::cout;
};

/// A training in epochs of batches. The learning rate falls to 0 in equal steps, unless a step sets it. It shows how
/// far it is and keeps a log; Ctrl-C ends it with all saved, and a checkpoint lets it go on where it was.
class Training {
 public:
  using Batch = std::vector<std::size_t>;  ///< the numbers of what is in it
  struct Loss {
    double sum;
    double count;  ///< of units
  };
  struct Epoch {
    std::function<std::vector<Batch>()> batches;
    std::function<Loss(const Batch&)> step;
    std::function<std::vector<double>()> measure = {};  ///< at its end, in the order of the columns
  };

  /// Refuses files that cannot be written before there is anything to lose.
  explicit Training(TrainingSetup setup);

  /// Trains for all epochs, after --resume from where the checkpoint was; false if Ctrl-C was pressed. The model is
  /// then saved.
  bool run(const Epoch& epoch);
  /// Lets this epoch be the last one.
  void stop() { stopped_ = 1; }
  /// Saves the model, if so wanted.
  void save() const;

  /// A step against the gradient of a loss in shares (nn::parallel_gradients), after clipping; the loss.
  template <class LossOfShare>
  double descend(std::size_t shares, const LossOfShare& loss) {
    auto [mean, gradients] =
        unroll::nn::parallel_gradients(shares, loss, {.threads = options_.threads, .random = &setup_.random});
    if (options_.clip > 0) unroll::nn::clip_norm(gradients, options_.clip);
    setup_.optimizer.step(gradients);
    return double(mean);
  }
  /// A step of each of some models that share nothing against the gradient of its own loss, after clipping that; their
  /// losses. The optimizer has the parameters of all.
  template <class LossOfModel>
  std::vector<double> descend_each(std::size_t models, const LossOfModel& loss) {
    std::vector<unroll::Gradients<float>> gradients(models);
    std::vector<double> losses(models);
    unroll::in_parallel(models, options_.threads, [&](std::size_t k) {
      unroll::Tape<float> tape;
      const unroll::Variable<float> of_model = loss(k);
      gradients[k] = tape.backward(of_model);
      if (options_.clip > 0) unroll::nn::clip_norm(gradients[k], options_.clip);
      losses[k] = double(of_model.item());
    });
    for (std::size_t k = 1; k < models; ++k) gradients[0] += gradients[k];
    setup_.optimizer.step(gradients[0]);
    return losses;
  }
  /// The rows of a batch dealt out to its shares.
  std::vector<Batch> shares_of(const Batch& batch) const;
  std::size_t epoch() const { return epoch_; }
  /// A column of the log against the epoch, or against what there is so much of in each.
  Curve curve(std::size_t column, double each = 1) const;

  unroll::nn::Checkpoint checkpoint;  ///< of the training; what else changes is to be added before run()

 private:
  std::size_t width() const { return 2 + setup_.columns.size(); }  // of the log
  // The share of the steps of all epochs that has been made.
  double done() const;
  std::string place() const;
  void resume();
  void begin_epoch(const std::vector<Batch>& batches);
  Batch batch() const;
  void end_epoch(const std::vector<double>& measures);
  void write_log() const;
  void write_checkpoint() const;

  const TrainingSetup setup_;
  const TrainingOptions& options_;
  Progress progress_;

  // What a checkpoint has: the batches of this epoch one after the other, how many of them are done, what they lost,
  // and the rows of the log.
  std::size_t epoch_ = 0, position_ = 0, stopped_ = 0;
  std::vector<std::size_t> order_, ends_;
  double loss_ = 0, count_ = 0;
  std::vector<double> log_;
};

#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <nn/nn.hpp>
#include <string>
#include <utility>
#include <vector>

#include "picture.hpp"
#include "progress.hpp"

/// What every program that trains can be told.
struct TrainingOptions {
  std::size_t epochs = 10, batch = 32, shares = 2, threads = 0, every = 0;
  double learning_rate = 2e-3, clip = 5;
  std::uint64_t seed = 1;
  std::string save = {}, load = {}, log = {}, plot = {}, checkpoint = {}, resume = {};
};

/// The groups of options in which a model, and how it was trained, is written down.
inline constexpr const char *model_group = "Model", *training_group = "Training";

/// Adds these options, and says of each what it is.
void add_training_options(CLI::App& app, TrainingOptions& options);
/// Adds an option for a file.
CLI::Option* add_file(CLI::App& app, const std::string& name, std::string& path, const std::string& what);

/// Whether there is something to train: not where weights are only loaded. Then an option for training is an Error.
bool trains(const CLI::App& app);

/// Sets an option after the others were parsed.
void set_option(CLI::App& app, const std::string& name, const std::string& value);

/// The options of the model by their names, to be written into its file with what else it is.
unroll::nn::Metadata model_options(const CLI::App& app);
/// Sets them to those in the file of a model, and returns all that the file says. An Error if one was given and is
/// another there, or if the model is not one of `program`, by default this one. What PyTorch saved says nothing: then
/// they are as they were given.
unroll::nn::Metadata read_model_options(CLI::App& app, const std::string& path, std::string program = {});

/// What some rows have, as indices.
template <class Number>
unroll::Indices pick(const std::vector<Number>& values, const std::vector<std::size_t>& rows) {
  unroll::Indices result = unroll::Indices::from_shape({rows.size()});
  for (std::size_t k = 0; k < rows.size(); ++k) result(k) = static_cast<std::int64_t>(values[rows[k]]);
  return result;
}

/// A training in epochs of batches. It shows how far it is and keeps a log; Ctrl-C ends it with all saved, and a
/// checkpoint lets it go on where it was.
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

  /// Refuses files that cannot be written before there is anything to lose. `description` is what the model is, and
  /// `columns` are what an epoch is measured by beside its loss.
  Training(const CLI::App& app, const TrainingOptions& options, const unroll::nn::Module<float>& model,
           unroll::nn::Optimizer<float>& optimizer, unroll::Random& random, unroll::nn::Metadata description,
           const std::string& unit, std::vector<std::string> columns, std::ostream& out = std::cout);

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
        unroll::nn::parallel_gradients(shares, loss, {.threads = options_.threads, .random = &random_});
    if (options_.clip > 0) unroll::nn::clip_norm(gradients, options_.clip);
    optimizer_.step(gradients);
    return double(mean);
  }
  /// The rows of a batch dealt out to its shares.
  std::vector<Batch> shares_of(const Batch& batch) const;
  /// The share of the steps of all epochs that has been made.
  double done() const { return (double(epoch_) + batches_done()) / double(options_.epochs); }
  std::size_t epoch() const { return epoch_; }
  /// A column of the log against the epoch, or against what there is so much of in each.
  Curve curve(std::size_t column, double each = 1) const;

  unroll::nn::Checkpoint checkpoint;  ///< of the training; what else changes is to be added before run()

 private:
  double batches_done() const { return ends_.empty() ? 0 : double(position_) / double(ends_.size()); }
  void begin_epoch(const std::vector<Batch>& batches);
  Batch batch() const;
  void end_epoch(const std::vector<double>& measures);
  void show() const;
  void write() const;

  const TrainingOptions& options_;
  const unroll::nn::Module<float>& model_;
  unroll::nn::Optimizer<float>& optimizer_;
  unroll::Random& random_;
  const unroll::nn::Metadata description_;
  const std::vector<std::string> columns_;
  std::ostream& out_;
  Progress progress_;

  // What a checkpoint has: the batches of this epoch one after the other, how many of them are done, what they lost,
  // and the rows of the log.
  std::size_t epoch_ = 0, position_ = 0, stopped_ = 0;
  std::vector<std::size_t> order_, ends_;
  double loss_ = 0, count_ = 0;
  std::vector<double> log_;
};

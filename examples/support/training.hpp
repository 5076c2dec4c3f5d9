#pragma once

#include <algorithm>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <type_traits>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "options.hpp"
#include "picture.hpp"
#include "progress.hpp"
#include "ranks.hpp"
#include "text.hpp"

namespace unroll::examples {

/// What some rows have, as indices.
template <class Number> Indices pick(const std::vector<Number>& values, const std::vector<std::size_t>& rows) {
  Indices result = Indices::from_shape({rows.size()});
  for (std::size_t k = 0; k < rows.size(); ++k) result(k) = static_cast<std::int64_t>(values.at(rows[k]));
  return result;
}

/// A number that tells data from other data: FNV-1a over the elements of lists, of lists of lists, and so on.
class Fingerprint {
 public:
  template <class... Data> explicit Fingerprint(const Data&... data) { (add(data), ...); }
  std::string text() const { return formatted("%016llx", static_cast<unsigned long long>(hash_)); }

 private:
  template <class Data> void add(const Data& data) {
    if constexpr (std::is_integral_v<Data>) {
      for (std::size_t k = 0; k < sizeof(Data); ++k)
        hash_ = (hash_ ^ (std::uint64_t(data) >> 8 * k & 0xff)) * 0x100000001b3;
    } else {
      for (const auto& element : data) add(element);
      add(std::size(data));
    }
  }
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

/// What a training is about.
struct TrainingSetup {
  nn::Metadata description = {};          ///< of the model, to be written into its file
  std::string data = {};                  ///< its Fingerprint
  std::string unit = {};                  ///< of what is counted for the speed
  std::vector<std::string> columns = {};  ///< what an epoch is measured by beside its loss
  std::size_t shown = 4;                  ///< how many of these a line on the terminal has
  bool constant = false;                  ///< whether the learning rate stays what it is
  std::ostream& out = std::cout;
};

/// A training in epochs of batches. The learning rate falls to 0 in equal steps, unless a step sets it. It shows how
/// far it is and keeps a log; Ctrl-C ends it with all saved, and a checkpoint lets it go on where it was. Of several
/// ranks each computes some shares of a batch, and one writes.
class Training {
 public:
  using Batch = std::vector<std::size_t>;  ///< the numbers of what is in it
  struct Loss {
    double sum;
    double count;  ///< of units
  };
  using Step = std::function<Loss(const Batch&)>;
  using Measure = std::function<std::vector<double>()>;  ///< at the end of an epoch, in the order of the columns

  /// Refuses files that cannot be written before there is anything to lose.
  Training(const CommandLine& line, const TrainingOptions& options, const nn::Module<float>& model,
           nn::Optimizer<float>& optimizer, Random& random, TrainingSetup setup);

  /// Trains for all epochs on examples of these lengths, in shuffled batches of similar ones, after --resume from where
  /// the checkpoint was; false if Ctrl-C was pressed, and on ranks that have nothing to say. The model is then saved.
  /// What is measured and saved has the mean weights, if so wanted.
  bool run(const std::vector<std::size_t>& lengths, const Step& step, const Measure& measure);
  /// The same with so many steps in an epoch, each of which is given its number.
  bool run(std::size_t steps, const Step& step, const Measure& measure);
  /// Lets this epoch be the last one.
  void stop() { stopped_ = 1; }
  /// Saves the model, if so wanted.
  void save() const;
  /// States that each share of a batch carries into the next one are in the checkpoint; they must live as long.
  void carry(std::vector<std::vector<Array<float>>>& states);

  /// A step against the gradient of a loss that is added up over some shares (nn::parallel_gradients) of all ranks and
  /// divided by the count of units, after clipping.
  template <class LossOfShare> Loss descend(double count, std::size_t shares, const LossOfShare& loss) {
    auto [mean, gradients] =
        nn::parallel_gradients(shares, [&](std::size_t k) { return loss(k) / float(count); }, parameters_, ranks(),
                               {.threads = options_.threads, .random = &random_, .ordered = !options_.all_reduce});
    if (options_.clip > 0) nn::clip_norm(gradients, options_.clip);
    optimizer_.step(gradients);
    if (average_) average_->update();
    return {double(mean) * count, count};
  }
  /// The same for a batch whose rows are dealt out to its shares.
  template <class LossOfRows> Loss descend(double count, const Batch& batch, const LossOfRows& loss) {
    std::vector<Batch> shares(std::min(options_.shares, batch.size()));
    for (std::size_t k = 0; k < batch.size(); ++k) shares[k % shares.size()].push_back(batch[k]);
    return descend(count, shares.size(), [&](std::size_t k) { return loss(shares[k]); });
  }
  std::size_t epoch() const { return epoch_; }
  /// A column of the log, the training loss or what else is measured from 1 on, against the epoch, or against what
  /// there is so much of in each.
  Curve curve(std::size_t column, double each = 1) const;

  nn::Checkpoint checkpoint;  ///< of the training; what else changes is to be added before run()

 private:
  bool run(const std::function<std::vector<Batch>()>& batches, const Step& step, const Measure& measure);
  std::size_t width() const { return 4 + setup_.columns.size(); }  // of the log
  // The share of the steps of all epochs that has been made.
  double done() const;
  std::string place() const;
  void begin_epoch(const std::vector<Batch>& batches);
  Batch batch() const;
  void end_epoch(const std::vector<double>& measures);
  void log(bool whole_epoch, double epoch, double loss, std::vector<double> measures);
  void write_log() const;
  void write_checkpoint() const;

  const TrainingOptions& options_;
  const nn::Module<float>& model_;
  const std::vector<Parameter<float>> parameters_ = model_.parameters();
  nn::Optimizer<float>& optimizer_;
  Random& random_;
  std::optional<nn::Average<float>> average_;
  std::vector<std::vector<Array<float>>>* carried_ = nullptr;
  const TrainingSetup setup_;
  std::ostream silence_{nullptr}, &out_;
  Progress progress_;
  std::vector<double> seconds_;  // of the rows of the log that this process has made, NaN for those before

  // What a checkpoint has: the batches of this epoch one after the other, how many of them are done, what they lost,
  // and the rows of the log: whether it is one of a whole epoch, the epoch, the loss, the learning rate, and measures.
  std::size_t epoch_ = 0, position_ = 0, stopped_ = 0;
  std::vector<std::size_t> order_, ends_;
  double loss_ = 0, count_ = 0;
  std::vector<double> log_;
};

}  // namespace unroll::examples

#include "training.hpp"

#include <algorithm>
#include <cmath>
#include <unroll/nn/files/atomic_file.hpp>

#include "text.hpp"

namespace unroll::examples {

namespace {

// One rank does for all.
bool writes() { return ranks().rank() == 0; }

}  // namespace

Training::Training(const CommandLine& line, const TrainingOptions& options, const nn::Module<float>& model,
                   nn::Optimizer<float>& optimizer, Random& random, TrainingSetup setup)
    : options_(options),
      model_(model),
      optimizer_(optimizer),
      random_(random),
      setup_(std::move(setup)),
      out_(options.quiet ? silence_ : setup_.out),
      progress_(out_, setup_.unit) {
  require(!options_.every || !options_.checkpoint.empty(), "--every", options_.every,
          " without --checkpoint; give that, too");
  require(!options_.log_batches || !options_.log.empty(), "--log-batches", "without --log; give that, too");
  for (const std::string& path : {options_.save, options_.log, options_.checkpoint})
    if (!path.empty()) require_writable(path);
  if (!options_.plot.empty()) require_picture(options_.plot);

  checkpoint.fix("trained by", line.program());
  for (const auto& [name, value] : setup_.description) checkpoint.fix(name, value);
  for (const char* group : {training_group, evaluation_group})
    for (const auto& [name, value] : line.values(group))
      name == "epochs" ? checkpoint.note(name, value) : checkpoint.fix(name, value);
  checkpoint.fix("fingerprint of the data", setup_.data);
  checkpoint.add("model", model_);
  checkpoint.add("optimizer", optimizer_);
  if (options_.average > 0) checkpoint.add("average", average_.emplace(model_, options_.average));
  checkpoint.add("random", random_);
  checkpoint.add("epoch", epoch_);
  checkpoint.add("position", position_);
  checkpoint.add("stopped", stopped_);
  checkpoint.add("order", order_);
  checkpoint.add("ends", ends_);
  checkpoint.add("loss", loss_);
  checkpoint.add("count", count_);
  checkpoint.add("log", log_);
}

bool Training::run(const std::vector<std::size_t>& lengths, const Step& step, const Measure& measure) {
  return run([&] { return nn::batches_of_similar_length(lengths, options_.batch, &random_); }, step, measure);
}

bool Training::run(std::size_t steps, const Step& step, const Measure& measure) {
  std::vector<Batch> batches;
  for (std::size_t k = 0; k < steps; ++k) batches.push_back({k});
  return run([&] { return batches; }, step, measure);
}

bool Training::run(const std::function<std::vector<Batch>()>& batches, const Step& step, const Measure& measure) {
  const bool resumed = !options_.resume.empty();
  if (resumed) {
    checkpoint.load(options_.resume);
    const bool fit = std::ranges::is_sorted(ends_) && (ends_.empty() ? 0 : ends_.back()) == order_.size() &&
                     (position_ == 0 || position_ < ends_.size()) && log_.size() % width() == 0;
    require(fit, options_.resume, "its batches and its log do not fit together");
    seconds_.resize(log_.size() / width(), std::nan(""));
  }
  std::size_t parameters = 0;
  for (const Parameter<float>& parameter : model_.parameters()) parameters += parameter.size();
  out_ << "seed " << options_.seed << ", " << parameters << " parameters";
  if (const std::size_t count = ranks().count(); count > 1) out_ << ", " << count << " ranks";
  out_ << std::endl;
  const auto ended = [&] { return epoch_ >= options_.epochs || stopped_; };
  if (resumed) {
    write_log();
    out_ << (ended() ? formatted("the training has ended after %zu epochs", epoch_) : "going on in " + place())
         << std::endl;
  }
  const double begun = done();
  const Interrupt interrupt;
  const auto interrupted = [&] {  // on any rank, so that all go on or none
    std::uint8_t any = interrupt.pressed();
    ranks().join({&any, 1});
    return any != 0;
  };
  while (!ended() && !interrupted()) {
    if (position_ == 0) begin_epoch(batches());
    std::string line;
    for (progress_.resume(); position_ < ends_.size() && !(interrupted() && position_ > 0);) {
      optimizer_.learning_rate = options_.learning_rate * (setup_.constant ? 1 : 1 - done());
      const Loss loss = step(batch());
      ++position_;
      loss_ += loss.sum;
      count_ += loss.count;
      if (options_.log_batches)
        log(false, double(epoch_) + double(position_) / double(ends_.size()), loss.sum / loss.count, {});
      const std::string mean = formatted("  loss %.4f", loss_ / count_);
      line = formatted("epoch %zu/%zu", epoch_ + 1, options_.epochs) + mean;
      progress_.advance(loss.count, (done() - begun) / (1 - begun), place() + mean);
      if (options_.every && position_ % options_.every == 0 && position_ < ends_.size()) write_checkpoint();
    }
    if (position_ < ends_.size()) break;
    if (average_) average_->swap();
    const std::vector<double> measures = measure();
    if (average_) average_->swap();
    for (std::size_t k = 0; k < std::min(measures.size(), setup_.shown); ++k)
      line += formatted("  %s %.4g", setup_.columns[k].c_str(), measures[k]);
    progress_.print(line);
    end_epoch(measures);
    write_checkpoint();
    write_log();
  }
  if (!ended()) write_checkpoint();
  if (average_) average_->swap();
  save();
  if (!interrupted()) return writes();
  progress_.clear();
  out_ << (ended() ? "interrupted at the end" : "interrupted in " + place());
  if (!ended() && !options_.checkpoint.empty()) out_ << "; go on with --resume " << options_.checkpoint;
  out_ << std::endl;
  return false;
}

double Training::done() const {
  const double of_epoch = ends_.empty() ? 0 : double(position_) / double(ends_.size());
  return (double(epoch_) + of_epoch) / double(options_.epochs);
}

std::string Training::place() const {
  return formatted("epoch %zu/%zu  batch %zu/%zu", epoch_ + 1, options_.epochs, position_, ends_.size());
}

void Training::begin_epoch(const std::vector<Batch>& batches) {
  order_.clear();
  ends_.clear();
  loss_ = count_ = 0;
  for (const Batch& batch : batches) {
    order_.insert(order_.end(), batch.begin(), batch.end());
    ends_.push_back(order_.size());
  }
}

auto Training::batch() const -> Batch {
  const auto at = [&](std::size_t k) { return order_.begin() + static_cast<std::ptrdiff_t>(k ? ends_[k - 1] : 0); };
  return {at(position_), at(position_ + 1)};
}

void Training::end_epoch(const std::vector<double>& measures) {
  ++epoch_;
  position_ = 0;
  log(true, double(epoch_), loss_ / count_, measures);
}

void Training::log(bool whole_epoch, double epoch, double loss, std::vector<double> measures) {
  measures.resize(setup_.columns.size(), std::nan(""));
  log_.insert(log_.end(), {double(whole_epoch), epoch, loss, optimizer_.learning_rate});
  log_.insert(log_.end(), measures.begin(), measures.end());
  seconds_.push_back(60 * progress_.minutes());
}

Curve Training::curve(std::size_t column, double each) const {
  Curve result{column ? setup_.columns[column - 1] : "training", {}, {}};
  for (auto row = log_.begin(); row != log_.end(); row += std::ptrdiff_t(width()))
    if (row[0] == 1) result.add(each * row[1], row[std::ptrdiff_t(column ? column + 3 : 2)]);
  return result;
}

// A row is a line of CSV or a JSON object; what is not known is left out.
void Training::write_log() const {
  if (!writes()) return;
  if (!options_.log.empty())
    nn::write_atomically(options_.log, [&](std::ostream& out) {
      const bool json = options_.log.ends_with(".jsonl");
      std::vector<std::string> names{"epoch", "loss", "learning rate", "seconds"};
      names.insert(names.end(), setup_.columns.begin(), setup_.columns.end());
      for (std::size_t k = 0; k < names.size() && !json; ++k) out << (k ? "," : "") << '"' << names[k] << '"';
      out << (json ? "" : "\n");
      for (std::size_t row = 0; row < seconds_.size(); ++row) {
        std::vector<double> values(&log_[row * width() + 1], &log_[row * width()] + width());
        values.insert(values.begin() + 3, seconds_[row]);
        for (std::size_t k = 0; k < names.size(); ++k) {
          if (!json) out << (k ? "," : "");
          if (std::isnan(values[k])) continue;
          if (json) out << (k ? ", \"" : "{\"") << names[k] << "\": ";
          out << values[k];
        }
        out << (json ? "}\n" : "\n");
      }
    });
  if (options_.plot.empty() || log_.empty()) return;
  // Losses share a panel; what else is measured has another.
  Panel losses{"Learning curves", "epoch", "loss", {}}, others{"At the end of each epoch", "epoch", "", {}};
  for (std::size_t column = 0; column <= setup_.columns.size(); ++column) {
    const Curve one = curve(column);
    (column == 0 || one.name.find("loss") != one.name.npos ? losses : others).curves.push_back(one);
  }
  try {
    draw(options_.plot, others.curves.empty() ? std::vector{losses} : std::vector{losses, others});
  } catch (const std::exception& error) {
    std::cerr << options_.plot << ": " << error.what() << std::endl;
  }
}

void Training::carry(std::vector<std::vector<Array<float>>>& states) {
  carried_ = &states;
  for (std::size_t share = 0; share < states.size(); ++share)
    for (std::size_t k = 0; k < states[share].size(); ++k)
      checkpoint.add("state." + std::to_string(share) + "." + std::to_string(k), states[share][k]);
}

void Training::write_checkpoint() const {
  if (options_.checkpoint.empty()) return;
  for (std::size_t share = 0; carried_ && share < carried_->size(); ++share)
    for (Array<float>& state : (*carried_)[share])
      ranks().broadcast(std::as_writable_bytes(std::span(state.data(), state.size())),
                        ranks().owner(share, carried_->size()));
  if (writes()) checkpoint.save(options_.checkpoint);
}

void Training::save() const {
  if (!options_.save.empty() && writes()) nn::save_safetensors(options_.save, model_, setup_.description);
}

}  // namespace unroll::examples

#include "training.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <nn/atomic_file.hpp>
#include <set>
#include <sstream>

#include "format.hpp"
#include "interrupt.hpp"
#include "picture.hpp"
#include "program.hpp"

using namespace unroll;

namespace {

std::string value_of(const CLI::Option& option) {
  std::string text;
  for (const std::string& part : option.results()) text += (text.empty() ? "" : " ") + part;
  return option.count() ? text : option.get_default_str();
}

nn::Metadata options_of(const CLI::App& app, const std::string& group) {
  nn::Metadata result;
  for (const CLI::Option* option : app.get_options())
    if (option->get_group() == group) result[option->get_name().substr(2)] = value_of(*option);
  return result;
}

// What is written may not be what is read or written by another option; but a training may go on in its own checkpoint.
void refuse_same_files(const CLI::App& app) {
  static const std::set<std::string> written{"--save", "--log", "--plot", "--picture", "--checkpoint"};
  std::map<std::string, std::string> names;  // of options, by file
  for (const CLI::Option* option : app.get_options()) {
    const std::string& name = option->get_name();
    if (option->get_type_name() != "FILE" || option->count() == 0 || name == "--resume") continue;
    const std::string path = std::filesystem::weakly_canonical(value_of(*option)).string();
    const auto [other, added] = names.emplace(path, name);
    require(added || (!written.contains(name) && !written.contains(other->second)), name, value_of(*option),
            " is the file of ", other->second, ", too; it must be another one");
  }
}

}  // namespace

CLI::Option* add_file(CLI::App& app, const std::string& name, std::string& path, const std::string& what) {
  return app.add_option(name, path, what)->type_name("FILE")->check([](const std::string& given) {
    return std::string(given.empty() ? "the name is empty" : "");
  });
}

void add_training_options(CLI::App& app, TrainingOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* what) {
    return app.add_option(name, value, what)->group(training_group)->capture_default_str();
  };
  add("--epochs", o.epochs, "how often to go over the data")->check(positive);
  add("--batch", o.batch, "examples in a batch")->check(positive);
  add("--learning-rate", o.learning_rate, "of the first batch")->check(positive);
  add("--clip", o.clip, "the largest norm of a gradient; 0 for any")->check(CLI::Range(0.0, 1e9));
  add("--shares", o.shares, "of a batch, for as many threads; the result depends on them alone")->check(positive);
  add("--seed", o.seed, "of all random numbers")->check(natural);
  app.add_option("--threads", o.threads, "at work, one for each core if not given; the result is the same")
      ->check(positive);
  add_file(app, "--save", o.save, "where to put the model");
  add_file(app, "--load", o.load,
           "weights to begin with, saved here or by PyTorch; they are trained if --epochs is given");
  add_file(app, "--log", o.log, "where to put a table of all epochs, as CSV");
  add_file(app, "--plot", o.plot, "where to draw the same, as png, svg or pdf");
  add_file(app, "--checkpoint", o.checkpoint, "where to put, after each epoch, all that it takes to go on");
  app.add_option("--every", o.every, "batches after which to do so, too")->check(positive)->needs("--checkpoint");
  add_file(app, "--resume", o.resume, "a checkpoint to go on from; the other options must be the same");
}

nn::Metadata model_options(const CLI::App& app) {
  nn::Metadata options = options_of(app, model_group);
  options["program"] = app.get_name();
  return options;
}

bool trains(const CLI::App& app) {
  if (app.count("--load") == 0 || app.count("--epochs") > 0) return true;
  for (const CLI::Option* option : app.get_options()) {
    static const std::set<std::string> files{"--save", "--log", "--plot", "--checkpoint", "--resume"};
    const std::string& name = option->get_name();
    require(
        option->count() == 0 || (option->get_group() != training_group && !files.contains(name)) || name == "--seed",
        name, "it is for training; with --load, --epochs must be given too");
  }
  return false;
}

void set_option(CLI::App& app, const std::string& name, const std::string& value) {
  CLI::Option* const option = app.get_option(name);
  option->clear();
  std::istringstream words(value);
  if (option->get_expected_max() == 1) option->add_result(value);
  for (std::string word; option->get_expected_max() > 1 && words >> word;) option->add_result(word);
  option->run_callback();
}

nn::Metadata read_model_options(CLI::App& app, const std::string& path, std::string program) {
  if (program.empty()) program = app.get_name();
  nn::Metadata metadata = nn::read_safetensors(path).metadata;
  const auto by = metadata.find("program");
  require(by == metadata.end() || by->second == program, path, "it is a model of ",
          by == metadata.end() ? "" : by->second);
  for (const auto& [name, given] : options_of(app, model_group)) {
    const auto found = metadata.find(name);
    if (found == metadata.end()) continue;
    require(app.count("--" + name) == 0 || given == found->second, "--" + name, given, "; the model in ", path, " has ",
            found->second);
    set_option(app, "--" + name, found->second);
  }
  return metadata;
}

Training::Training(const CLI::App& app, const TrainingOptions& options, const nn::Module<float>& model,
                   nn::Optimizer<float>& optimizer, Random& random, nn::Metadata description, const std::string& unit,
                   std::vector<std::string> columns, std::ostream& out)
    : options_(options),
      model_(model),
      optimizer_(optimizer),
      random_(random),
      description_(std::move(description)),
      columns_(std::move(columns)),
      out_(out),
      progress_(out, unit) {
  refuse_same_files(app);
  for (const std::string& path : {options.save, options.log, options.checkpoint})
    if (!path.empty()) require_writable(path, {});
  if (!options.plot.empty()) require_picture(options.plot);

  for (const auto& [name, value] : description_) checkpoint.fix(name, value);
  for (const auto& [name, value] : options_of(app, training_group)) checkpoint.fix(name, value);
  checkpoint.add("model", model);
  checkpoint.add("optimizer", optimizer);
  checkpoint.add("random", random);
  checkpoint.add("epoch", epoch_);
  checkpoint.add("position", position_);
  checkpoint.add("stopped", stopped_);
  checkpoint.add("order", order_);
  checkpoint.add("ends", ends_);
  checkpoint.add("loss", loss_);
  checkpoint.add("count", count_);
  checkpoint.add("log", log_);
}

bool Training::run(const Epoch& epoch) {
  if (!options_.resume.empty()) checkpoint.load(options_.resume);
  std::size_t parameters = 0;
  for (const Parameter<float>& parameter : model_.parameters()) parameters += parameter.size();
  out_ << "seed " << options_.seed << ", " << parameters << " parameters" << std::endl;
  if (!options_.resume.empty()) {
    show();
    out_ << "going on in epoch " << epoch_ + 1 << " after " << position_ << " batches" << std::endl;
  }
  const Interrupt interrupted;
  while (epoch_ < options_.epochs && !stopped_ && !interrupted) {
    if (position_ == 0) begin_epoch(epoch.batches());
    std::string line;
    for (progress_.resume(); position_ < ends_.size() && !(interrupted && position_ > 0);) {
      const Loss loss = epoch.step(batch());
      ++position_;
      loss_ += loss.sum;
      count_ += loss.count;
      line = formatted("epoch %zu/%zu  loss %.4f", epoch_ + 1, options_.epochs, loss_ / count_);
      progress_.advance(loss.count, done(), line);
      if (options_.every && position_ % options_.every == 0 && position_ < ends_.size()) write();
    }
    if (position_ < ends_.size()) break;
    const std::vector<double> measures = epoch.measure ? epoch.measure() : std::vector<double>();
    for (std::size_t k = 0; k < measures.size(); ++k) line += formatted("  %s %.4g", columns_[k].c_str(), measures[k]);
    progress_.print(line);
    end_epoch(measures);
    show();
    write();
  }
  save();
  if (epoch_ == options_.epochs || stopped_) return true;
  write();
  progress_.clear();
  out_ << formatted("interrupted in epoch %zu after %zu of %zu batches", epoch_ + 1, position_, ends_.size());
  if (!options_.checkpoint.empty()) out_ << "; go on with --resume " << options_.checkpoint;
  out_ << std::endl;
  return false;
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

auto Training::shares_of(const Batch& batch) const -> std::vector<Batch> {
  std::vector<Batch> shares(std::min(options_.shares, batch.size()));
  for (std::size_t k = 0; k < batch.size(); ++k) shares[k % shares.size()].push_back(batch[k]);
  return shares;
}

void Training::end_epoch(const std::vector<double>& measures) {
  ++epoch_;
  position_ = 0;
  log_.insert(log_.end(), {double(epoch_), loss_ / count_});
  log_.insert(log_.end(), measures.begin(), measures.end());
}

Curve Training::curve(std::size_t column, double each) const {
  Curve result{columns_[column], {}, {}};
  const std::size_t width = 2 + columns_.size();
  for (std::size_t row = 0; row < log_.size(); row += width) result.add(each * log_[row], log_[row + 2 + column]);
  return result;
}

void Training::show() const {
  const std::size_t width = 2 + columns_.size();
  if (!options_.log.empty())
    nn::write_atomically(options_.log, [&](std::ostream& out) {
      out << "epoch,loss";
      for (const std::string& column : columns_) out << ",\"" << column << '"';
      for (std::size_t k = 0; k < log_.size(); ++k) out << (k % width ? ',' : '\n') << log_[k];
      out << '\n';
    });
  if (options_.plot.empty() || log_.size() < 2 * width) return;
  // Losses share a panel; what else is measured has another.
  Panel losses{"Learning curves", "epoch", "loss", {}}, others{"Held out", "epoch", "", {}};
  for (std::size_t column = 1; column < width; ++column) {
    const std::string name = column == 1 ? "training" : columns_[column - 2];
    const bool loss = column == 1 || name.find("loss") != std::string::npos;
    Curve& curve = (loss ? losses : others).curves.emplace_back(Curve{name, {}, {}});
    for (std::size_t row = 0; row < log_.size(); row += width) curve.add(log_[row], log_[row + column]);
  }
  draw(options_.plot, others.curves.empty() ? std::vector{losses} : std::vector{losses, others});
}

void Training::write() const {
  if (!options_.checkpoint.empty()) checkpoint.save(options_.checkpoint);
}

void Training::save() const {
  if (!options_.save.empty()) nn::save_safetensors(options_.save, model_, description_);
}

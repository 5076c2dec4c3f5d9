#include "options.hpp"

#include <charconv>
#include <optional>
#include <system_error>

using namespace unroll;

std::string text_of(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

namespace {

// Sizes up to this one have products that can be counted.
constexpr double most_of_all = 1e7;

std::optional<std::uint64_t> whole(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace

const CLI::Validator positive(
    [](const std::string& text) {
      double number = 0;
      const bool accepted = CLI::detail::lexical_cast(text, number) && 0 < number && number <= most_of_all;
      return accepted ? std::string() : "'" + text + "'; it must be a number above 0, at most " + text_of(most_of_all);
    },
    "POSITIVE");

const CLI::Validator natural(
    [](const std::string& text) {
      const std::optional<std::uint64_t> number = whole(text);
      return number && double(*number) <= most_of_all
                 ? std::string()
                 : "'" + text + "'; it must be a whole number from 0 to " + text_of(most_of_all);
    },
    "");

const CLI::Validator seed_number(
    [](const std::string& text) {
      return whole(text) ? std::string() : "'" + text + "'; it must be a whole number from 0 to 18446744073709551615";
    },
    "");

CLI::Validator between(double least, double most) {
  const std::string range = text_of(least) + " to " + text_of(most);
  return {[=](const std::string& text) {
            double number = 0;
            const bool accepted = CLI::detail::lexical_cast(text, number) && least <= number && number <= most;
            return accepted ? std::string() : "'" + text + "'; it must be a number from " + range;
          },
          range};
}

CLI::Option* add_file(CLI::App& app, const std::string& name, std::string& path, const std::string& what) {
  return app.add_option(name, path, what)->type_name("FILE")->check([](const std::string& given) {
    return std::string(given.empty() ? "the name is empty" : "");
  });
}

void add_training_options(CLI::App& app, TrainingOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* what) {
    return add_option(app, training_group, name, value, what);
  };
  add("--epochs", o.epochs, "how often to go over the data")->check(positive);
  add("--batch", o.batch, "examples in a batch")->check(positive);
  add("--learning-rate", o.learning_rate, "the largest, where it changes with time")->check(positive);
  add("--clip", o.clip, "the largest norm of a gradient; 0 for any")->check(between(0, 1e9));
  add("--shares", o.shares, "parts of a batch, each of them a thread's; the result depends on how many there are")
      ->check(positive);
  add("--seed", o.seed, "of all random numbers")->check(seed_number);
  app.add_option("--threads", o.threads, "at work, one for each core if not given; the result is the same")
      ->check(positive);
  add_file(app, "--save", o.save, "where to put the model");
  CLI::Option* const load = add_file(
      app, "--load", o.load,
      "weights to begin with, saved here or, under the same names, by PyTorch; they are trained if --epochs is given");
  add_file(app, "--log", o.log, "where to put a table of all epochs, as CSV");
  add_file(app, "--plot", o.plot, "where to draw the learning curves, as png, svg or pdf");
  add_file(app, "--checkpoint", o.checkpoint, "where to put, after each epoch, all that it takes to go on");
  app.add_option("--every", o.every, "also write the checkpoint every so many batches")
      ->check(positive)
      ->needs("--checkpoint");
  add_file(app, "--resume", o.resume,
           "a checkpoint to go on from, with its options and the same data; --epochs may be given anew")
      ->excludes(load);
}

bool trains(const CLI::App& app) {
  if (app.count("--load") == 0 || app.count("--epochs") > 0) return true;
  const CLI::Option* given = nullptr;
  for (const CLI::Option* option : app.get_options()) {
    const std::string& name = option->get_name();
    const bool trained = option->get_group() == training_group
                             ? name != "--seed"
                             : name == "--save" || name == "--log" || name == "--plot" || name == "--checkpoint";
    if (trained && option->count() > 0) given = option;
  }
  require(!given, given ? given->get_name() : "", "it is for training; with --load, --epochs must be given too");
  return false;
}

nn::Metadata options_of(CLI::App& app, const std::string& group) {
  nn::Metadata result;
  for (CLI::Option* const option : app.get_options([&](CLI::Option* one) { return one->get_group() == group; }))
    result[option->get_name().substr(2)] = option->capture_default_str()->get_default_str();
  return result;
}

nn::Metadata model_options(CLI::App& app) {
  nn::Metadata options = options_of(app, model_group);
  options["program"] = app.get_name();
  return options;
}

nn::Metadata read_options(CLI::App& app, const TrainingOptions& o, std::string program) {
  const bool resumed = !o.resume.empty();
  const std::string& path = resumed ? o.resume : o.load;
  if (path.empty()) return {};
  nn::Metadata file = nn::read_safetensors(path).metadata;
  require(file.contains("trained by") == resumed, path,
          resumed ? "it is no checkpoint of a training" : "it is a checkpoint; --resume goes on from it");
  if (program.empty()) program = app.get_name();
  for (const auto& [key, wanted] : {std::pair("trained by", app.get_name()), std::pair("program", program)}) {
    const auto found = file.find(key);
    if (found != file.end() && found->second != wanted)
      fail(path, "it is of the program ", found->second, "; it must be of ", wanted);
  }
  for (const char* group : {model_group, training_group, evaluation_group}) {
    if (!resumed && group != model_group) break;
    for (const auto& [name, value] : options_of(app, group)) {
      CLI::Option* const option = app.get_option("--" + name);
      const auto found = file.find(name);
      if (found == file.end()) continue;
      if (option->count() == 0) option->default_val(found->second);
      require(option->count() == 0 || value == found->second || (resumed && name == "epochs"), "--" + name, value, "; ",
              path, " has ", found->second);
    }
  }
  return file;
}

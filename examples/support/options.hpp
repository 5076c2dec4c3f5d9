#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <type_traits>
#include <unroll/nn/files/safetensors.hpp>
#include <vector>

/// What every program that trains can be told.
struct TrainingOptions {
  std::size_t epochs = 10, batch = 32, shares = 2, threads = 0, every = 0;
  double learning_rate = 2e-3, clip = 5;
  std::uint64_t seed = 1;
  std::string save = {}, load = {}, log = {}, plot = {}, checkpoint = {}, resume = {};
};

/// The groups of options that are written down with a model, and with a training: what the model is, how it is trained,
/// and what matters even where it is only evaluated.
inline constexpr const char *model_group = "Model", *training_group = "Training",
                            *evaluation_group = "Training and evaluation";

/// The shortest text that is this number.
std::string text_of(double number);

/// Adds an option to a group, with the value that it has as its default.
template <class T>
CLI::Option* add_option(CLI::App& app, const char* group, const std::string& name, T& value, const std::string& what) {
  CLI::Option* const option = app.add_option(name, value, what)->group(group);
  if constexpr (std::is_floating_point_v<T>) option->default_function([&value] { return text_of(value); });
  return option->capture_default_str();
}
/// Adds an option for a file.
CLI::Option* add_file(CLI::App& app, const std::string& name, std::string& path, const std::string& what);
/// Adds those of TrainingOptions.
void add_training_options(CLI::App& app, TrainingOptions& options);

/// Accept numbers above 0, whole ones from 0 on, and seeds.
extern const CLI::Validator positive, natural, seed_number;
/// Accepts the numbers from one to another.
CLI::Validator between(double least, double most);

/// Throws an Error if a value occurs twice.
template <class T>
void require_distinct(const std::string& option, std::vector<T> values) {
  std::ranges::sort(values);
  const auto twice = std::ranges::adjacent_find(values);
  unroll::require(twice == values.end(), option, *twice, " is given twice; each must be another one");
}

/// Whether there is something to train: not where weights are only loaded. Then an option for training is an Error.
bool trains(const CLI::App& app);

/// The options of a group by their names, as they are now.
unroll::nn::Metadata options_of(CLI::App& app, const std::string& group);
/// What is written into the file of a model: its options, and the program.
unroll::nn::Metadata model_options(CLI::App& app);

/// Sets options that were not given to those in the file of --load or --resume, and returns all that the file says;
/// nothing without such a file. An Error if an option was given and is another there, or if the model is not one of
/// `program`, by default this one. What PyTorch saved says nothing: then the options are as they were given.
unroll::nn::Metadata read_options(CLI::App& app, const TrainingOptions& options, std::string program = {});

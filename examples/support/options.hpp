#pragma once

#include <string>
#include <unroll/nn/files/safetensors.hpp>
#include <unroll/nn/sequences/any_recurrent.hpp>

#include "command_line.hpp"

namespace unroll::examples {

/// The groups of options that are written down with a model, and with a training: what the model is, how it is trained,
/// and what matters even where it is only evaluated.
inline constexpr const char *model_group = "Model", *training_group = "Training",
                            *evaluation_group = "Training and evaluation";

/// What every program that trains can be told.
struct TrainingOptions {
  std::size_t epochs = 10, batch = 32, shares = 2, threads = 0, every = 0;
  double learning_rate = 2e-3, clip = 5, average = 0;
  std::uint64_t seed = 1;
  std::string save = {}, load = {}, log = {}, plot = {}, checkpoint = {}, resume = {};
  bool log_batches = false, quiet = false, all_reduce = false;
};

/// Adds these options.
void add_training_options(CommandLine& line, TrainingOptions& options);
/// Adds those of a network, all but the directions: --embedding is the input.
void add_network_options(CommandLine& line, nn::AnyRecurrentOptions& options);
/// The same, where an input of 0 is as large as a layer.
nn::AnyRecurrentOptions completed(nn::AnyRecurrentOptions options);

/// Whether there is something to train: not where weights are only loaded. Then an option for training is an Error.
bool trains(const CommandLine& line);

/// What is written into the file of a model: its options, and the program.
nn::Metadata model_options(const CommandLine& line);

/// Sets options that were not given to those in the file of --load or --resume, and returns all that the file says;
/// nothing without such a file. An Error if an option was given and is another there, or if the model is not one of
/// `program`, by default this one. What PyTorch saved says nothing: then the options are as they were given.
nn::Metadata read_options(CommandLine& line, const TrainingOptions& options, std::string program = {});

}  // namespace unroll::examples

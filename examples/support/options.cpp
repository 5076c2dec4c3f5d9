#include "options.hpp"

#include "ranks.hpp"

namespace unroll::examples {

void add_training_options(CommandLine& line, TrainingOptions& o) {
  line.group(training_group);
  line.add("--epochs", o.epochs, "how often to go over the data", positive);
  line.add("--batch", o.batch, "examples in a batch", positive);
  line.add("--learning-rate", o.learning_rate, "the largest, where it changes with time", positive);
  line.add("--clip", o.clip, "the largest norm of a gradient; 0 for any", between(0, 1e9));
  line.add("--average", o.average,
           "the model has the mean of the weights of about the last 1/(1 - this) batches, not those of the last one",
           between(0, 0.99999));
  line.add("--shares", o.shares, "parts of a batch, each of them a thread's; the result depends on how many there are",
           positive);
  line.add("--seed", o.seed, "of all random numbers", seed_number);
  line.group("");
  line.add("--threads", o.threads, "at work, one for each core if not given; the result is the same", positive);
  line.add("--all-reduce", o.all_reduce,
           "ranks of mpirun add up as MPI likes, maybe quicker; the last bits then depend on how many there are");
  line.add_file("--save", o.save, "where to put the model");
  line.add_file(
      "--load", o.load,
      "weights to begin with, saved here or, under the same names, by PyTorch; they are trained if --epochs is given");
  line.add_file("--log", o.log, "where to put a table of all epochs, as CSV, or as JSON lines if it ends in .jsonl");
  line.add("--log-batches", o.log_batches, "with a line for each batch, too");
  line.add_file("--plot", o.plot, "where to draw the learning curves, as png, svg or pdf");
  line.add_file("--checkpoint", o.checkpoint, "where to put, after each epoch, all that it takes to go on");
  line.add("--every", o.every, "also write the checkpoint every so many batches", positive);
  line.add_file("--resume", o.resume,
                "a checkpoint to go on from, and in, unless another --checkpoint is given; its options hold, but for "
                "--epochs, and the data must be the same");
  line.add("--quiet", o.quiet, "without a word on the training");
  line.exclude("--resume", "--load");
}

void add_network_options(CommandLine& line, nn::AnyRecurrentOptions& o) {
  line.group(model_group);
  line.add("--cell", o.cell, "of the network", one_of(nn::any_recurrent_cells));
  line.add("--hidden", o.hidden, "units of a layer, in each direction", positive);
  line.add("--layers", o.layers, "of the network", positive);
  line.add("--embedding", o.input, "size of an embedding; 0 for that of a layer", natural);
  line.group(training_group);
  line.add("--dropout", o.dropout, "the share that drops out around layers", between(0, 0.95));
}

nn::AnyRecurrentOptions completed(nn::AnyRecurrentOptions options) {
  if (options.input == 0) options.input = options.hidden;
  return options;
}

bool trains(const CommandLine& line) {
  if (!line.given("--load") || line.given("--epochs")) return true;
  std::vector<std::string> of_training{"--save", "--log", "--plot", "--checkpoint"};
  for (const auto& [name, value] : line.values(training_group)) of_training.push_back("--" + name);
  for (const std::string& name : of_training)
    require(name == "--seed" || !line.given(name), name, "it is for training; with --load, --epochs must be given too");
  require(ranks().count() == 1, "mpirun", ranks().count(), " ranks; what they share out is training, which takes one");
  return false;
}

nn::Metadata model_options(const CommandLine& line) {
  nn::Metadata options = line.values(model_group);
  options["program"] = line.program();
  return options;
}

nn::Metadata read_options(CommandLine& line, const TrainingOptions& o, std::string program) {
  const bool resumed = !o.resume.empty();
  const std::string& path = resumed ? o.resume : o.load;
  if (path.empty()) return {};
  nn::Metadata file = nn::read_safetensors(path).metadata;
  require(file.contains("trained by") == resumed, path,
          resumed ? "it is no checkpoint of a training" : "it is a checkpoint; --resume goes on from it");
  if (resumed && !line.given("--checkpoint")) line.set_default("--checkpoint", path);
  if (program.empty()) program = line.program();
  for (const auto& [key, wanted] : {std::pair("trained by", line.program()), std::pair("program", program)}) {
    const auto found = file.find(key);
    if (found != file.end() && found->second != wanted)
      fail(path, "it is of the program ", found->second, "; it must be of ", wanted);
  }
  for (const char* group : {model_group, training_group, evaluation_group}) {
    if (!resumed && group != model_group) break;
    for (const auto& [key, value] : line.values(group)) {
      const std::string name = "--" + key;
      const auto found = file.find(key);
      if (found == file.end()) continue;
      if (!line.given(name)) line.set_default(name, found->second);
      require(!line.given(name) || value == found->second || (resumed && key == "epochs"), name, value, "; ", path,
              " has ", found->second);
    }
  }
  return file;
}

}  // namespace unroll::examples

#pragma once

#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

#include "training.hpp"

namespace unroll::examples {

struct LanguageModelOptions {
  bool tied = false;               ///< whether the scores have the table of the embeddings
  std::string unit = "character";  ///< or "word"
  std::string optimizer = "adam";  ///< or "sgd"
  std::string schedule = "cosine";
  std::size_t steps = 64, hold = 4;
  nn::AnyRecurrentOptions network = {};

  bool words() const { return unit == "word"; }
};

/// Adds these options.
void add_language_model_options(CommandLine& line, LanguageModelOptions& options);

/// p(next piece | all before it) = softmax(scores(h)), where h is what the network makes of their embeddings.
struct LanguageModel : nn::Module<float> {
  using Network = nn::AnyRecurrent<float>;

  nn::Embedding<float> embedding;
  Network network;
  nn::Linear<float> scores;

  /// `count` is that of the pieces.
  LanguageModel(const LanguageModelOptions& o, std::size_t count, Random& random);

  /// tokens [time, batch] → scores (time, batch, pieces), and the state for what follows
  Network::Result operator()(const Indices& tokens, const std::optional<Network::State>& state) const;
};

/// The pieces of a text, or none where there is no name of a file.
std::vector<std::string> read_pieces(const std::string& path, const LanguageModelOptions& options);

/// The numbers of the pieces of a text called `name`. An Error if there is one alone: nothing could be predicted.
std::vector<std::int64_t> encoded(const std::vector<std::string>& pieces, const nn::Vocabulary& vocabulary,
                                  const std::string& name);

/// What is written into the file of a model.
nn::Metadata description_of(const CommandLine& line, const LanguageModelOptions& options,
                            const nn::Vocabulary& vocabulary);

/// Learns a text by truncated backpropagation through time: states are carried from window to window. false if Ctrl-C
/// was pressed. The loss of `held_out` is measured after each epoch, if there is any.
bool train(const CommandLine& line, const TrainingOptions& training, const LanguageModelOptions& options,
           LanguageModel& model, const nn::Metadata& description, Random& random, const std::vector<std::int64_t>& text,
           const std::vector<std::int64_t>& held_out, std::ostream& out = std::cout);

/// Nats per piece of a text.
double evaluate(const LanguageModel& model, const TrainingOptions& training, const LanguageModelOptions& options,
                const std::vector<std::int64_t>& text);

}  // namespace unroll::examples

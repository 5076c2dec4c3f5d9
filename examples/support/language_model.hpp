#pragma once

#include <CLI/CLI.hpp>
#include <vector>

#include "network.hpp"
#include "text.hpp"

struct LanguageModelOptions {
  NetworkOptions network{.hidden = 128, .layers = 2};
  std::size_t embedding = 0;  ///< its size; 0 for that of a layer
  bool tied = false;          ///< whether the scores have the table of the embeddings
};

/// Adds these options, all but the dropout, to the group of the model.
void add_language_model_options(CLI::App& app, LanguageModelOptions& options);

/// p(next piece | all before it) = softmax(scores(h)), where h is what the network makes of their embeddings.
struct LanguageModel : unroll::nn::Module<float> {
  unroll::nn::Embedding<float> embedding;
  Network network;
  unroll::nn::Linear<float> scores;
  NetworkOptions options;

  /// `count` is that of the pieces.
  LanguageModel(const LanguageModelOptions& o, std::size_t count, unroll::Random& random);

  /// tokens [time, batch] → scores (time, batch, pieces), and the state for what follows
  Network::Result operator()(const unroll::Indices& tokens, const Network::State& state) const;
};

/// The states of a model after each share of a window's columns: they are carried into the next window.
struct Carried {
  std::vector<std::vector<unroll::Array<float>>> states;
  std::vector<std::size_t> begins;  ///< of the shares, in columns

  Carried(const LanguageModel& model, std::size_t columns, std::size_t shares);
  void reset();
  /// The loss of a share of a window, added up; its state goes on.
  unroll::Variable<float> loss(const LanguageModel& model, const Windows& text, std::size_t window, std::size_t share);
};

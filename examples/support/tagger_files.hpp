#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sentences.hpp"

struct Corpora {
  std::vector<unroll::nn::Sentence> train, dev, test;
};

/// What a tagger reads.
struct TaggerFiles {
  std::string train, dev, test, vectors, tag_file;
  std::optional<std::string> tag;

  /// Sentences of a toy language where nothing else is to be learned.
  bool toy(const std::string& load) const { return train.empty() && load.empty(); }
  Corpora corpora(const std::string& load) const;
  /// What is to be tagged for the user, if anything is.
  std::vector<unroll::nn::Sentence> to_tag() const;
};

/// Adds these options.
void add_tagger_files(CLI::App& app, TaggerFiles& files);

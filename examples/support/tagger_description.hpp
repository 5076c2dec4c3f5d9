#pragma once

#include <set>
#include <string>

#include "tagger_corpus.hpp"

inline const std::set<std::string> tagger_cells = {"rnn", "lstm", "gru"};

struct TaggerOptions {
  std::string cell = "lstm";
  std::size_t word_size = 100, char_size = 32, char_hidden = 64, hidden = 200, layers = 1;
  double dropout = 0.5;
};

/// All that a tagger is beside its weights. Its file has it as metadata, so that the file is enough.
struct TaggerDescription {
  TaggerOptions options;
  TaggerVocabulary vocabulary;

  unroll::nn::Metadata metadata() const;
  /// That of a tagger's file; an Error tells why the file is none.
  static TaggerDescription read(const std::string& path);
};

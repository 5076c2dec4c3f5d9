#pragma once

#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

/// What comes after a subject, by its number: myself, yourself, ...
extern const std::vector<std::string> reflexives;

/// All words of the grammar but the reflexives.
unroll::nn::Vocabulary agreement_vocabulary();

/// Sentences as numbers, each with the number of its subject: "she behind his brother often when they slept hurt",
/// whose next word is "herself".
struct AgreementSentences {
  unroll::nn::Sequences words;
  std::vector<std::size_t> subjects, lengths;

  /// One more, with `distance` words from its subject on; some of these are subjects, too.
  void add(std::size_t distance, const unroll::nn::Vocabulary& vocabulary, unroll::Random& random);
};

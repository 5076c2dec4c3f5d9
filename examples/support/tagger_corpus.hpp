#pragma once

#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

#include "tag_scores.hpp"

/// Sentences as numbers: each word is a form, and each form has a word of the vocabulary and characters.
struct TaggerCorpus {
  unroll::nn::Sequences forms, tags;
  std::vector<std::size_t> lengths;  ///< of the sentences
  std::size_t size = 0;              ///< in words
  std::vector<std::int64_t> words;   ///< of the forms
  unroll::nn::Sequences characters;  ///< of the forms
  std::vector<double> known;         ///< of the forms, how often it may be a known word in training
  std::int64_t unknown = 0;          ///< the word that stands for all others
};

/// Some sentences side by side. The characters of a form are there once, however often it occurs.
struct TaggerInput {
  unroll::Indices words, forms, tags;             ///< [time, batch]
  unroll::Indices lengths;                        ///< [batch]
  unroll::Indices characters, character_lengths;  ///< [longest form, forms], [forms]
  std::size_t size = 0;                           ///< in words
};

/// Some sentences of a corpus. With a random stream, words are taken for unknown, the rarer the more often:
/// Kiperwasser and Goldberg (2016)
TaggerInput input_of(const TaggerCorpus& corpus, const std::vector<std::size_t>& sentences,
                     unroll::Random* random = nullptr);

/// Some sentences, the longest first, dealt out to so many shares, or to one each if there are fewer: each goes to the
/// share with the fewest words so far.
std::vector<TaggerInput> shares_of(const TaggerCorpus& corpus, const std::vector<std::size_t>& sentences,
                                   std::size_t shares, unroll::Random& random);

/// What a tagger learns of a corpus beside its weights.
struct TaggerVocabulary {
  unroll::nn::Vocabulary words;  ///< in lower case, those that occur at least twice
  unroll::nn::Vocabulary characters;
  unroll::nn::Vocabulary tags{{.padding = "", .unknown = ""}};
  FrequentTags frequent;

  explicit TaggerVocabulary(const std::vector<unroll::nn::Sentence>& corpus);
  /// The vocabulary that was written there.
  explicit TaggerVocabulary(const unroll::nn::Metadata& metadata);
  void write(unroll::nn::Metadata& metadata) const;

  TaggerCorpus encode(const std::vector<unroll::nn::Sentence>& sentences) const;
};

/// Copies the vectors of the words of a vocabulary to their rows of a table; returns how many there are.
std::size_t copy_vectors(const unroll::nn::WordVectors<float>& vectors, const unroll::nn::Vocabulary& words,
                         unroll::Array<float>& table);

/// The value of a key; an Error if there is none.
const std::string& find(const unroll::nn::Metadata& metadata, const std::string& key);

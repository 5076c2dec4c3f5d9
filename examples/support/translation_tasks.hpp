#pragma once

#include <string>
#include <unroll/autograd/random.hpp>
#include <unroll/nn/text/vocabulary.hpp>
#include <unroll/nn/training/batches.hpp>
#include <vector>

/// A text and its translation.
struct Pair {
  std::string source, target;
};

/// The characters that texts are made of.
extern const std::string translation_characters;

/// The tasks: "dates" to ISO 8601 from the ways there are to write them, "reverse" and "sort" the letters of a word.
extern const std::vector<std::string> translation_tasks;

/// Pairs of a task; no target occurs twice.
std::vector<Pair> translation_pairs(const std::string& task, std::size_t count, unroll::Random& random);

/// The characters by their numbers; 0 is the end of a text.
unroll::nn::Vocabulary translation_vocabulary();

/// Pairs as numbers of characters. A decoder is to say `y` when it is told what comes before.
struct PairCorpus {
  static constexpr std::int64_t end = 0;  ///< comes after the last character, and before the first that is said
  unroll::nn::Sequences x, before, y;
  std::vector<std::size_t> lengths;  ///< of x

  PairCorpus(const std::vector<Pair>& pairs, const unroll::nn::Vocabulary& vocabulary);
};

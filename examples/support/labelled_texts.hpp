#pragma once

#include <string>
#include <unroll/autograd/random.hpp>
#include <unroll/nn/text/vocabulary.hpp>
#include <unroll/nn/training/batches.hpp>
#include <vector>

/// Texts, each with the number of its class.
struct LabelledTexts {
  std::vector<std::string> classes, texts;
  std::vector<std::int64_t> labels;

  std::size_t size() const { return texts.size(); }
};

/// The lines `label<TAB>text` of a file, or the lines of the files *.txt of a folder, each of which is a class. An
/// Error tells what is wrong with them, and where; each class has at least two texts.
LabelledTexts read_labelled(const std::string& path);

/// Invented surnames of four invented languages.
LabelledTexts toy_names(std::size_t count, unroll::Random& random);

/// Deals out the texts of each class: four fifths to learn, the others held out.
std::pair<LabelledTexts, LabelledTexts> split(const LabelledTexts& all, unroll::Random& random);

/// Texts as numbers.
struct EncodedTexts {
  unroll::nn::Sequences characters;
  std::vector<std::size_t> lengths;
  std::vector<std::int64_t> labels;

  EncodedTexts(const LabelledTexts& texts, const unroll::nn::Vocabulary& vocabulary);
};

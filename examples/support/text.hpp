#pragma once

#include <string>
#include <unroll/autograd/array.hpp>
#include <unroll/autograd/random.hpp>
#include <unroll/nn/text/vocabulary.hpp>
#include <vector>

/// The pieces of a text, characters or words: as Mikolov's files have them, words stand between spaces, and a line ends
/// with <eos>. An Error tells what is wrong with the text, and where; it is called `name`.
std::vector<std::string> pieces(const std::string& text, bool words, const std::string& name);

/// The whole of a file, which must not be empty.
std::string read_text(const std::string& path);

/// Sentences of a small English grammar, one a line.
std::string toy_text(std::size_t sentences, unroll::Random& random);

/// The pieces that occur often enough, after <unk> for the others.
unroll::nn::Vocabulary vocabulary_of(const std::vector<std::string>& pieces, std::size_t minimum);

/// The lines of a text, each of which has an end.
std::vector<std::string> lines_of(const std::string& text);

/// A vocabulary as a text, and back.
std::string joined(const unroll::nn::Vocabulary& vocabulary, bool words);
unroll::nn::Vocabulary vocabulary_of(const std::string& joined, bool words);

/// A text cut into columns side by side, each of which goes on where it was from window to window.
class Windows {
 public:
  Windows(const std::vector<std::int64_t>& text, std::size_t columns, std::size_t steps);

  std::size_t size() const { return (length_ + steps_ - 1) / steps_; }
  std::size_t columns() const { return columns_; }
  /// What a window predicts, in pieces.
  double count(std::size_t window) const;
  /// Some columns of a window, or what follows each of their pieces: nn::ignored beyond the text.
  /// shape: [time, last − first]
  unroll::Indices tokens(std::size_t window, std::size_t first, std::size_t last) const;
  unroll::Indices labels(std::size_t window, std::size_t first, std::size_t last) const;

 private:
  unroll::Indices cut(std::size_t window, std::size_t first, std::size_t last, std::size_t later,
                      std::int64_t beyond) const;

  std::vector<std::int64_t> text_;
  std::size_t columns_, steps_, length_;  // of a column, in pieces that are predicted
};

/// How a piece is drawn from what a model finds likely.
struct Sampling {
  double temperature = 1;  ///< 0 for the most likely piece
  std::size_t top_k = 0;   ///< of so many likely ones only; 0 for all
  double top_p = 1;        ///< of the most likely ones that have this probability together: Holtzman et al. (2020)
};

/// Draws from softmax(scores / temperature).
std::int64_t draw(const unroll::Array<float>& scores, const Sampling& sampling, unroll::Random& random);

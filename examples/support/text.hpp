#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <unroll/autograd/random.hpp>
#include <unroll/nn/text/vocabulary.hpp>
#include <vector>

namespace unroll::examples {

/// The text that printf prints.
[[gnu::format(printf, 1, 2)]] std::string formatted(const char* format, ...);

/// Rows of cells one below the other, the first of each row flush left, the others flush right.
std::string table_of(const std::vector<std::vector<std::string>>& rows);

/// One of some choices.
template <class Choices> const auto& choose(const Choices& choices, Random& random) {
  return choices[random.below(std::size(choices))];
}

/// The pieces of a text, characters or words: as Mikolov's files have them, words stand between spaces, and a line ends
/// with <eos>. An Error tells what is wrong with the text, and where; it is called `name`.
std::vector<std::string> pieces(const std::string& text, bool words, const std::string& name);

/// The whole of a file, or of standard input if it is called -, which must not be empty.
std::string read_text(const std::string& path);

/// What errors call a file, or standard input.
std::string name_of(const std::string& path);

/// A line of a text to be predicted, and its number.
struct NumberedLine {
  std::string text;
  std::size_t number;
};

/// Calls `next` with the lines of a file, or of standard input if it is called -, at most so many at once; those that
/// are empty are left out. An Error for a line that is no UTF-8 or has a tab, since it is to become a field of a table.
void for_lines(const std::string& path, std::size_t at_once,
               const std::function<void(const std::vector<NumberedLine>&)>& next);

/// A word with small letters instead of the capitals of ASCII.
std::string lower_case(std::string word);

/// The lines of a text, each of which has an end, and such a text of lines.
std::vector<std::string> lines_of(const std::string& text);
std::string text_of_lines(const std::vector<std::string>& lines);

/// The pieces that occur often enough, after <unk> for the others.
nn::Vocabulary frequent_pieces(const std::vector<std::string>& pieces, std::size_t minimum);

/// Such a vocabulary as a text, to be stored with a model, and back.
std::string stored(const nn::Vocabulary& vocabulary, bool words);
nn::Vocabulary stored_vocabulary(const std::string& text, bool words);

/// The numbers of some pieces.
std::vector<std::int64_t> ids_of(const std::vector<std::string>& pieces, const nn::Vocabulary& vocabulary);

}  // namespace unroll::examples

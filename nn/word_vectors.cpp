#include "nn/word_vectors.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "nn/lines.hpp"

namespace unroll::nn {

namespace {

// As std::from_chars, but the whole field must be the number.
template <class Number>
std::errc parse(std::string_view field, Number& number) {
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, number);
  return stop == end ? error : std::errc::invalid_argument;
}

std::string_view first_field(std::string_view text) { return text.substr(0, text.find(' ')); }

std::string_view after_first_field(std::string_view text) {
  return text.substr(std::min(text.size(), first_field(text).size() + 1));
}

std::size_t fields_in(std::string_view text) { return static_cast<std::size_t>(std::ranges::count(text, ' ')) + 1; }

std::string_view without_trailing_spaces(std::string_view text) {
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

struct Header {
  std::size_t words = 0, size = 0;
};

bool read_header(std::string_view text, Header& header) {
  return parse(first_field(text), header.words) == std::errc() &&
         parse(after_first_field(text), header.size) == std::errc();
}

// A vector is the last `size` fields of its line, since some words contain a space (GloVe's 840B has "at Amazon.com").
std::string_view word_of(std::string_view text, std::size_t size, const Lines& lines) {
  const std::size_t numbers = fields_in(text) - 1;
  const auto check = [&](bool holds) {
    lines.require(holds, "a vector of size ", numbers, "; by line 1 its size must be ", size);
  };
  check(numbers >= size);
  std::size_t length = first_field(text).size();
  for (std::size_t k = size; k < numbers; ++k) {
    const std::string_view field = first_field(text.substr(length + 1));
    double number;
    check(parse(field, number) == std::errc::invalid_argument);
    length += 1 + field.size();
  }
  lines.require(length > 0, "the word is empty; a line is a word and its numbers");
  return text.substr(0, length);
}

template <class T>
T read_number(std::string_view field, const Lines& lines) {
  double number = 0;
  const std::errc error = parse(field, number);
  lines.require(error != std::errc::invalid_argument, "'", field, "' is not a number");
  const bool finite = error == std::errc() && std::abs(number) <= std::numeric_limits<T>::max();
  lines.require(finite, "'", field, "' is out of range; it must be finite");
  return static_cast<T>(number);
}

}  // namespace

template <class T>
WordVectors<T> read_word_vectors(const std::filesystem::path& path) {
  std::ifstream in = open_text(path);
  return read_word_vectors<T>(in, path.string());
}

template <class T>
WordVectors<T> read_word_vectors(std::istream& in, const std::string& name) {
  Lines lines(in, name);
  WordVectors<T> vectors;
  std::vector<T> values;
  std::unordered_set<std::string> seen;
  Header header;
  bool has_header = false;
  while (lines.next()) {
    const std::string_view text = without_trailing_spaces(lines.line());
    if (lines.number() == 1) {
      has_header = read_header(text, header);
      if (!has_header) header.size = fields_in(text) - 1;
      lines.require(header.size > 0, "vectors of size 0; a line is a word and its numbers");
      if (has_header) continue;
    }
    const std::string_view word = word_of(text, header.size, lines);
    const bool is_new = seen.emplace(word).second;
    if (is_new) vectors.words.emplace_back(word);
    for (std::string_view rest = text.substr(word.size()); !rest.empty();) {
      rest.remove_prefix(1);
      const std::string_view field = first_field(rest);
      const T value = read_number<T>(field, lines);
      if (is_new) values.push_back(value);
      rest.remove_prefix(field.size());
    }
  }
  const std::size_t read = lines.number() - (has_header ? 1 : 0);
  require(read > 0, name, "no word; a file of word vectors has at least one");
  require(!has_header || read == header.words, name, "the header says ", header.words, " words; there are ", read);
  vectors.table = uninitialised<T>({vectors.words.size(), header.size});
  std::ranges::copy(values, vectors.table.data());
  return vectors;
}

template WordVectors<float> read_word_vectors(const std::filesystem::path&);
template WordVectors<float> read_word_vectors(std::istream&, const std::string&);
template WordVectors<double> read_word_vectors(const std::filesystem::path&);
template WordVectors<double> read_word_vectors(std::istream&, const std::string&);

}  // namespace unroll::nn

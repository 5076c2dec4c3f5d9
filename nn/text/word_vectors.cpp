#include "word_vectors.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <limits>
#include <span>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "lines.hpp"

namespace unroll::nn {

namespace {

constexpr std::string_view separators = " \t";

bool is_separator(char c) { return c == ' ' || c == '\t'; }

// As std::from_chars, but the whole field must be the number, which may have a plus sign.
template <class Number> std::errc parse(std::string_view field, Number& number) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, number);
  return stop == end ? error : std::errc::invalid_argument;
}

// What stands between separators.
std::vector<std::string_view> fields_of(std::string_view text) {
  std::vector<std::string_view> fields;
  for (auto begin = text.begin();; ++begin) {
    const auto end = std::find_if(begin, text.end(), is_separator);
    fields.emplace_back(begin, end);
    if ((begin = end) == text.end()) return fields;
  }
}

std::string_view without_end(std::string_view text) { return text.substr(0, text.find_last_not_of(separators) + 1); }

// How many numbers a first line ends with. If another stands before them, nobody could tell the word from the vector.
std::size_t size_of(const std::vector<std::string_view>& fields, const Lines& lines) {
  std::size_t size = 0;
  for (std::size_t k = 1; k < fields.size(); ++k) {
    double number;
    const bool is_number = parse(fields[k], number) != std::errc::invalid_argument;
    lines.require(is_number || size == 0, "'", fields[k], "' is not a number");
    size += is_number;
  }
  return size;
}

template <class T> T read_number(std::string_view field, const Lines& lines) {
  double number = 0;
  const std::errc error = parse(field, number);
  lines.require(error != std::errc::invalid_argument, "'", field, "' is not a number");
  const bool finite = error == std::errc() && std::abs(number) <= std::numeric_limits<T>::max();
  lines.require(finite, "'", field, "' is out of range; it must be finite");
  return static_cast<T>(number);
}

}  // namespace

template <class T> WordVectors<T> read_word_vectors(const std::string& path) {
  std::ifstream in = open_text(path);
  return read_word_vectors<T>(in, path);
}

template <class T> WordVectors<T> read_word_vectors(std::istream& in, const std::string& name) {
  Lines lines(in, name);
  WordVectors<T> vectors;
  std::deque<T> values;  // a vector that grows is held three times
  std::unordered_set<std::string> seen;
  bool has_header = false;
  std::size_t words = 0, size = 0;  // as the first line tells
  std::size_t first = 0, read = 0;  // its number; how many lines tell of a word
  while (lines.next()) {
    const std::string_view text = without_end(lines.line());
    if (text.empty()) continue;
    const std::vector<std::string_view> fields = fields_of(text);
    if (first == 0) {
      first = lines.number();
      has_header =
          fields.size() == 2 && parse(fields[0], words) == std::errc() && parse(fields[1], size) == std::errc();
      if (!has_header) size = size_of(fields, lines);
      lines.require(size > 0, "vectors of size 0; a line is a word and its numbers");
      if (has_header) continue;
    }
    const std::size_t count = fields.size() - 1;
    lines.require(count >= size, "a vector of size ", count, "; by line ", first, " its size must be ", size);
    const auto numbers = fields.end() - std::ptrdiff_t(size);
    std::string_view word = without_end({text.begin(), numbers->begin()});
    word.remove_prefix(std::min(word.find_first_not_of(separators), word.size()));
    lines.require(!word.empty(), "the word is empty; a line is a word and its numbers");
    const bool is_new = seen.emplace(word).second;
    if (is_new) vectors.words.emplace_back(word);
    for (const std::string_view field : std::span(numbers, size)) {
      const T value = read_number<T>(field, lines);
      if (is_new) values.push_back(value);
    }
    ++read;
  }
  require(read > 0, name, "no word; a file of word vectors has at least one");
  require(!has_header || read == words, name, "the header says ", words, " words; there are ", read);
  vectors.table = uninitialised<T>({vectors.words.size(), size});
  std::ranges::copy(values, vectors.table.data());
  return vectors;
}

template WordVectors<float> read_word_vectors(const std::string&);
template WordVectors<float> read_word_vectors(std::istream&, const std::string&);
template WordVectors<double> read_word_vectors(const std::string&);
template WordVectors<double> read_word_vectors(std::istream&, const std::string&);

}  // namespace unroll::nn

#include "word_vectors.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <limits>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "lines.hpp"

namespace unroll::nn {

namespace {

bool is_separator(char c) { return c == ' ' || c == '\t'; }

// As std::from_chars, but the whole field must be the number, which may have a plus sign.
template <class Number> std::errc parse(std::string_view field, Number& number) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, number);
  return stop == end ? error : std::errc::invalid_argument;
}

std::size_t fields_in(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, is_separator)) + 1;
}

std::string_view first_field(std::string_view text) { return {text.begin(), std::ranges::find_if(text, is_separator)}; }

// Takes the first field from a text.
std::string_view take_field(std::string_view& text) {
  const std::string_view field = first_field(text);
  text.remove_prefix(std::min(field.size() + 1, text.size()));
  return field;
}

// So many as a text has at least.
std::string_view last_fields(std::string_view text, std::size_t count) {
  auto begin = text.rbegin();
  for (; count > 0; --count) begin = std::find_if(begin, text.rend(), is_separator) + 1;
  return {begin.base() + 1, text.end()};
}

std::string_view without_spaces_after(std::string_view text) {
  const auto last = std::find_if_not(text.rbegin(), text.rend(), is_separator);
  return text.substr(0, static_cast<std::size_t>(text.rend() - last));
}

std::string_view without_spaces_around(std::string_view text) {
  text.remove_prefix(static_cast<std::size_t>(std::ranges::find_if_not(text, is_separator) - text.begin()));
  return without_spaces_after(text);
}

struct FirstLine {
  std::size_t words = 0, size = 0;
};

bool read_header(std::string_view text, FirstLine& header) {
  return parse(take_field(text), header.words) == std::errc() && parse(text, header.size) == std::errc();
}

// How many numbers a first line ends with. If another stands before them, nobody could tell the word from the vector.
std::size_t size_of(std::string_view text, const Lines& lines) {
  std::size_t size = 0, others = fields_in(text) - 1;
  for (take_field(text); others > 0; --others) {
    const std::string_view field = take_field(text);
    double number;
    const bool is_number = parse(field, number) != std::errc::invalid_argument;
    lines.require(is_number || size == 0, "'", field, "' is not a number");
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
  FirstLine header;
  bool has_header = false;
  std::size_t first = 0, read = 0;  // the line that tells the size; how many lines tell of a word
  while (lines.next()) {
    const std::string_view text = without_spaces_after(lines.line());
    if (text.empty()) continue;
    if (first == 0) {
      first = lines.number();
      has_header = read_header(text, header);
      if (!has_header) header.size = size_of(text, lines);
      lines.require(header.size > 0, "vectors of size 0; a line is a word and its numbers");
      if (has_header) continue;
    }
    const std::size_t count = fields_in(text) - 1;
    lines.require(count >= header.size, "a vector of size ", count, "; by line ", first, " its size must be ",
                  header.size);
    std::string_view numbers = last_fields(text, header.size);
    const std::string_view word = without_spaces_around(text.substr(0, text.size() - numbers.size()));
    lines.require(!word.empty(), "the word is empty; a line is a word and its numbers");
    const bool is_new = seen.emplace(word).second;
    if (is_new) vectors.words.emplace_back(word);
    for (std::size_t k = 0; k < header.size; ++k) {
      const T value = read_number<T>(take_field(numbers), lines);
      if (is_new) values.push_back(value);
    }
    ++read;
  }
  require(read > 0, name, "no word; a file of word vectors has at least one");
  require(!has_header || read == header.words, name, "the header says ", header.words, " words; there are ", read);
  vectors.table = uninitialised<T>({vectors.words.size(), header.size});
  std::ranges::copy(values, vectors.table.data());
  return vectors;
}

template WordVectors<float> read_word_vectors(const std::string&);
template WordVectors<float> read_word_vectors(std::istream&, const std::string&);
template WordVectors<double> read_word_vectors(const std::string&);
template WordVectors<double> read_word_vectors(std::istream&, const std::string&);

}  // namespace unroll::nn

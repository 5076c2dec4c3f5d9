#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <sstream>
#include <string_view>
#include <system_error>
#include <unroll/nn/text/lines.hpp>
#include <unroll/nn/text/utf8.hpp>
#include <unroll/nn/training/batches.hpp>

#include "toy_corpus.hpp"

using namespace unroll;

std::vector<std::string> pieces(const std::string& text, bool words, const std::string& name) {
  try {
    if (!words) return nn::characters(text);
    nn::require_utf8(text);
  } catch (const Error& error) {
    fail(name, error.what());
  }
  std::vector<std::string> result;
  const auto cut = [](std::string_view& rest, std::string_view ends) {
    const std::string_view first = rest.substr(0, rest.find_first_of(ends));
    rest.remove_prefix(std::min(first.size() + 1, rest.size()));
    return first;
  };
  for (std::string_view rest = text; !rest.empty(); result.push_back("<eos>"))
    for (std::string_view line = cut(rest, "\n"); !line.empty();)
      if (const std::string_view word = cut(line, " \t\v\f\r"); !word.empty()) result.emplace_back(word);
  return result;
}

std::string read_text(const std::string& path) {
  require(!std::filesystem::is_directory(path), path, "it is a directory; it must be a file");
  std::ifstream in = nn::open_text(path);
  std::error_code no_size;  // of what is no regular file
  const auto size = std::filesystem::file_size(path, no_size);
  std::string text(no_size ? 0 : size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  std::ostringstream rest;
  if (in && in.peek() != std::ifstream::traits_type::eof()) rest << in.rdbuf();
  text += rest.view();
  require(!text.empty(), path, "the file is empty");
  return text;
}

std::string toy_text(std::size_t sentences, Random& random) {
  std::string text;
  for (const nn::Sentence& sentence : toy_corpus(sentences, random)) {
    for (std::size_t k = 0; k < sentence.tokens.size(); ++k) {
      const std::string& word = sentence.tokens[k].form;
      if (k > 0 && std::isalnum(static_cast<unsigned char>(word[0]))) text += ' ';
      text += word;
    }
    text += '\n';
  }
  return text;
}

nn::Vocabulary vocabulary_of(const std::vector<std::string>& pieces, std::size_t minimum) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& piece : pieces) ++counts[piece];
  counts.erase("<unk>");
  return nn::Vocabulary::from_counts(counts, minimum, {.padding = ""});
}

std::string joined(const nn::Vocabulary& vocabulary, bool words) {
  std::string result;
  for (std::size_t id = 1; id < vocabulary.size(); ++id)
    result += vocabulary.word(static_cast<std::int64_t>(id)) + (words ? "\n" : "");
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result.push_back(line);
  return result;
}

nn::Vocabulary vocabulary_of(const std::string& joined, bool words) {
  nn::Vocabulary vocabulary({.padding = ""});
  for (const std::string& piece : words ? lines_of(joined) : nn::characters(joined)) vocabulary.add(piece);
  return vocabulary;
}

Windows::Windows(const std::vector<std::int64_t>& text, std::size_t columns, std::size_t steps)
    : text_(text), columns_(std::min(columns, text.size() - 1)), steps_(steps) {
  require(text.size() > 1, "windows", "a text of ", text.size(), " pieces; there must be two to predict one");
  length_ = (text.size() - 1 + columns_ - 1) / columns_;
}

double Windows::count(std::size_t window) const {
  const std::size_t begin = window * steps_, end = std::min(begin + steps_, length_);
  double count = 0;
  for (std::size_t column = 0; column < columns_; ++column) {
    const std::size_t from = column * length_ + begin, to = std::min(column * length_ + end, text_.size() - 1);
    count += from < to ? double(to - from) : 0;
  }
  return count;
}

Indices Windows::cut(std::size_t window, std::size_t first, std::size_t last, std::size_t later,
                     std::int64_t beyond) const {
  require(window < size(), "windows", "window ", window, "; there are ", size());
  const std::size_t begin = window * steps_, time = std::min(steps_, length_ - begin);
  Indices result = Indices::from_shape({time, last - first});
  for (std::size_t t = 0; t < time; ++t)
    for (std::size_t column = first; column < last; ++column) {
      const std::size_t place = column * length_ + begin + t;
      result(t, column - first) = place + 1 < text_.size() ? text_[place + later] : beyond;
    }
  return result;
}

Indices Windows::tokens(std::size_t window, std::size_t first, std::size_t last) const {
  return cut(window, first, last, 0, 0);
}

Indices Windows::labels(std::size_t window, std::size_t first, std::size_t last) const {
  return cut(window, first, last, 1, nn::ignored);
}

std::int64_t draw(const Array<float>& scores, const Sampling& sampling, Random& random) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const float* const s = scores.data();
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return s[a] > s[b]; });
  if (sampling.temperature == 0) return static_cast<std::int64_t>(order[0]);
  if (sampling.top_k) order.resize(std::min(sampling.top_k, order.size()));
  std::vector<double> weights;
  for (const std::size_t id : order) weights.push_back(std::exp((s[id] - s[order[0]]) / sampling.temperature));
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double kept = 0;
  std::size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < sampling.top_p * all)) kept += weights[count++];
  double left = random.uniform() * kept;
  std::size_t k = 0;
  while (k + 1 < count && (left -= weights[k]) >= 0) ++k;
  return static_cast<std::int64_t>(order[k]);
}

#include "text.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <string_view>
#include <system_error>
#include <unroll/nn/text/lines.hpp>
#include <unroll/nn/text/utf8.hpp>

namespace unroll::examples {

std::string formatted(const char* format, ...) {
  std::va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  std::string text(static_cast<std::size_t>(std::vsnprintf(nullptr, 0, format, values)), ' ');
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  va_end(values);
  return text;
}

std::string table_of(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  const auto width = [](const std::string& cell) { return nn::characters(cell).size(); };
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], width(row[k]));
  }
  std::string result;
  for (const auto& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) {
      const std::string space(widths[k] - width(row[k]), ' ');
      result += k ? "  " + space + row[k] : row[k] + space;
    }
    result.erase(result.find_last_not_of(' ') + 1);
    result += '\n';
  }
  return result;
}

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

std::string name_of(const std::string& path) { return path == "-" ? "standard input" : path; }

std::string read_text(const std::string& path) {
  if (path == "-") {
    std::ostringstream typed;
    typed << std::cin.rdbuf();
    require(!typed.view().empty(), name_of(path), "it is empty");
    return typed.str();
  }
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

void for_lines(const std::string& path, std::size_t at_once,
               const std::function<void(const std::vector<NumberedLine>&)>& next) {
  std::ifstream file;
  if (path != "-") file = nn::open_text(path);
  nn::Lines lines(path == "-" ? std::cin : file, name_of(path));
  std::vector<NumberedLine> some;
  for (bool more = true; more;) {
    more = lines.next();
    if (more && !lines.line().empty()) {
      lines.require(lines.line().find('\t') == std::string::npos, "a tab; a line must be a text alone");
      try {
        nn::require_utf8(lines.line());
      } catch (const Error& error) {
        lines.fail_at(lines.number(), error.what());
      }
      some.push_back({lines.line(), lines.number()});
    }
    if (some.size() < (more ? at_once : 1)) continue;
    next(some);
    some.clear();
  }
}

std::string lower_case(std::string word) {
  for (char& c : word)
    if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return word;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result.push_back(line);
  return result;
}

std::string text_of_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

nn::Vocabulary frequent_pieces(const std::vector<std::string>& pieces, std::size_t minimum) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& piece : pieces) ++counts[piece];
  counts.erase("<unk>");
  return nn::Vocabulary::from_counts(counts, minimum, {.padding = ""});
}

std::string stored(const nn::Vocabulary& vocabulary, bool words) {
  std::string result;
  for (std::size_t id = 1; id < vocabulary.size(); ++id)
    result += vocabulary.word(static_cast<std::int64_t>(id)) + (words ? "\n" : "");
  return result;
}

nn::Vocabulary stored_vocabulary(const std::string& text, bool words) {
  nn::Vocabulary vocabulary({.padding = ""});
  for (const std::string& piece : words ? lines_of(text) : nn::characters(text)) vocabulary.add(piece);
  return vocabulary;
}

std::vector<std::int64_t> ids_of(const std::vector<std::string>& pieces, const nn::Vocabulary& vocabulary) {
  std::vector<std::int64_t> ids;
  for (const std::string& piece : pieces) ids.push_back(vocabulary[piece]);
  return ids;
}

}  // namespace unroll::examples

#include "refusals.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <regex>

namespace unroll {

void Refusals::operator()(const std::string& text, const Call& call) {
  const std::vector<double> before = state_();
  CHECK(error_of(call) == text);
  const auto same = [](double a, double b) { return a == b || (a != a && b != b); };
  CHECK_MESSAGE(std::ranges::equal(state_(), before, same), "something has changed: " << text);
  texts_.push_back(text);
}

std::size_t check_quoted(const std::vector<std::filesystem::path>& files, const std::vector<std::string>& texts) {
  // What reads and writes files and text has tests of its own.
  const std::regex tested_elsewhere(
      "(atomic_file|checkpoint|conllu|lines|safetensors|safetensors_header|stored_tensor|utf8|vocabulary|"
      "word_vectors)\\..pp");
  const std::regex literal(R"--("((?:[^"\\\n]|\\.)*)")--");
  std::size_t demands = 0;
  for (const auto& path : files) {
    const std::string name = path.filename().string();
    if (std::regex_match(name, tested_elsewhere)) continue;
    const std::string source = contents(path.string());
    for (std::sregex_iterator found(source.begin(), source.end(), literal), end; found != end; ++found) {
      const std::string text = found->str(1);
      if (text.find("; ") == std::string::npos || text.find("moved from") != std::string::npos) continue;
      CAPTURE(name);
      CAPTURE(text);
      CHECK(std::any_of(texts.begin(), texts.end(),
                        [&](const std::string& row) { return row.find(text) != std::string::npos; }));
      ++demands;
    }
  }
  return demands;
}

std::vector<std::string> numbers_without_a_row(const std::string& folder, const std::vector<std::string>& tables,
                                               const std::vector<std::pair<std::string, std::string>>& names) {
  std::string source;
  for (const std::string& table : tables) source += contents(table);
  const std::regex structs(R"(struct (\w+)Options \{([^\n]*\n(?:  [^\n]*\n)*))");
  const std::regex fields(
      R"((?:\n|^)  (?:double|int|std::size_t|std::int64_t|std::uint64_t|ZoneoutOf<Cell>) ([^;]*);)");
  const std::regex name_of_field(R"((\w+) = )");
  std::vector<std::string> missing;
  for (const auto& path : sources(folder)) {
    if (path.extension() != ".hpp") continue;
    const std::string header = contents(path.string());
    for (std::sregex_iterator s(header.begin(), header.end(), structs), end; s != end; ++s) {
      const std::string body = s->str(2);
      for (std::sregex_iterator f(body.begin(), body.end(), fields); f != end; ++f) {
        const std::string declared = f->str(1);
        for (std::sregex_iterator n(declared.begin(), declared.end(), name_of_field); n != end; ++n) {
          const std::string options = s->str(1), field = n->str(1);
          std::string name = options;
          for (const auto& [from, to] : names)
            if (from == options || from == options + "." + field) name = to;
          const std::regex row("\\b" + name + "\\b[^;]*[{ ]\\." + field + " = ");
          if (!name.empty() && !std::regex_search(source, row)) missing.push_back(options + "Options." + field);
        }
      }
    }
  }
  return missing;
}

}  // namespace unroll

// Tables of refusals: calls, and all that their Errors say. After each, nothing has changed.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "support.hpp"

namespace unroll {

/// Makes refusals happen, and holds what is said and what can be seen of everything else against what it must be.
class Refusals {
 public:
  /// All that a refused call might have changed, as numbers.
  using State = std::function<std::vector<double>()>;
  explicit Refusals(State state) : state_(std::move(state)) {}

  void operator()(const std::string& text, const std::function<void()>& call) {
    const std::vector<double> before = state_();
    CHECK(error_of(call) == text);
    const auto same = [](double a, double b) { return a == b || (a != a && b != b); };
    CHECK_MESSAGE(std::ranges::equal(state_(), before, same), "something has changed: " << text);
    texts_.push_back(text);
  }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  State state_;
  std::vector<std::string> texts_;
};

/// The numbers in the option structs of a folder's headers, "AdamOptions.beta1", that no table of refusals gives in a
/// call of what they are options of, "Adam<...>(... .beta1 = ...)". `names` tells what that is, where it is not the
/// name of the struct; a name of "" stands for a number that may be any.
inline std::vector<std::string> numbers_without_a_row(const std::string& folder, const std::string& table,
                                                      const std::vector<std::pair<std::string, std::string>>& names) {
  const std::string source = contents(table);
  const std::regex structs(R"(struct (\w+)Options \{([^\n]*\n(?:  [^\n]*\n)*))");
  const std::regex fields(
      R"((?:\n|^)  (?:double|int|std::size_t|std::int64_t|std::uint64_t|detail::ZoneoutOf<Cell>) ([^;]*);)");
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

#pragma once

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "corpus.hpp"

namespace unroll::examples {

/// Some words of a sentence around one, which stands in brackets.
inline std::string in_context(const nn::Sentence& sentence, std::size_t word, std::size_t around) {
  const std::size_t first = word > around ? word - around : 0;
  const std::size_t end = std::min(sentence.tokens.size(), word + around + 1);
  std::string text = first > 0 ? "…" : "";
  for (std::size_t t = first; t < end; ++t) {
    const std::string& form = sentence.tokens[t].form;
    text += (text.empty() ? "" : " ") + (t == word ? '[' + form + ']' : form);
  }
  return text + (end < sentence.tokens.size() ? " …" : "");
}

/// What one of two taggers, ours and theirs, alone has wrong.
class Differences {
 public:
  Differences(const std::vector<nn::Sentence>& sentences, const Tags& ours, const Tags& theirs, Column column) {
    for (std::size_t k = 0; k < sentences.size(); ++k)
      for (std::size_t t = 0; t < ours[k].size(); ++t) {
        const std::string& right = sentences[k].tokens[t].*column;
        const bool we = ours[k][t] == right, they = theirs[k][t] == right;
        ours_.count(we);
        theirs_.count(they);
        if (we == they) continue;
        Kind& kind = kinds_[{right, we ? theirs[k][t] : ours[k][t]}];
        ++(we ? kind.theirs : kind.ours);
        if (we && kind.examples.size() < 2) kind.examples.push_back(in_context(sentences[k], t, 8));
      }
  }

  /// Prints how many words each has right, and what one of them alone takes for something else: the most frequent kinds
  /// first, with words that only the other one, called `name`, has wrong.
  void print(std::ostream& out, const std::string& name) const {
    std::vector<std::pair<Name, Kind>> order(kinds_.begin(), kinds_.end());
    std::ranges::stable_sort(order, std::greater(), [](const auto& kind) { return kind.second.all(); });
    std::size_t ours = 0, theirs = 0;
    for (const auto& [tags, kind] : order) ours += kind.ours, theirs += kind.theirs;
    out << "accuracy " << ours_.text() << ", " << name << ' ' << theirs_.text() << "; wrong by " << name << " alone "
        << theirs << " words, by this model alone " << ours << '\n';
    constexpr std::size_t shown = 8;
    for (std::size_t k = 0; k < std::min(shown, order.size()); ++k) {
      const auto& [tags, kind] = order[k];
      out << tags.first << " taken for " << tags.second << ": by " << name << " alone " << kind.theirs
          << ", by this model alone " << kind.ours << '\n';
      for (const std::string& example : kind.examples) out << "    " << example << '\n';
    }
    if (order.size() > shown) out << "and " << order.size() - shown << " rarer kinds\n";
    out << std::flush;
  }

 private:
  using Name = std::pair<std::string, std::string>;  // the right tag and the wrong one
  struct Kind {
    std::size_t ours = 0, theirs = 0;  // that only one has wrong
    std::vector<std::string> examples = {};
    std::size_t all() const { return ours + theirs; }
  };

  Share ours_, theirs_;
  std::map<Name, Kind> kinds_;
};

}  // namespace unroll::examples

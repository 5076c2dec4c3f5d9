#pragma once

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "../support/text.hpp"

namespace unroll::examples {

/// Texts, each with the number of its class.
struct LabelledTexts {
  std::vector<std::string> classes, texts;
  std::vector<std::int64_t> labels;

  std::size_t size() const { return texts.size(); }
};

/// The lines `label<TAB>text` of a file, or the lines of the files *.txt of a folder, each of which is a class. An
/// Error tells what is wrong with them, and where; each class has at least two texts.
inline LabelledTexts read_labelled(const std::string& path) {
  namespace fs = std::filesystem;
  const bool folder = fs::is_directory(path);
  std::vector<fs::path> files{path};
  if (folder) files.assign(fs::directory_iterator(path), {});
  std::map<std::string, std::vector<std::string>> by_class;  // which are numbered by name
  for (const fs::path& file : files) {
    if (folder && file.extension() != ".txt") continue;
    std::ifstream in = nn::open_text(file);
    for (nn::Lines lines(in, file.string()); lines.next();) {
      if (lines.line().empty()) continue;
      try {
        nn::require_utf8(lines.line());
      } catch (const Error& error) {
        lines.fail_at(lines.number(), error.what());
      }
      const auto tab = folder ? 0 : lines.line().find('\t');
      lines.require(tab != std::string::npos, "no tab; a line is a class, a tab and a text");
      const std::string label = folder ? file.stem().string() : lines.line().substr(0, tab);
      const std::string text = folder ? lines.line() : lines.line().substr(tab + 1);
      lines.require(!text.empty() && !label.empty(), "a line without ", text.empty() ? "a text" : "a class",
                    "; both must be there");
      by_class[label].push_back(text);
    }
  }
  require(!by_class.empty(), path, "there is no text in it");
  require(by_class.size() > 1, path, "one class; there must be two at least");
  LabelledTexts all;
  for (const auto& [name, texts] : by_class) {
    nn::require_utf8(name);
    require(texts.size() > 1, path, "class '", name, "' has one example; there must be two, one of them held out");
    all.texts.insert(all.texts.end(), texts.begin(), texts.end());
    all.labels.insert(all.labels.end(), texts.size(), static_cast<std::int64_t>(all.classes.size()));
    all.classes.push_back(name);
  }
  return all;
}

/// Invented surnames of four invented languages.
inline LabelledTexts toy_names(std::size_t count, Random& random) {
  struct Language {
    std::string name;
    std::vector<std::string> onsets, vowels, codas, ends;
  };
  static const Language languages[] = {
      {"Arvian", {"b", "d", "gr", "k", "v", "st", "ml"}, {"a", "o", "i"}, {"", "n", "r", "sk"}, {"ov", "in", "enko"}},
      {"Belese", {"b", "d", "l", "m", "n", "r", "t"}, {"a", "e", "i", "o"}, {"", "", "n", "l"}, {"etti", "ano", "oro"}},
      {"Cothic",
       {"b", "h", "k", "st", "sch", "w", "gr"},
       {"a", "ei", "u", "o"},
       {"n", "r", "ch", "lt"},
       {"mann", "er", "berg"}},
      {"Dunish", {"k", "l", "m", "n", "t", "h", "p"}, {"aa", "i", "u", "ee", "a"}, {"", "", "n"}, {"nen", "la", "ki"}},
  };
  LabelledTexts all;
  for (const Language& language : languages) all.classes.push_back(language.name);
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t label = k % std::size(languages);
    const Language& language = languages[label];
    std::string name;
    for (std::size_t syllables = 1 + random.below(2); syllables-- > 0;)
      name += choose(language.onsets, random) + choose(language.vowels, random) + choose(language.codas, random);
    if (random.below(3) > 0) name += choose(language.ends, random);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    all.texts.push_back(name);
    all.labels.push_back(static_cast<std::int64_t>(label));
  }
  return all;
}

/// Deals out the texts of each class: four fifths to learn, the others held out.
inline std::pair<LabelledTexts, LabelledTexts> split(const LabelledTexts& all, Random& random) {
  std::vector<std::vector<std::size_t>> by_class(all.classes.size());
  for (std::size_t k = 0; k < all.size(); ++k) by_class[static_cast<std::size_t>(all.labels[k])].push_back(k);
  LabelledTexts learned{all.classes, {}, {}}, held_out = learned;
  for (std::vector<std::size_t>& texts : by_class) {
    random.shuffle(texts);
    const std::size_t held = std::max<std::size_t>(texts.size() / 5, 1);
    for (std::size_t k = 0; k < texts.size(); ++k) {
      LabelledTexts& part = k < held ? held_out : learned;
      part.texts.push_back(all.texts[texts[k]]);
      part.labels.push_back(all.labels[texts[k]]);
    }
  }
  return {learned, held_out};
}

/// Texts as numbers.
struct EncodedTexts {
  nn::Sequences characters;
  std::vector<std::size_t> lengths;
  std::vector<std::int64_t> labels;

  EncodedTexts(const LabelledTexts& texts, const nn::Vocabulary& vocabulary) : labels(texts.labels) {
    for (const std::string& text : texts.texts) {
      characters.push_back(ids_of(nn::characters(text), vocabulary));
      lengths.push_back(characters.back().size());
    }
  }
};

}  // namespace unroll::examples

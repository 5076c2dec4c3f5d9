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
  std::vector<std::string> first = {};  ///< where each class occurs first, as file:line

  std::size_t size() const { return texts.size(); }
};

/// The lines `class<TAB>text` of a file, or the lines of the files *.txt of a folder, each of which is a class. An
/// Error tells what is wrong with them, and where.
inline LabelledTexts read_labelled(const std::string& path) {
  namespace fs = std::filesystem;
  const bool folder = fs::is_directory(path);
  std::vector<fs::path> files{path};
  if (folder) files.assign(fs::directory_iterator(path), {});
  struct Class {
    std::string first;
    std::vector<std::string> texts;
  };
  std::map<std::string, Class> by_class;  // which are numbered by name
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
      Class& one = by_class[label];
      if (one.texts.empty()) one.first = file.string() + ":" + std::to_string(lines.number());
      one.texts.push_back(text);
    }
  }
  require(!by_class.empty(), path, "there is no text in it");
  LabelledTexts all;
  for (const auto& [name, one] : by_class) {
    nn::require_utf8(name);
    all.texts.insert(all.texts.end(), one.texts.begin(), one.texts.end());
    all.labels.insert(all.labels.end(), one.texts.size(), static_cast<std::int64_t>(all.classes.size()));
    all.classes.push_back(name);
    all.first.push_back(one.first);
  }
  return all;
}

/// An Error unless there are two classes at least with two texts each, one to learn and one to hold out; it says where,
/// and what may be the cause.
inline void require_learnable(const LabelledTexts& all, const std::string& path) {
  const std::size_t classes = all.classes.size();
  require(classes > 1, path, "one class, '", all.classes[0], "'; there must be two at least");
  std::vector<std::size_t> alone;  // classes with one text
  for (std::size_t k = 0; k < classes; ++k)
    if (std::ranges::count(all.labels, std::int64_t(k)) == 1) alone.push_back(k);
  if (alone.empty()) return;
  const std::size_t k = alone[0];
  require(classes == 2 || 2 * alone.size() <= classes, all.first[k], classes, " classes in ", all.size(),
          " lines; a line is a class, a tab and a text - are they the other way round?");
  fail(all.first[k], "the only text of class '", all.classes[k], "'; there must be two, one of them held out",
       all.first[k].ends_with(":1") ? " - if it is the head of a table, remove it" : "");
}

/// The same texts with the numbers that other classes have. An Error says where there is one that is not among them.
inline LabelledTexts renumbered(LabelledTexts texts, const std::vector<std::string>& classes) {
  std::vector<std::int64_t> numbers;
  for (std::size_t k = 0; k < texts.classes.size(); ++k) {
    const auto found = std::ranges::find(classes, texts.classes[k]);
    require(found != classes.end(), texts.first[k], "class '", texts.classes[k], "'; the model has not learned it");
    numbers.push_back(found - classes.begin());
  }
  for (std::int64_t& label : texts.labels) label = numbers[std::size_t(label)];
  texts.classes = classes;
  return texts;
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

#include "labelled_texts.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <unroll/nn/text/lines.hpp>
#include <unroll/nn/text/utf8.hpp>
#include <utility>

using namespace unroll;

namespace {

// Collects texts by class; the classes are numbered by name.
class Collection {
 public:
  void add(const nn::Lines& lines, const std::string& label, std::string text) {
    try {
      nn::require_utf8(text);
      nn::require_utf8(label);
    } catch (const Error& error) {
      lines.fail_at(lines.number(), error.what());
    }
    lines.require(!text.empty() && !label.empty(), "a line without ", text.empty() ? "a text" : "a class",
                  "; both must be there");
    by_class_[label].push_back(std::move(text));
  }
  LabelledTexts result(const std::string& path) {
    require(!by_class_.empty(), path, "there is no text in it");
    require(by_class_.size() > 1, path, "one class; there must be two at least");
    LabelledTexts all;
    for (auto& [name, texts] : by_class_) {
      require(texts.size() > 1, path, "class '", name, "' has one example; there must be two, one of them held out");
      std::ranges::move(texts, std::back_inserter(all.texts));
      all.labels.insert(all.labels.end(), texts.size(), static_cast<std::int64_t>(all.classes.size()));
      all.classes.push_back(name);
    }
    return all;
  }

 private:
  std::map<std::string, std::vector<std::string>> by_class_;
};

}  // namespace

LabelledTexts read_labelled(const std::string& path) {
  Collection collection;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() != ".txt") continue;
      std::ifstream in = nn::open_text(entry.path());
      nn::Lines lines(in, entry.path().string());
      while (lines.next())
        if (!lines.line().empty()) collection.add(lines, entry.path().stem().string(), lines.line());
    }
  } else {
    std::ifstream in = nn::open_text(path);
    nn::Lines lines(in, path);
    while (lines.next()) {
      if (lines.line().empty()) continue;
      const auto tab = lines.line().find('\t');
      lines.require(tab != std::string::npos, "no tab; a line is a class, a tab and a text");
      collection.add(lines, lines.line().substr(0, tab), lines.line().substr(tab + 1));
    }
  }
  return collection.result(path);
}

LabelledTexts toy_names(std::size_t count, Random& random) {
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
  const auto one = [&](const auto& list) -> const auto& { return list[random.below(std::size(list))]; };
  LabelledTexts all;
  for (const Language& language : languages) all.classes.push_back(language.name);
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t label = k % std::size(languages);
    const Language& language = languages[label];
    std::string name;
    for (std::size_t syllables = 1 + random.below(2); syllables-- > 0;)
      name += one(language.onsets) + one(language.vowels) + one(language.codas);
    if (random.below(3) > 0) name += one(language.ends);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    all.texts.push_back(name);
    all.labels.push_back(static_cast<std::int64_t>(label));
  }
  return all;
}

std::pair<LabelledTexts, LabelledTexts> split(const LabelledTexts& all, Random& random) {
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

EncodedTexts::EncodedTexts(const LabelledTexts& texts, const nn::Vocabulary& vocabulary) : labels(texts.labels) {
  for (const std::string& text : texts.texts) {
    auto& ids = characters.emplace_back();
    for (const std::string& character : nn::characters(text)) ids.push_back(vocabulary[character]);
    lengths.push_back(ids.size());
  }
}

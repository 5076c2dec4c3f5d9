#pragma once

#include <algorithm>
#include <cctype>
#include <chrono>
#include <iterator>
#include <string>
#include <unordered_set>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "../support/text.hpp"

namespace unroll::examples {

/// A text and its translation.
struct Pair {
  std::string source, target;
};

/// The characters that texts are made of.
inline const std::string translation_characters = " ,./-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The tasks: "dates" to ISO 8601 from the ways there are to write them, "reverse" and "sort" the letters of a word.
inline const std::vector<std::string> translation_tasks{"dates", "reverse", "sort"};

inline const char* const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
inline const char* const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

inline const char* ordinal(unsigned day) {
  if (day / 10 == 1) return "th";
  return day % 10 == 1 ? "st" : day % 10 == 2 ? "nd" : day % 10 == 3 ? "rd" : "th";
}

/// A day from 1950 to 2049, so that the last two digits of a year tell which it is.
inline Pair dated(Random& random) {
  using namespace std::chrono;
  const sys_days first = year(1950) / 1 / 1, end = year(2050) / 1 / 1;
  const sys_days at = first + std::chrono::days(random.below(static_cast<std::uint64_t>((end - first).count())));
  const year_month_day date(at);
  const int year = int(date.year()), year_of_century = year % 100;
  const unsigned month = unsigned(date.month()), day = unsigned(date.day());
  const std::string name = months[month - 1], abbreviation = name.substr(0, 3);
  const char* const full = name.c_str();
  const char* const brief = abbreviation.c_str();
  const std::string spellings[] = {
      formatted("%s %u, %d", full, day, year),
      formatted("%s %u%s, %d", full, day, ordinal(day), year),
      formatted("%u %s %d", day, full, year),
      formatted("the %u%s of %s %d", day, ordinal(day), full, year),
      formatted("%s, %s %u, %d", days[weekday(at).c_encoding()], full, day, year),
      formatted("%u %s %02d", day, brief, year_of_century),
      formatted("%s %u, %d", brief, day, year),
      formatted("%u.%u.%d", day, month, year),
      formatted("%u/%u/%02d", month, day, year_of_century),
  };
  std::string source = spellings[random.below(std::size(spellings))];
  if (random.below(2)) std::ranges::transform(source, source.begin(), [](unsigned char c) { return std::tolower(c); });
  return {source, formatted("%04d-%02u-%02u", year, month, day)};
}

inline std::string letters(Random& random) {
  std::string word(4 + random.below(7), ' ');
  for (char& letter : word) letter = static_cast<char>('a' + random.below(26));
  return word;
}

/// A pair of a task.
inline Pair draw_pair(const std::string& task, Random& random) {
  if (task == "dates") return dated(random);
  Pair pair{letters(random), ""};
  pair.target = pair.source;
  if (task == "reverse") std::ranges::reverse(pair.target);
  if (task == "sort") std::ranges::sort(pair.target);
  return pair;
}

/// Pairs of a task; no target occurs twice.
inline std::vector<Pair> translation_pairs(const std::string& task, std::size_t count, Random& random) {
  // There are 36,525 dates, and the last ones would take long to find.
  require(count <= 30000, "translation_pairs", count, " pairs; there are 30000 at most");
  std::vector<Pair> pairs;
  for (std::unordered_set<std::string> targets; pairs.size() < count;)
    if (Pair pair = draw_pair(task, random); targets.insert(pair.target).second) pairs.push_back(std::move(pair));
  return pairs;
}

/// The characters by their numbers; 0 is the end of a text.
inline nn::Vocabulary translation_vocabulary() {
  nn::Vocabulary vocabulary({.padding = "end", .unknown = ""});
  for (const char character : translation_characters) vocabulary.add({&character, 1});
  return vocabulary;
}

/// Pairs as numbers of characters. A decoder is to say `y` when it is told what comes before.
struct PairCorpus {
  static constexpr std::int64_t end = 0;  ///< comes after the last character, and before the first that is said
  nn::Sequences x, before, y;
  std::vector<std::size_t> lengths;  ///< of x

  PairCorpus(const std::vector<Pair>& pairs, const nn::Vocabulary& vocabulary) {
    for (const Pair& pair : pairs) {
      x.push_back(ids_of(nn::characters(pair.source), vocabulary));
      y.push_back(ids_of(nn::characters(pair.target), vocabulary));
      before.push_back(y.back());
      before.back().insert(before.back().begin(), end);
      y.back().push_back(end);
      lengths.push_back(x.back().size());
    }
  }
};

}  // namespace unroll::examples

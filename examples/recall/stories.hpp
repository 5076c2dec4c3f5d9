#pragma once

#include <cmath>
#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

#include "../support/text.hpp"

namespace unroll::examples {

/// "I grew up in France it was warm we had a dog , I speak fluent French ."
class StoryGrammar {
 public:
  using Words = std::vector<std::string>;

  inline static const Words countries{"France", "Spain", "Finland", "Poland"},
      languages{"French", "Spanish", "Finnish", "Polish"};
  /// The fewest words from the country to its language.
  static constexpr std::size_t nearest = 4;

  static nn::Vocabulary vocabulary() {
    nn::Vocabulary vocabulary({.padding = "", .unknown = ""});
    for (const Words& words : {languages, countries, begin, end, marks})
      for (const std::string& word : words) vocabulary.add(word);
    for (const Words& sentence : between)
      for (const std::string& word : sentence) vocabulary.add(word);
    return vocabulary;
  }

  /// A story in which the language is `distance` words behind its country.
  static Words story(std::size_t country, std::size_t distance, Random& random) {
    Words words = begin;
    const auto say = [&](const Words& more) { words.insert(words.end(), more.begin(), more.end()); };
    say({countries[country]});
    for (std::size_t room = distance - nearest; room > 0;) {
      const Words& sentence = choose(between, random);
      const Words filling = sentence.size() <= room ? sentence : Words(room, marks[0]);
      say(filling);
      room -= filling.size();
    }
    say(end);
    say({languages[country], marks[1]});
    return words;
  }

 private:
  inline static const Words begin{"I", "grew", "up", "in"}, end{"I", "speak", "fluent"}, marks{",", "."};
  inline static const std::vector<Words> between{
      {"it", "was", "warm"}, {"we", "had", "a", "dog"}, {"my", "father", "sang"}, {"then", "we", "left"}};
};

/// Stories as numbers, and where in each the language is.
struct Stories {
  Indices words, next, lengths;  ///< [time, batch], what follows each of them, [batch]
  Indices places, languages;     ///< [batch], how many words stand before the language, and [batch, 1], the language

  /// With `nearest` to `farthest` words from the country to the language, where each doubling is equally likely.
  Stories(std::size_t count, std::size_t nearest, std::size_t farthest, const nn::Vocabulary& vocabulary,
          Random& random)
      : lengths(Indices::from_shape({count})),
        places(Indices::from_shape({count})),
        languages(Indices::from_shape({count, 1})) {
    nn::Sequences read, follow;
    std::vector<std::size_t> rows;
    for (std::size_t k = 0; k < count; ++k) {
      const double log =
          std::log(double(nearest)) + random.uniform() * std::log(double(farthest + 1) / double(nearest));
      const std::size_t country = random.below(StoryGrammar::countries.size());
      const auto ids = ids_of(StoryGrammar::story(country, std::size_t(std::exp(log)), random), vocabulary);
      rows.push_back(k);
      read.emplace_back(ids.begin(), ids.end() - 1);
      follow.emplace_back(ids.begin() + 1, ids.end());
      lengths(k) = std::ssize(ids) - 1;
      places(k) = std::ssize(ids) - 2;
      languages(k, 0) = vocabulary[StoryGrammar::languages[country]];
    }
    words = nn::pad(read, rows, 0);
    next = nn::pad(follow, rows, nn::ignored);
  }
};

}  // namespace unroll::examples

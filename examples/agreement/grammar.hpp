#pragma once

#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

#include "../support/text.hpp"

namespace unroll::examples {

/// "she behind his brother often when they slept hurt", whose next word is "herself".
class AgreementGrammar {
 public:
  using Words = std::vector<std::string>;

  /// What comes after a subject, by its number.
  inline static const Words reflexives{"myself", "yourself", "himself", "herself", "itself", "ourselves", "themselves"};

  /// All words but the reflexives.
  static nn::Vocabulary vocabulary() {
    nn::Vocabulary vocabulary({.padding = "", .unknown = ""});
    for (const Words* words : {&subjects, &verbs, &adverbs, &places, &owners, &nouns, &times, &actions})
      for (const std::string& word : *words) vocabulary.add(word);
    return vocabulary;
  }

  /// A sentence with `distance` words from its subject on; some of these are subjects, too.
  static Words sentence(std::size_t subject, std::size_t distance, Random& random) {
    Words words{subjects[subject]};
    while (words.size() < distance) {
      const std::size_t left = distance - words.size(), kind = random.below(5);
      if (left < 3 || kind == 0)
        words.push_back(choose(adverbs, random));
      else if (kind < 3)
        words.insert(words.end(), {choose(places, random), choose(owners, random), choose(nouns, random)});
      else
        words.insert(words.end(), {choose(times, random), choose(subjects, random), choose(actions, random)});
    }
    words.push_back(choose(verbs, random));
    return words;
  }

 private:
  inline static const Words subjects{"I", "you", "he", "she", "it", "we", "they"},
      verbs{"hurt", "saw", "liked", "blamed"}, adverbs{"often", "later", "again"},
      places{"near", "behind", "with", "without"}, owners{"my", "your", "his", "her", "its", "our", "their", "the"},
      nouns{"girl", "boy", "women", "men", "dog", "brother", "sister", "houses"}, times{"when", "while", "after"},
      actions{"slept", "sang", "left", "came"};
};

/// Sentences as numbers, each with the number of its subject.
struct AgreementSentences {
  nn::Sequences words;
  std::vector<std::size_t> subjects, lengths;

  /// One more, with `distance` words from its subject on.
  void add(std::size_t distance, const nn::Vocabulary& vocabulary, Random& random) {
    subjects.push_back(random.below(AgreementGrammar::reflexives.size()));
    words.push_back(ids_of(AgreementGrammar::sentence(subjects.back(), distance, random), vocabulary));
    lengths.push_back(words.back().size());
  }
};

}  // namespace unroll::examples

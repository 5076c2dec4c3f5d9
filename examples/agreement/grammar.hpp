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
  /// What asks for one of several subjects, and so how many there may be.
  inline static const Words ordinals{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"};

  /// All words but the reflexives.
  static nn::Vocabulary vocabulary() {
    nn::Vocabulary vocabulary({.padding = "", .unknown = ""});
    for (const Words* words : {&subjects, &verbs, &adverbs, &places, &owners, &nouns, &times, &actions, &ordinals})
      for (const std::string& word : *words) vocabulary.add(word);
    return vocabulary;
  }

  /// A sentence that begins with some subjects; the last of them and what follows are `distance` words. Then comes a
  /// verb and, if there are several, which of them is asked for. `noise` is the share of what stands between that has
  /// another subject in it.
  static Words sentence(const std::vector<std::size_t>& open, std::size_t asked, std::size_t distance, double noise,
                        Random& random) {
    Words words, rest;
    for (const std::size_t subject : open) words.push_back(subjects[subject]);
    while (rest.size() + 1 < distance) {
      if (distance - rest.size() < 4 || random.below(5) == 0)
        rest.push_back(choose(adverbs, random));
      else if (random.uniform() < noise)
        rest.insert(rest.end(), {choose(times, random), choose(subjects, random), choose(actions, random)});
      else
        rest.insert(rest.end(), {choose(places, random), choose(owners, random), choose(nouns, random)});
    }
    rest.push_back(choose(verbs, random));
    if (open.size() > 1) rest.push_back(ordinals[asked]);
    words.insert(words.end(), rest.begin(), rest.end());
    return words;
  }

 private:
  inline static const Words subjects{"I", "you", "he", "she", "it", "we", "they"},
      verbs{"hurt", "saw", "liked", "blamed"}, adverbs{"often", "later", "again"},
      places{"near", "behind", "with", "without"}, owners{"my", "your", "his", "her", "its", "our", "their", "the"},
      nouns{"girl", "boy", "women", "men", "dog", "brother", "sister", "houses"}, times{"when", "while", "after"},
      actions{"slept", "sang", "left", "came"};
};

/// What sentences are like.
struct AgreementKind {
  std::size_t nearest, farthest;  ///< words from the subject to the verb
  std::size_t open;               ///< subjects
  double noise;                   ///< the share of what stands between that has another subject in it
};

/// Sentences as numbers, and of each the number of the subject that is asked for.
struct AgreementSentences {
  Indices words, lengths, subjects;  ///< [time, batch], [batch], [batch]

  AgreementSentences(std::size_t count, const AgreementKind& kind, const nn::Vocabulary& vocabulary, Random& random)
      : lengths(Indices::from_shape({count})), subjects(Indices::from_shape({count})) {
    nn::Sequences all;
    std::vector<std::size_t> rows;
    for (std::size_t k = 0; k < count; ++k) {
      std::vector<std::size_t> open(kind.open);
      for (std::size_t& subject : open) subject = random.below(AgreementGrammar::reflexives.size());
      const std::size_t asked = random.below(kind.open);
      const std::size_t distance = kind.nearest + random.below(kind.farthest - kind.nearest + 1);
      all.push_back(ids_of(AgreementGrammar::sentence(open, asked, distance, kind.noise, random), vocabulary));
      rows.push_back(k);
      lengths(k) = static_cast<std::int64_t>(all[k].size());
      subjects(k) = static_cast<std::int64_t>(open[asked]);
    }
    words = nn::pad(all, rows, 0);
  }
};

}  // namespace unroll::examples

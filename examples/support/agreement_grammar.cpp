#include "agreement_grammar.hpp"

using namespace unroll;

namespace {

using Words = std::vector<std::string>;

const Words subjects{"I", "you", "he", "she", "it", "we", "they"}, verbs{"hurt", "saw", "liked", "blamed"},
    adverbs{"often", "later", "again"}, places{"near", "behind", "with", "without"},
    owners{"my", "your", "his", "her", "its", "our", "their", "the"},
    nouns{"girl", "boy", "women", "men", "dog", "brother", "sister", "houses"}, times{"when", "while", "after"},
    actions{"slept", "sang", "left", "came"};

Words sentence(std::size_t subject, std::size_t distance, Random& random) {
  const auto one = [&](const Words& words) { return words[random.below(words.size())]; };
  Words words{subjects[subject]};
  while (words.size() < distance) {
    const std::size_t left = distance - words.size(), kind = random.below(5);
    if (left < 3 || kind == 0)
      words.push_back(one(adverbs));
    else if (kind < 3)
      words.insert(words.end(), {one(places), one(owners), one(nouns)});
    else
      words.insert(words.end(), {one(times), one(subjects), one(actions)});
  }
  words.push_back(one(verbs));
  return words;
}

}  // namespace

const Words reflexives{"myself", "yourself", "himself", "herself", "itself", "ourselves", "themselves"};

nn::Vocabulary agreement_vocabulary() {
  nn::Vocabulary vocabulary({.padding = "", .unknown = ""});
  for (const Words* words : {&subjects, &verbs, &adverbs, &places, &owners, &nouns, &times, &actions})
    for (const std::string& word : *words) vocabulary.add(word);
  return vocabulary;
}

void AgreementSentences::add(std::size_t distance, const nn::Vocabulary& vocabulary, Random& random) {
  subjects.push_back(random.below(reflexives.size()));
  auto& ids = words.emplace_back();
  for (const std::string& word : sentence(subjects.back(), distance, random)) ids.push_back(vocabulary[word]);
  lengths.push_back(ids.size());
}

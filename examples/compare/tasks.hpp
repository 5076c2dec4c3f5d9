#pragma once

#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

#include "../classify/labelled_texts.hpp"
#include "../support/text.hpp"

namespace unroll::examples {

/// A sentence or a text in pieces, and its labels: one for each piece, or one for all of them. A piece whose label is
/// empty does not count.
struct Example {
  std::vector<std::string> pieces, labels;
};
using Examples = std::vector<Example>;

/// "they near the house never ran and put and moved behind the dog nothing again yesterday": what is to be found are
/// three features of verbs that their forms do not show. The number of "ran" is that of the subject, before it; the
/// tense of "put" is told by the last word, after it; "moved" is affirmed if there is no negation or one on each side,
/// since two cancel each other out.
inline Examples toy_sentences(std::size_t count, Random& random) {
  using Words = std::vector<std::string>;
  static const Words subjects[] = {{"he", "she", "it"}, {"we", "they", "you"}},
                     before[] = {{"always", "often", "soon"}, {"never", "hardly", "seldom"}},
                     after[] = {{"everything", "something", "much"}, {"nothing", "nobody", "none"}},
                     times[] = {{"now", "today", "nowadays"}, {"yesterday", "once", "formerly"}},
                     verbs[] = {{"ran", "sang", "slept"}, {"put", "cut", "shut"}, {"moved", "opened", "answered"}};
  static const Words places{"near", "behind", "with", "without"}, determiners{"the", "a", "this", "my"},
      nouns{"house", "dog", "boy", "river", "book", "girl"};
  Examples examples(count);
  for (Example& one : examples) {
    const auto say = [&](const std::string& word, const std::string& label = "") {
      one.pieces.push_back(word);
      one.labels.push_back(label);
    };
    const auto places_between = [&] {
      for (std::size_t n = random.below(3); n-- > 0;)
        for (const Words* words : {&places, &determiners, &nouns}) say(choose(*words, random));
    };
    const std::size_t number = random.below(2), negated = random.below(3) == 0, nothing = random.below(3) == 0,
                      past = random.below(2);
    const std::string labels[] = {number ? "Plur" : "Sing", past ? "Past" : "Pres", negated == nothing ? "Pos" : "Neg"};
    say(choose(subjects[number], random));
    places_between();
    say(choose(before[negated], random));
    places_between();
    for (const std::size_t n : random.permutation(4)) {
      const std::size_t k = std::min<std::size_t>(n, 2);
      say(choose(verbs[k], random), labels[k]);
      if (random.below(2)) say("and");
    }
    places_between();
    say(choose(after[nothing], random));
    places_between();
    say(choose(times[past], random));
  }
  return examples;
}

/// "the room was large we found the food not good ...": opinions among other words, some of them negated; a text is of
/// the class that most of them are.
inline Examples toy_reviews(std::size_t count, Random& random) {
  using Words = std::vector<std::string>;
  static const Words opinions[] = {{"bad", "dull", "dirty", "rude", "slow", "cold", "noisy", "stale"},
                                   {"good", "kind", "clean", "quick", "warm", "fresh", "lovely", "quiet"}};
  static const Words others{"the",   "a",      "we",  "they", "room", "food", "street", "was",
                            "had",   "on",     "in",  "of",   "and",  "day",  "town",   "then",
                            "table", "people", "saw", "went", "to",   "very", "there"};
  Examples examples(count);
  for (Example& one : examples) {
    const std::size_t length = 10 + random.below(41);
    std::vector<std::size_t> places = random.permutation(length);
    places.resize(1 + 2 * random.below(3));
    std::size_t good = 0;
    for (std::size_t t = 0; t < length; ++t) {
      if (std::ranges::find(places, t) == places.end()) {
        one.pieces.push_back(choose(others, random));
        continue;
      }
      const std::size_t opinion = random.below(2), negated = random.below(2);
      if (negated) one.pieces.push_back("not");
      one.pieces.push_back(choose(opinions[opinion], random));
      good += opinion != negated;
    }
    one.labels = {2 * good > places.size() ? "good" : "bad"};
  }
  return examples;
}

/// The words of a CoNLL-U file with their universal parts of speech.
inline Examples read_tagged(const std::string& path) {
  Examples examples;
  for (const nn::Sentence& sentence : nn::read_conllu(path)) {
    Example& one = examples.emplace_back();
    for (const nn::Token& token : sentence.tokens) {
      one.pieces.push_back(token.form);
      one.labels.push_back(token.upos);
    }
  }
  return examples;
}

/// Texts with their classes (read_labelled), in words or characters.
inline Examples read_texts(const std::string& path, bool words) {
  const LabelledTexts texts = read_labelled(path);
  Examples examples;
  for (std::size_t k = 0; k < texts.size(); ++k) {
    std::vector<std::string> all = pieces(texts.texts[k], words, path);
    examples.push_back({all, {texts.classes[std::size_t(texts.labels[k])]}});
  }
  return examples;
}

/// Examples as numbers.
struct EncodedExamples {
  nn::Sequences pieces, labels;

  EncodedExamples(const Examples& examples, const nn::Vocabulary& vocabulary, const nn::Vocabulary& classes) {
    for (const Example& one : examples) {
      pieces.push_back(ids_of(one.pieces, vocabulary));
      labels.emplace_back();
      for (const std::string& label : one.labels) labels.back().push_back(label.empty() ? nn::ignored : classes[label]);
    }
  }
};

/// Some of them side by side.
struct ExampleBatch {
  Indices pieces, lengths;  ///< [time, batch], [batch]
  Indices labels;           ///< [time, batch], or [1, batch] where there is one for all pieces

  ExampleBatch(const EncodedExamples& examples, const std::vector<std::size_t>& rows)
      : pieces(nn::pad(examples.pieces, rows, 0)),
        lengths(Indices::from_shape({rows.size()})),
        labels(nn::pad(examples.labels, rows, nn::ignored)) {
    for (std::size_t k = 0; k < rows.size(); ++k) lengths(k) = std::ssize(examples.pieces[rows[k]]);
  }
};

}  // namespace unroll::examples

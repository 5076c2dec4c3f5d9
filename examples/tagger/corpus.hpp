#pragma once

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <tuple>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "../support/confusion.hpp"
#include "../support/text.hpp"

namespace unroll::examples {

/// The tags of the words of each sentence.
using Tags = std::vector<std::vector<std::string>>;

/// What a tagger says: the tags, and maybe how probable each is.
struct Tagged {
  Tags tags;
  std::vector<std::vector<double>> probabilities = {};
};

/// The columns of CoNLL-U that can be learned, and what they are called there.
inline const std::vector<std::string> tag_columns = {"upos", "xpos", "feats"};

/// Such a column by its name.
using Column = std::string nn::Token::*;
inline Column column_of(const std::string& name) {
  return name == "none"   ? nullptr
         : name == "upos" ? &nn::Token::upos
         : name == "xpos" ? &nn::Token::xpos
                          : &nn::Token::feats;
}

/// Sentences as numbers: each word is a form, and each form has a word of the vocabulary and characters.
struct TaggerCorpus {
  nn::Sequences forms, tags, also;   ///< also: the tags of a second column, learned beside the first
  std::vector<std::size_t> lengths;  ///< of the sentences
  std::vector<std::int64_t> words;   ///< of the forms
  nn::Sequences characters;          ///< of the forms
  std::vector<double> known;         ///< of the forms, how often it may be a known word in training
  std::int64_t unknown = 0;          ///< the word that stands for all others
};

/// Some sentences side by side. The characters of a form are there once, however often it occurs.
struct TaggerInput {
  Indices words, forms, tags, also;       ///< [time, batch]
  Indices lengths;                        ///< [batch]
  Indices characters, character_lengths;  ///< [longest form, forms], [forms]
  std::size_t size = 0;                   ///< in words
};

inline Indices lengths_of(const nn::Sequences& sequences, const std::vector<std::size_t>& rows) {
  Indices lengths = Indices::from_shape({rows.size()});
  for (std::size_t k = 0; k < rows.size(); ++k) lengths(k) = std::ssize(sequences[rows[k]]);
  return lengths;
}

/// Some sentences of a corpus. With a random stream, words are taken for unknown, the rarer the more often:
/// Kiperwasser and Goldberg (2016)
inline TaggerInput input_of(const TaggerCorpus& corpus, const std::vector<std::size_t>& sentences,
                            Random* random = nullptr) {
  TaggerInput input;
  input.forms = nn::pad(corpus.forms, sentences, 0);
  input.tags = nn::pad(corpus.tags, sentences, nn::ignored);
  input.also = nn::pad(corpus.also, sentences, nn::ignored);
  input.lengths = lengths_of(corpus.forms, sentences);
  input.words = input.forms;
  for (const std::size_t k : sentences) input.size += corpus.lengths[k];
  std::vector<std::size_t> distinct;
  std::vector<std::int64_t> place(corpus.words.size(), -1);
  for (std::size_t k = 0; k < input.forms.size(); ++k) {
    const auto form = static_cast<std::size_t>(input.forms.flat(k));
    if (place[form] < 0) {
      place[form] = std::ssize(distinct);
      distinct.push_back(form);
    }
    input.forms.flat(k) = place[form];
    const bool known = !random || random->uniform() < corpus.known[form];
    input.words.flat(k) = known ? corpus.words[form] : corpus.unknown;
  }
  input.characters = nn::pad(corpus.characters, distinct, 0);
  input.character_lengths = lengths_of(corpus.characters, distinct);
  return input;
}

/// Some sentences, the longest first, dealt out to so many shares, or to one each if there are fewer: each goes to the
/// share with the fewest words so far.
inline std::vector<TaggerInput> shares_of(const TaggerCorpus& corpus, const std::vector<std::size_t>& sentences,
                                          std::size_t shares, Random& random) {
  std::vector<std::vector<std::size_t>> dealt(std::min(shares, sentences.size()));
  std::vector<std::size_t> words(dealt.size());
  for (const std::size_t k : sentences) {
    const auto least = static_cast<std::size_t>(std::ranges::min_element(words) - words.begin());
    dealt[least].push_back(k);
    words[least] += corpus.lengths[k];
  }
  std::vector<TaggerInput> inputs;
  for (const auto& share : dealt) inputs.push_back(input_of(corpus, share, &random));
  return inputs;
}

/// The tag that each form of a corpus has most often, and for all other forms the tag that is most frequent: what a
/// tagger must beat.
struct FrequentTags {
  std::map<std::string, std::string> of_form;
  std::string overall;

  FrequentTags() = default;
  FrequentTags(const std::vector<nn::Sentence>& corpus, Column column) {
    using Counts = std::map<std::string, std::size_t>;
    std::map<std::string, Counts> by_form;
    Counts all;
    for (const auto& sentence : corpus)
      for (const auto& token : sentence.tokens) {
        ++by_form[token.form][token.*column];
        ++all[token.*column];
      }
    const auto first_of_most = [](const Counts& counts) {
      return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
    };
    overall = first_of_most(all);
    for (const auto& [form, counts] : by_form) of_form.emplace(form, first_of_most(counts));
  }

  std::vector<std::string> forms() const {
    std::vector<std::string> result;
    for (const auto& [form, tag] : of_form) result.push_back(form);
    return result;
  }
  bool knows(const std::string& form) const { return of_form.contains(form); }
  const std::string& operator()(const std::string& form) const {
    const auto found = of_form.find(form);
    return found == of_form.end() ? overall : found->second;
  }
};

/// What a tagger learns of a corpus beside its weights.
struct TaggerVocabulary {
  nn::Vocabulary words;  ///< in lower case, those that occur at least twice, and those that are known anyway
  nn::Vocabulary characters;
  nn::Vocabulary tags{{.padding = "", .unknown = ""}}, also = tags;
  Column column, also_column;  ///< that the tags stand in; the second may be none
  FrequentTags frequent;

  TaggerVocabulary(const std::vector<nn::Sentence>& corpus, Column of_tags, Column of_also,
                   const std::vector<std::string>& known)
      : column(of_tags), also_column(of_also), frequent(corpus, of_tags) {
    std::map<std::string, std::size_t> counts;
    for (const nn::Sentence& sentence : corpus) {
      for (const nn::Token& token : sentence.tokens) {
        ++counts[lower_case(token.form)];
        for (const std::string& character : nn::characters(token.form)) characters.add(character);
        tags.add(token.*column);
        if (also_column) also.add(token.*also_column);
      }
    }
    words = nn::Vocabulary::from_counts(counts, 2);
    for (const std::string& word : known) words.add(word);
  }

  /// The vocabulary that was written there.
  TaggerVocabulary(const nn::Metadata& metadata, Column of_tags, Column of_also)
      : words(nn::Vocabulary::from_words(lines_of(metadata.at("words")))),
        characters(nn::Vocabulary::from_words(lines_of(metadata.at("characters")))),
        tags(nn::Vocabulary::from_words(lines_of(metadata.at("tags")), {.padding = "", .unknown = ""})),
        column(of_tags),
        also_column(of_also) {
    if (also_column)
      also = nn::Vocabulary::from_words(lines_of(metadata.at("also_tags")), {.padding = "", .unknown = ""});
    frequent.overall = metadata.at("frequent_tag");
    for (const std::string& line : lines_of(metadata.at("frequent_tags"))) {
      const auto tab = std::min(line.find('\t'), line.size() - 1);
      frequent.of_form.emplace(line.substr(0, tab), line.substr(tab + 1));
    }
  }

  void write(nn::Metadata& metadata) const {
    metadata["words"] = text_of_lines(words.words());
    metadata["characters"] = text_of_lines(characters.words());
    metadata["tags"] = text_of_lines(tags.words());
    if (also_column) metadata["also_tags"] = text_of_lines(also.words());
    metadata["frequent_tag"] = frequent.overall;
    std::string& lines = metadata["frequent_tags"];
    for (const auto& [form, tag] : frequent.of_form) lines += form + '\t' + tag + '\n';
  }

  TaggerCorpus encode(const std::vector<nn::Sentence>& sentences) const {
    TaggerCorpus corpus;
    corpus.unknown = words.unknown();
    nn::Vocabulary forms({.padding = "", .unknown = ""});
    std::vector<double> counts(words.size());
    for (const nn::Sentence& sentence : sentences) {
      auto& form = corpus.forms.emplace_back();
      auto& tag = corpus.tags.emplace_back();
      auto& second = corpus.also.emplace_back();
      for (const nn::Token& token : sentence.tokens) {
        form.push_back(forms.add(token.form));
        tag.push_back(number_of(token, tags, column));
        second.push_back(number_of(token, also, also_column));
        ++counts[static_cast<std::size_t>(words[lower_case(token.form)])];
      }
      corpus.lengths.push_back(form.size());
    }
    for (const std::string& form : forms.words()) {
      corpus.words.push_back(words[lower_case(form)]);
      const double count = counts[static_cast<std::size_t>(corpus.words.back())];
      corpus.known.push_back(count / (count + 0.25));
      corpus.characters.push_back(ids_of(nn::characters(form), characters));
    }
    return corpus;
  }

 private:
  static std::int64_t number_of(const nn::Token& token, const nn::Vocabulary& tags, Column column) {
    return column && tags.contains(token.*column) ? tags[token.*column] : nn::ignored;
  }
};

/// Copies the vectors of the words of a vocabulary to their rows of a table; returns how many there are.
inline std::size_t copy_vectors(const nn::WordVectors<float>& vectors, const nn::Vocabulary& words,
                                Array<float>& table) {
  std::size_t count = 0;
  for (std::size_t k = 0; k < vectors.words.size(); ++k) {
    if (!words.contains(vectors.words[k])) continue;
    const auto row = static_cast<std::size_t>(words[vectors.words[k]]);
    std::copy_n(&vectors.table(k, 0), table.shape()[1], &table(row, 0));
    ++count;
  }
  return count;
}

/// How many of some are right.
struct Share {
  std::size_t right = 0, all = 0;

  void count(bool is_right) { right += is_right, ++all; }
  double of_all() const { return double(right) / double(all); }
  /// "97.11 %", or "none" of none.
  std::string text() const { return all ? formatted("%.2f %%", 100 * of_all()) : "none"; }
};

/// The share of words with the right tag.
inline double accuracy(const std::vector<nn::Sentence>& sentences, const Tags& tags, Column column) {
  Share right;
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (std::size_t t = 0; t < tags[k].size(); ++t) right.count(tags[k][t] == sentences[k].tokens[t].*column);
  return right.of_all();
}

/// Prints precision, recall and F1 of each tag, and then the accuracy: of all words, of those that occur in training
/// and of the others, and that of the most frequent tags. Draws what each tag was taken for, if there is a name for the
/// picture.
inline void print_scores(std::ostream& out, const std::vector<nn::Sentence>& sentences, const Tags& tags,
                         const TaggerVocabulary& vocabulary, const std::string& picture) {
  const auto& [column, frequent] = std::tie(vocabulary.column, vocabulary.frequent);
  std::map<std::string, std::size_t> numbers;  // of all tags
  for (const auto& sentence : sentences)
    for (const auto& token : sentence.tokens) numbers[token.*column];
  for (const auto& sentence : tags)
    for (const auto& tag : sentence) numbers[tag];
  std::vector<std::string> names;
  for (auto& [tag, number] : numbers) {
    number = names.size();
    names.push_back(tag);
  }
  Confusion confusion(names);
  Share seen, unseen, baseline;
  for (std::size_t k = 0; k < sentences.size(); ++k) {
    for (std::size_t t = 0; t < tags[k].size(); ++t) {
      const std::string &form = sentences[k].tokens[t].form, &wanted = sentences[k].tokens[t].*column;
      confusion.count(numbers[wanted], numbers[tags[k][t]]);
      (frequent.knows(form) ? seen : unseen).count(tags[k][t] == wanted);
      baseline.count(frequent(form) == wanted);
    }
  }
  confusion.print(out, "words");
  if (!picture.empty()) confusion.draw(picture);
  out << formatted("test accuracy %.2f %% (seen %s, unseen %s, baseline %s)\n", 100 * confusion.accuracy(),
                   seen.text().c_str(), unseen.text().c_str(), baseline.text().c_str())
      << std::flush;
}

}  // namespace unroll::examples

#include "tagger_corpus.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

using namespace unroll;

namespace {

std::string lower_case(std::string word) {
  for (char& c : word)
    if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return word;
}

// Lists are kept as lines: no word of a CoNLL-U file contains the end of one.
std::string join(const std::vector<std::string>& words) {
  std::string lines;
  for (const std::string& word : words) lines += word + '\n';
  return lines;
}

std::vector<std::string> split_lines(const std::string& lines) {
  std::vector<std::string> words;
  std::istringstream in(lines);
  for (std::string word; std::getline(in, word);) words.push_back(word);
  return words;
}

Indices lengths_of(const nn::Sequences& sequences, const std::vector<std::size_t>& rows) {
  Indices lengths = Indices::from_shape({rows.size()});
  for (std::size_t k = 0; k < rows.size(); ++k) lengths(k) = std::ssize(sequences[rows[k]]);
  return lengths;
}

}  // namespace

TaggerInput input_of(const TaggerCorpus& corpus, const std::vector<std::size_t>& sentences, Random* random) {
  TaggerInput input;
  input.forms = nn::pad(corpus.forms, sentences, 0);
  input.tags = nn::pad(corpus.tags, sentences, nn::ignored);
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

std::vector<TaggerInput> shares_of(const TaggerCorpus& corpus, const std::vector<std::size_t>& sentences,
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

TaggerVocabulary::TaggerVocabulary(const std::vector<nn::Sentence>& corpus) : frequent(corpus) {
  std::map<std::string, std::size_t> counts;
  for (const nn::Sentence& sentence : corpus) {
    for (const nn::Token& token : sentence.tokens) {
      ++counts[lower_case(token.form)];
      for (const std::string& character : nn::characters(token.form)) characters.add(character);
      tags.add(token.upos);
    }
  }
  words = nn::Vocabulary::from_counts(counts, 2);
}

TaggerVocabulary::TaggerVocabulary(const nn::Metadata& metadata)
    : words(nn::Vocabulary::from_words(split_lines(find(metadata, "words")))),
      characters(nn::Vocabulary::from_words(split_lines(find(metadata, "characters")))),
      tags(nn::Vocabulary::from_words(split_lines(find(metadata, "tags")), {.padding = "", .unknown = ""})) {
  frequent.overall = find(metadata, "frequent_tag");
  for (const std::string& line : split_lines(find(metadata, "frequent_tags"))) {
    const auto tab = std::min(line.find('\t'), line.size() - 1);
    frequent.of_form.emplace(line.substr(0, tab), line.substr(tab + 1));
  }
}

void TaggerVocabulary::write(nn::Metadata& metadata) const {
  metadata["words"] = join(words.words());
  metadata["characters"] = join(characters.words());
  metadata["tags"] = join(tags.words());
  metadata["frequent_tag"] = frequent.overall;
  std::string& lines = metadata["frequent_tags"];
  for (const auto& [form, tag] : frequent.of_form) lines += form + '\t' + tag + '\n';
}

TaggerCorpus TaggerVocabulary::encode(const std::vector<nn::Sentence>& sentences) const {
  TaggerCorpus corpus;
  corpus.unknown = words.unknown();
  nn::Vocabulary forms({.padding = "", .unknown = ""});
  std::vector<double> counts(words.size());
  for (const nn::Sentence& sentence : sentences) {
    auto& form = corpus.forms.emplace_back();
    auto& tag = corpus.tags.emplace_back();
    for (const nn::Token& token : sentence.tokens) {
      form.push_back(forms.add(token.form));
      tag.push_back(tags.contains(token.upos) ? tags[token.upos] : nn::ignored);
      ++counts[static_cast<std::size_t>(words[lower_case(token.form)])];
    }
    corpus.lengths.push_back(form.size());
    corpus.size += form.size();
  }
  for (const std::string& form : forms.words()) {
    corpus.words.push_back(words[lower_case(form)]);
    const double count = counts[static_cast<std::size_t>(corpus.words.back())];
    corpus.known.push_back(count / (count + 0.25));
    auto& spelling = corpus.characters.emplace_back();
    for (const std::string& character : nn::characters(form)) spelling.push_back(characters[character]);
  }
  return corpus;
}

std::size_t copy_vectors(const nn::WordVectors<float>& vectors, const nn::Vocabulary& words, Array<float>& table) {
  std::size_t count = 0;
  for (std::size_t k = 0; k < vectors.words.size(); ++k) {
    if (!words.contains(vectors.words[k])) continue;
    const auto row = static_cast<std::size_t>(words[vectors.words[k]]);
    std::copy_n(&vectors.table(k, 0), table.shape()[1], &table(row, 0));
    ++count;
  }
  return count;
}

const std::string& find(const nn::Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  require(found != metadata.end(), "metadata", "there is no '", key, "'");
  return found->second;
}

#pragma once

#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "../support/command_line.hpp"
#include "../support/text.hpp"
#include "../support/toy_corpus.hpp"
#include "corpus.hpp"

namespace unroll::examples {

/// The words between the spaces of a text.
inline nn::Sentence sentence_of(const std::string& text) {
  nn::Sentence sentence;
  std::istringstream words(text);
  std::string joined;
  for (std::string word; words >> word; joined += ' ' + word) add_word(sentence, word);
  sentence.comments = {"# text =" + joined};
  return sentence;
}

/// Throws an Error for a word or a tag that is no text, and for a word without a tag if all must be `tagged`.
inline void require_words(const std::vector<nn::Sentence>& sentences, const std::string& path, bool tagged) {
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (const nn::Token& token : sentences[k].tokens) {
      const std::string where = formatted("sentence %zu, word %s: ", k + 1, token.id.c_str());
      try {
        nn::require_utf8(token.form);
        nn::require_utf8(token.upos);
      } catch (const Error& error) {
        fail(path, where, error.what());
      }
      require(!tagged || (!token.upos.empty() && token.upos != "_"), path, where, "'", token.form,
              "' has no tag; the fourth column must hold one");
    }
}

/// The sentences of a CoNLL-U file in which every word has a tag. An Error tells what is wrong, and where.
inline std::vector<nn::Sentence> read_tagged(const std::string& path) {
  const auto sentences = nn::read_conllu(path);
  require_words(sentences, path, true);
  return sentences;
}

/// The sentences of a file, or of standard input if it is called -: CoNLL-U, or else the lines that are not empty.
/// CoNLL-U is what is in a file *.conllu, and what begins with a # or has a tab in its first line.
inline std::vector<nn::Sentence> read_sentences(const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  std::ostringstream typed;
  if (path == "-") typed << std::cin.rdbuf();
  std::istringstream in(path == "-" ? typed.str() : read_text(path));
  nn::Lines lines(in, name);
  bool more = lines.next();
  std::vector<nn::Sentence> sentences;
  if (path.ends_with(".conllu") || lines.line().starts_with('#') || lines.line().find('\t') != std::string::npos) {
    in.clear();
    in.seekg(0);
    sentences = nn::read_conllu(in, name);
  } else {
    for (; more; more = lines.next())
      if (nn::Sentence sentence = sentence_of(lines.line()); !sentence.tokens.empty())
        sentences.push_back(std::move(sentence));
    require(!sentences.empty(), name, "no sentence; there must be at least one");
  }
  require_words(sentences, name, false);
  return sentences;
}

inline void set_tags(std::vector<nn::Sentence>& sentences, const Tags& tags) {
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (std::size_t t = 0; t < sentences[k].tokens.size(); ++t) sentences[k].tokens[t].upos = tags[k][t];
}

/// Prints the words, and below each its tag.
inline void print_tagged(std::ostream& out, const nn::Sentence& sentence) {
  std::string words, tags;
  std::size_t words_width = 0;
  for (const nn::Token& token : sentence.tokens) {
    // The next word begins right of the last word and of the last tag.
    const std::size_t width = std::max(words_width, tags.size()) + (words.empty() ? 0 : 2);
    words += std::string(width - words_width, ' ') + token.form;
    tags += std::string(width - tags.size(), ' ') + token.upos;
    words_width = width + nn::characters(token.form).size();
  }
  out << words << '\n' << tags << '\n';
}

struct Corpora {
  std::vector<nn::Sentence> train, dev, test;
};

/// What a tagger reads.
struct TaggerFiles {
  std::string train, dev, test, vectors, tag_file, tag;

  /// Sentences of a toy language where nothing else is to be learned.
  bool toy(const std::string& load) const { return train.empty() && load.empty(); }
  Corpora corpora(const std::string& load) const {
    Corpora corpora;
    if (toy(load)) {
      require(test.empty(), "--test", "it needs --train or --load");
      Random random(1);
      return {toy_corpus(2000, random), toy_corpus(300, random), toy_corpus(500, random)};
    }
    if (!train.empty()) corpora.train = read_tagged(train);
    if (!dev.empty()) corpora.dev = read_tagged(dev);
    if (!test.empty()) corpora.test = read_tagged(test);
    return corpora;
  }

  /// What is to be tagged for the user, if anything is.
  std::vector<nn::Sentence> to_tag(const CommandLine& line) const {
    if (!tag_file.empty()) return read_sentences(tag_file);
    if (!line.given("--tag")) return {};
    if (tag == "-") return read_sentences("-");
    pieces(tag, false, "--tag");
    const nn::Sentence sentence = sentence_of(tag);
    require(!sentence.tokens.empty(), "--tag", "no word; there must be at least one");
    return {sentence};
  }
};

}  // namespace unroll::examples

#pragma once

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "../support/command_line.hpp"
#include "../support/text.hpp"
#include "../support/toy_corpus.hpp"
#include "corpus.hpp"
#include "tokeniser.hpp"

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

/// Throws an Error for a word or a tag that is no text, and for a word without a tag if all must be `tagged`: features
/// alone may be none.
inline void require_words(const std::vector<nn::Sentence>& sentences, const std::string& path,
                          const std::string& column, bool tagged) {
  const std::string place = column == "upos" ? "fourth" : column == "xpos" ? "fifth" : "sixth";
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (const nn::Token& token : sentences[k].tokens) {
      const std::string where = formatted("sentence %zu, word %s: ", k + 1, token.id.c_str());
      const std::string& tag = token.*column_of(column);
      try {
        nn::require_utf8(token.form);
        nn::require_utf8(tag);
      } catch (const Error& error) {
        fail(path, where, error.what());
      }
      require(!tagged || (!tag.empty() && (tag != "_" || column == "feats")), path, where, "'", token.form,
              "' has no tag; the ", place, " column must hold one, or another column than ", column, " be learned");
    }
}

/// The sentences of a CoNLL-U file in which every word has a tag. An Error tells what is wrong, and where.
inline std::vector<nn::Sentence> read_tagged(const std::string& path, const std::string& column) {
  const auto sentences = nn::read_conllu(path);
  require_words(sentences, path, column, true);
  return sentences;
}

/// What is to be tagged.
struct TextToTag {
  const Tokeniser& tokeniser;
  bool tokenised;  ///< whether words are apart by spaces, and each line is a sentence

  std::vector<nn::Sentence> sentences(const std::string& line) const {
    if (!tokenised) return tokeniser(line);
    nn::Sentence sentence = sentence_of(line);
    return sentence.tokens.empty() ? std::vector<nn::Sentence>() : std::vector{sentence};
  }

  /// The sentences of a file, or of standard input if it is called -: CoNLL-U, which is kept as it is, or else text.
  /// CoNLL-U is what is in a file *.conllu, and what begins with a # or has a tab in its first line.
  std::vector<nn::Sentence> read(const std::string& path) const {
    const std::string name = name_of(path);
    std::istringstream in(read_text(path));
    nn::Lines lines(in, name);
    bool more = lines.next();
    if (path.ends_with(".conllu") || lines.line().starts_with('#') || lines.line().find('\t') != std::string::npos) {
      in.clear();
      in.seekg(0);
      auto kept = nn::read_conllu(in, name);
      require_words(kept, name, "upos", false);
      return kept;
    }
    std::vector<nn::Sentence> all;
    for (; more; more = lines.next()) {
      try {
        nn::require_utf8(lines.line());
      } catch (const Error& error) {
        lines.fail_at(lines.number(), error.what());
      }
      std::ranges::move(sentences(lines.line()), std::back_inserter(all));
    }
    require(!all.empty(), name, "no sentence; there must be at least one");
    return all;
  }
};

/// Puts tags into their column, and their probabilities, if there are any, among what is miscellaneous: `p=0.98`.
inline void set_tags(std::vector<nn::Sentence>& sentences, const Tagged& tagged, Column column) {
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (std::size_t t = 0; t < sentences[k].tokens.size(); ++t) {
      nn::Token& token = sentences[k].tokens[t];
      token.*column = tagged.tags[k][t];
      if (tagged.probabilities.empty()) continue;
      const std::string p = formatted("p=%.4f", tagged.probabilities[k][t]);
      token.misc = token.misc == "_" ? p : token.misc + '|' + p;
    }
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
  std::string train, dev, test, vectors, tag_file, tag, column = "upos", also = "none", toy = "marked";
  bool tokenised = false;

  Corpora corpora(bool of_toy) const {
    Corpora corpora;
    if (of_toy) {
      require(test.empty(), "--test", "it needs --train or --load");
      require(column == "upos", "--column", column, "; the toy language has upos alone - give --train");
      require(also == "none", "--also", also, "; the toy language has upos alone - give --train");
      Random random(1);
      const bool marked = toy == "marked";
      return {toy_corpus(2000, random, marked), toy_corpus(300, random, marked), toy_corpus(500, random, marked)};
    }
    if (!train.empty()) corpora.train = read_tagged(train, column);
    if (also != "none") require_words(corpora.train, train, also, true);
    if (!dev.empty()) corpora.dev = read_tagged(dev, column);
    if (!test.empty()) corpora.test = read_tagged(test, column);
    return corpora;
  }

  /// What is to be tagged for the user, if anything is.
  std::vector<nn::Sentence> to_tag(const CommandLine& line, const Tokeniser& tokeniser) const {
    const TextToTag text{tokeniser, tokenised};
    if (!tag_file.empty()) return text.read(tag_file);
    if (!line.given("--tag")) return {};
    if (tag == "-") return text.read("-");
    pieces(tag, false, "--tag");
    auto sentences = text.sentences(tag);
    require(!sentences.empty(), "--tag", "no word; there must be at least one");
    return sentences;
  }
};

}  // namespace unroll::examples

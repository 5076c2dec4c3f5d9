#include "sentences.hpp"

#include <algorithm>
#include <iostream>
#include <sstream>
#include <unroll/nn/text/lines.hpp>
#include <unroll/nn/text/utf8.hpp>
#include <utility>

using namespace unroll;

namespace {

void require_text(const std::vector<nn::Sentence>& sentences, const std::string& path) {
  for (std::size_t k = 0; k < sentences.size(); ++k) {
    for (const nn::Token& token : sentences[k].tokens) {
      try {
        nn::require_utf8(token.form);
        nn::require_utf8(token.upos);
      } catch (const Error& error) {
        fail(path, "sentence ", k + 1, ", word ", token.id, ": ", error.what());
      }
    }
  }
}

// Goes back to the beginning.
bool looks_like_conllu(const std::string& path, std::istream& in, const std::string& name) {
  nn::Lines lines(in, name);
  lines.next();
  in.clear();
  in.seekg(0);
  const std::string& first = lines.line();
  return path.ends_with(".conllu") || first.starts_with('#') || first.find('\t') != std::string::npos;
}

std::vector<nn::Sentence> read_lines(std::istream& in, const std::string& path) {
  std::vector<nn::Sentence> sentences;
  for (nn::Lines lines(in, path); lines.next();)
    if (nn::Sentence sentence = sentence_of(lines.line()); !sentence.tokens.empty())
      sentences.push_back(std::move(sentence));
  require(!sentences.empty(), path, "no sentence; there must be at least one");
  return sentences;
}

}  // namespace

void add_word(nn::Sentence& sentence, const std::string& form, const std::string& tag) {
  const std::string none = "_";
  sentence.tokens.push_back(
      {std::to_string(sentence.tokens.size() + 1), form, none, tag, none, none, none, none, none, none});
}

nn::Sentence sentence_of(const std::string& text) {
  nn::Sentence sentence;
  std::istringstream words(text);
  std::string joined;
  for (std::string word; words >> word; joined += ' ' + word) add_word(sentence, word);
  sentence.comments = {"# text =" + joined};
  return sentence;
}

std::vector<nn::Sentence> read_tagged(const std::string& path) {
  const auto sentences = nn::read_conllu(path);
  require_text(sentences, path);
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (const nn::Token& token : sentences[k].tokens)
      require(!token.upos.empty() && token.upos != "_", path, "sentence ", k + 1, ", word ", token.id, ": '",
              token.form, "' has no tag; the fourth column must hold one");
  return sentences;
}

std::vector<nn::Sentence> read_sentences(const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  std::ifstream file;
  if (path != "-") file = nn::open_text(path);
  std::istream* in = path == "-" ? &std::cin : &file;
  std::istringstream copy;
  if (path == "-" || file.tellg() < 0) {  // a pipe cannot go back
    std::ostringstream text;
    text << in->rdbuf();
    copy.str(std::move(text).str());
    in = &copy;
  }
  const auto sentences = looks_like_conllu(path, *in, name) ? nn::read_conllu(*in, name) : read_lines(*in, name);
  require_text(sentences, name);
  return sentences;
}

void set_tags(std::vector<nn::Sentence>& sentences, const Tags& tags) {
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (std::size_t t = 0; t < sentences[k].tokens.size(); ++t) sentences[k].tokens[t].upos = tags[k][t];
}

void print_tagged(std::ostream& out, const nn::Sentence& sentence) {
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

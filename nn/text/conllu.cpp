#include "conllu.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>
#include <string_view>
#include <utility>

#include "lines.hpp"

namespace unroll::nn {

namespace {

constexpr std::array columns = {&Token::id,    &Token::form, &Token::lemma,  &Token::upos, &Token::xpos,
                                &Token::feats, &Token::head, &Token::deprel, &Token::deps, &Token::misc};

Token read_token(const Lines& lines) {
  const auto count = std::ranges::count(lines.line(), '\t') + 1;
  lines.require(count == std::ssize(columns), count, count == 1 ? " column" : " columns", "; a CoNLL-U line has 10");
  Token token;
  std::string_view rest = lines.line();
  for (const auto column : columns) {
    const std::string_view field = rest.substr(0, rest.find('\t'));
    token.*column = field;
    rest.remove_prefix(std::min(field.size() + 1, rest.size()));
  }
  lines.require(!token.form.empty(), "the form is empty; a form that is not given is _");
  return token;
}

// A word 3, a range 1-2 or an empty node 8.1.
struct Id {
  std::size_t first = 0;
  char mark = 0;
  std::size_t second = 0;
};

Id read_id(const std::string& text, const Lines& lines) {
  Id id;
  const char* const end = text.data() + text.size();
  const char* const mark = std::from_chars(text.data(), end, id.first).ptr;
  std::string spelled = std::to_string(id.first);
  if (mark != end) {
    id.mark = *mark;
    std::from_chars(mark + 1, end, id.second);
    spelled += id.mark + std::to_string(id.second);
  }
  lines.require(spelled == text && (id.mark == 0 || id.mark == '-' || id.mark == '.'), "id '", text,
                "'; an id is a word 3, a range 1-2 or an empty node 8.1");
  return id;
}

// Which ids may follow in a sentence: words count from 1, a range stands before its first word, an empty node after
// the word it is named by.
class Order {
 public:
  /// Whether the line's id is that of a word.
  bool accept(const Token& token, const Lines& lines) {
    const Id id = read_id(token.id, lines);
    const auto in_order = [&](bool holds, const auto&... next) {
      lines.require(holds, "id ", token.id, " is out of order; the next ", next...);
    };
    if (id.mark == '.') {
      in_order(range_.first <= words_, "line must be the word ", words_ + 1);
      in_order(id.first == words_ && id.second == empty_nodes_ + 1, "empty node is ", words_, '.', empty_nodes_ + 1);
      ++empty_nodes_;
      return false;
    }
    in_order(id.first == words_ + 1, "word is ", words_ + 1);
    if (id.mark == '-') {
      lines.require(id.first <= id.second, "id ", token.id, "; a range must not end before it begins");
      lines.require(range_.second < id.first, "id ", token.id, " overlaps the range ", range_.first, '-', range_.second,
                    "; ranges must be apart");
      range_ = id;
      range_line_ = lines.number();
      return false;
    }
    ++words_;
    empty_nodes_ = 0;
    return true;
  }

  void finish(const Lines& lines) const {
    lines.require(words_ > 0, "a sentence without words; there must be at least one");
    if (range_.second > words_)
      lines.fail_at(range_line_, "id ", range_.first, '-', range_.second, "; the sentence ends at word ", words_);
  }

 private:
  std::size_t words_ = 0;
  std::size_t empty_nodes_ = 0;  // since the last word
  Id range_;                     // the last one
  std::size_t range_line_ = 0;
};

// Begins at the sentence's first line and ends at the empty line after it.
Sentence read_sentence(Lines& lines) {
  Sentence sentence;
  Order order;
  do {
    if (lines.line().starts_with('#')) {
      lines.require(sentence.tokens.empty() && sentence.others.empty(),
                    "a comment after the first word; comments must stand before the sentence");
      sentence.comments.push_back(lines.take());
    } else {
      Token token = read_token(lines);
      if (order.accept(token, lines))
        sentence.tokens.push_back(std::move(token));
      else
        sentence.others.emplace(sentence.tokens.size(), std::move(token));
    }
  } while (lines.next() && !lines.line().empty());
  order.finish(lines);
  sentence.tokens.shrink_to_fit();  // a token is many times as large as its text
  return sentence;
}

void write_token(std::ostream& out, const Token& token) {
  for (const auto column : columns) {
    require((token.*column).find_first_of("\t\r\n") == std::string::npos, "write_conllu", "a column of the word ",
            token.id, " contains a tab or a line end; it must not");
    out << token.*column << (column == columns.back() ? '\n' : '\t');
  }
}

}  // namespace

std::vector<Sentence> read_conllu(const std::string& path) {
  std::ifstream in = open_text(path);
  return read_conllu(in, path);
}

std::vector<Sentence> read_conllu(std::istream& in, const std::string& name) {
  Lines lines(in, name);
  std::vector<Sentence> sentences;
  while (lines.next())
    if (!lines.line().empty()) sentences.push_back(read_sentence(lines));
  require(!sentences.empty(), name, "no sentence; a corpus has at least one");
  return sentences;
}

void write_conllu(std::ostream& out, const std::vector<Sentence>& sentences) {
  for (const Sentence& sentence : sentences) {
    for (const std::string& comment : sentence.comments) out << comment << '\n';
    auto other = sentence.others.begin();
    for (std::size_t k = 0; k < sentence.tokens.size(); ++k) {
      for (; other != sentence.others.end() && other->first <= k; ++other) write_token(out, other->second);
      write_token(out, sentence.tokens[k]);
    }
    for (; other != sentence.others.end(); ++other) write_token(out, other->second);
    out << '\n';
  }
  require(out.flush().good(), "write_conllu", "the stream has failed; not everything is written");
}

}  // namespace unroll::nn

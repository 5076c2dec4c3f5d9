// CoNLL-U, and the lines of a text.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <unroll/nn/text/conllu.hpp>
#include <unroll/nn/text/lines.hpp>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace unroll;

namespace {

std::vector<nn::Sentence> conllu(const std::string& text) {
  std::istringstream in(text);
  return nn::read_conllu(in, "train.conllu");
}

std::string written(const std::vector<nn::Sentence>& sentences) {
  std::ostringstream out;
  nn::write_conllu(out, sentences);
  return out.str();
}

// A line with this id, the form "w" and nothing else.
std::string line(const std::string& id) { return id + "\tw\t_\t_\t_\t_\t_\t_\t_\t_\n"; }

std::string lines(const std::vector<std::string>& ids) {
  std::string text;
  for (const auto& id : ids) text += line(id);
  return text;
}

std::string conllu_error(const std::string& text) {
  return error_of([&] { conllu(text); });
}

// Two sentences with all that is allowed: ranges, empty nodes before, between and after words, a range of one word,
// an empty node within a range, comments of any kind, spaces and many-byte characters within columns.
const std::string nasty =
    "# newdoc\n"
    "#\n"
    "# text = Vámonos al mar # 1\tx\n"
    "0.1\tgo\t_\t_\t_\t_\t_\t_\t0:root\t_\n"
    "0.2\tgo\t_\t_\t_\t_\t_\t_\t0:root\t_\n"
    "1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
    "1\tvamos\tir\tVERB\t_\tMood=Imp|Number=Plur\t0\troot\t0:root\t_\n"
    "1.1\tgone\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_\n"
    "3-3\t#\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "3\t10 000\t10 000\tNUM\t_\t_\t1\tdep\t_\t\n"
    "3.1\tlast\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "\n"
    "1\t_\t_\tX\t_\t_\t0\troot\t_\t😀\n"
    "\n";

}  // namespace

TEST_CASE("a CoNLL-U file gives its syntactic words") {
  const auto sentences = conllu(nasty);
  REQUIRE(sentences.size() == 2);
  const nn::Sentence& first = sentences[0];
  CHECK(first.comments == std::vector<std::string>{"# newdoc", "#", "# text = Vámonos al mar # 1\tx"});
  REQUIRE(first.tokens.size() == 3);
  CHECK(first.tokens[0] ==
        nn::Token{"1", "vamos", "ir", "VERB", "_", "Mood=Imp|Number=Plur", "0", "root", "0:root", "_"});
  CHECK(first.tokens[1].form == "nos");
  CHECK(first.tokens[2].form == "10 000");
  CHECK(first.tokens[2].misc == "");
  std::vector<std::pair<std::size_t, std::string>> others;
  for (const auto& [before, token] : first.others) others.emplace_back(before, token.id);
  CHECK(others == decltype(others){{0, "0.1"}, {0, "0.2"}, {0, "1-2"}, {1, "1.1"}, {2, "3-3"}, {3, "3.1"}});
  CHECK(sentences[1].tokens[0].upos == "X");
  CHECK(sentences[1].tokens[0].misc == "😀");
}

TEST_CASE("a CoNLL-U file that is read and written is the same file") {
  CHECK(written(conllu(nasty)) == nasty);
  const Directory directory;
  CHECK(written(nn::read_conllu(directory.write("nasty.conllu", nasty))) == nasty);
}

TEST_CASE("lines of any length are read, from a stream that can go back or not") {
  // Gives its bytes one by one, and never again.
  struct Once : std::streambuf {
    const std::string& text;
    std::size_t at = 0;
    char byte = 0;
    explicit Once(const std::string& text) : text(text) {}
    int_type underflow() override {
      if (at == text.size()) return traits_type::eof();
      byte = text[at++];
      setg(&byte, &byte, &byte + 1);
      return traits_type::to_int_type(byte);
    }
  };
  std::string text;
  std::vector<std::string> expected;
  for (const std::size_t size : {0, 1, 4094, 4095, 4096, 4097, 8190, 8191, 8192, 20'000, 3}) {
    expected.emplace_back(size, static_cast<char>('a' + expected.size()));
    text += expected.back() + (size % 2 ? "\r\n" : "\n");
  }
  const auto read = [](std::istream& in) {
    std::vector<std::string> result;
    for (nn::Lines lines(in, "text"); lines.next();) result.push_back(lines.line());
    return result;
  };
  for (const std::string& last : {std::string(), std::string(1, 'x'), std::string(4095, 'y'), std::string(9000, 'z')}) {
    if (!last.empty()) expected.push_back(last);
    const std::string whole = text + last;
    std::istringstream in(whole);
    CHECK(read(in) == expected);
    Once once(whole);
    std::istream stream(&once);
    CHECK(read(stream) == expected);
    if (!last.empty()) expected.pop_back();
  }
}

TEST_CASE("byte order mark, CR LF, missing and extra empty lines are understood and written as the format wants them") {
  std::string crlf;
  for (const char c : nasty) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(written(conllu("\xEF\xBB\xBF" + crlf)) == nasty);
  CHECK(written(conllu(nasty.substr(0, nasty.size() - 1))) == nasty);
  CHECK(written(conllu(nasty.substr(0, nasty.size() - 2))) == nasty);
  CHECK(written(conllu("\n\n" + line("1") + "\n\n\n" + line("1") + "\n\n")) == line("1") + "\n" + line("1") + "\n");
}

TEST_CASE("a CoNLL-U line of the wrong width is refused with its number") {
  std::string text;
  for (int k = 0; k < 58; ++k) text += line("1") + "\n";
  CHECK(conllu_error(text + "# comment\n1\tw\t_\t_\t_\t_\t_\t_\t_\n") ==
        "train.conllu:118: 9 columns; a CoNLL-U line has 10");
  CHECK(conllu_error("1\tw\t_\t_\t_\t_\t_\t_\t_\t_\t_\n") == "train.conllu:1: 11 columns; a CoNLL-U line has 10");
  CHECK(conllu_error(line("1") + " \n") == "train.conllu:2: 1 column; a CoNLL-U line has 10");
  CHECK(conllu_error("1\t\t_\t_\t_\t_\t_\t_\t_\t_\n") ==
        "train.conllu:1: the form is empty; a form that is not given is _");
}

TEST_CASE("what is not an id is refused") {
  for (const std::string id : {"", "x", "01", "+1", "-1", " 1", "1 ", "1x", "1-", "1.", "1-2-3", "1.1.1", "1:2", "1-02",
                               "99999999999999999999999"})
    CHECK(conllu_error(line(id)) ==
          "train.conllu:1: id '" + id + "'; an id is a word 3, a range 1-2 or an empty node 8.1");
}

TEST_CASE("an id out of order is refused") {
  const auto error = [](const std::vector<std::string>& ids) { return conllu_error(lines(ids)); };
  CHECK(error({"0"}) == "train.conllu:1: id 0 is out of order; the next word is 1");
  CHECK(error({"1", "2", "4"}) == "train.conllu:3: id 4 is out of order; the next word is 3");
  CHECK(error({"1", "1"}) == "train.conllu:2: id 1 is out of order; the next word is 2");
  CHECK(error({"1", "1-2"}) == "train.conllu:2: id 1-2 is out of order; the next word is 2");
  CHECK(error({"1", "3-4"}) == "train.conllu:2: id 3-4 is out of order; the next word is 2");
  CHECK(error({"1", "2-1"}) == "train.conllu:2: id 2-1; a range must not end before it begins");
  CHECK(error({"1-2", "1", "2-3"}) == "train.conllu:3: id 2-3 overlaps the range 1-2; ranges must be apart");
  CHECK(error({"1-2", "1-2"}) == "train.conllu:2: id 1-2 overlaps the range 1-2; ranges must be apart");
  CHECK(error({"1", "2.1"}) == "train.conllu:2: id 2.1 is out of order; the next empty node is 1.1");
  CHECK(error({"1", "1.2"}) == "train.conllu:2: id 1.2 is out of order; the next empty node is 1.1");
  CHECK(error({"1", "1.1", "2", "2.2"}) == "train.conllu:4: id 2.2 is out of order; the next empty node is 2.1");
  CHECK(error({"1-2", "0.1"}) == "train.conllu:2: id 0.1 is out of order; the next line must be the word 1");
  CHECK(error({"1", "2-4", "2", "3"}) == "train.conllu:2: id 2-4; the sentence ends at word 3");
}

TEST_CASE("a sentence has words, and comments only before them") {
  CHECK(conllu_error(line("1") + "# late\n") ==
        "train.conllu:2: a comment after the first word; comments must stand before the sentence");
  CHECK(conllu_error(line("0.1") + "# late\n") ==
        "train.conllu:2: a comment after the first word; comments must stand before the sentence");
  CHECK(conllu_error("# alone\n\n" + line("1")) ==
        "train.conllu:2: a sentence without words; there must be at least one");
  CHECK(conllu_error(line("0.1")) == "train.conllu:1: a sentence without words; there must be at least one");
}

TEST_CASE("a corpus that is empty, missing or unreadable is refused") {
  CHECK(conllu_error("") == "train.conllu: no sentence; a corpus has at least one");
  CHECK(conllu_error("\xEF\xBB\xBF\r\n\n") == "train.conllu: no sentence; a corpus has at least one");
  const Directory directory;
  const auto missing = directory.path() / "train.conllu";
  CHECK(error_of([&] { nn::read_conllu(missing); }) ==
        missing.string() + ": cannot be opened: No such file or directory");
  CHECK(error_of([&] { nn::read_conllu(directory.path()); }) ==
        directory.path().string() + ": cannot be read: Is a directory");
}

TEST_CASE("sentences that would not be read again as they are, or cannot be written, are refused") {
  auto sentences = conllu(nasty);
  for (const char* form : {"a\tb", "a\nb", "a\rb"}) {
    sentences[0].tokens[1].form = form;
    CHECK(error_of([&] { written(sentences); }) ==
          "write_conllu: a column of the word 2 contains a tab or a line end; it must not");
  }
  std::ofstream full("/dev/full");
  CHECK(error_of([&] { nn::write_conllu(full, conllu(nasty)); }) ==
        "write_conllu: the stream has failed; not everything is written");
  std::ostream closed(nullptr);
  CHECK(error_of([&] { nn::write_conllu(closed, conllu(nasty)); }) ==
        "write_conllu: the stream has failed; not everything is written");
}

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/conllu.hpp"
#include "nn/utf8.hpp"
#include "nn/vocabulary.hpp"
#include "nn/word_vectors.hpp"
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

template <class T = float>
nn::WordVectors<T> vectors(const std::string& text) {
  std::istringstream in(text);
  return nn::read_word_vectors<T>(in, "vectors.txt");
}

template <class T = float>
std::string vectors_error(const std::string& text) {
  return error_of([&] { vectors<T>(text); });
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

TEST_CASE("a text splits into characters of one to four bytes") {
  using Strings = std::vector<std::string>;
  CHECK(nn::characters("") == Strings{});
  CHECK(nn::characters("aé€😀\n") == Strings{"a", "é", "€", "😀", "\n"});
  CHECK(nn::characters(std::string_view("a\0b", 3)) == Strings{"a", std::string(1, '\0'), "b"});
  CHECK(nn::characters("\x7F\xC2\x80\xDF\xBF") == Strings{"\x7F", "\xC2\x80", "\xDF\xBF"});
  CHECK(nn::characters("\xE0\xA0\x80\xED\x9F\xBF\xEF\xBF\xBF") ==
        Strings{"\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF"});
  CHECK(nn::characters("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF") == Strings{"\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"});
}

TEST_CASE("bytes that are not UTF-8 are refused with their position") {
  const auto error = [](std::string_view text) { return error_of([&] { nn::characters(text); }); };
  CHECK(error("é\xFFz") == "characters: byte 0xff at position 2 begins no character; the text must be UTF-8");
  CHECK(error("ab\x80") == "characters: byte 0x80 at position 2 begins no character; the text must be UTF-8");
  CHECK(error(std::string_view("€", 2)) ==
        "characters: byte 0xe2 at position 0 begins no character; the text must be UTF-8");
  const std::string_view invalid[] = {"\xC3",
                                      "\xC3z",
                                      "\xE2\x82",
                                      "\xE2z\x82",
                                      "\xE2\x82z",
                                      "\xF0\x9F\x98",
                                      "\xF0\x9Fz\x80",
                                      "\xF0\x9F\x98z",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80"};
  for (const auto text : invalid) {
    const std::string good = "good";
    CAPTURE(text);
    CHECK(error(good + std::string(text)).find(" at position 4 begins no character") != std::string::npos);
  }
}

TEST_CASE("a vocabulary numbers words in the order they come, after padding and unknown") {
  nn::Vocabulary words;
  CHECK(words.size() == 2);
  CHECK(words.padding() == 0);
  CHECK(words.unknown() == 1);
  CHECK(words.add("the") == 2);
  CHECK(words.add("cat") == 3);
  CHECK(words.add("the") == 2);
  CHECK(words.words() == std::vector<std::string>{"<pad>", "<unk>", "the", "cat"});
  CHECK(words["cat"] == 3);
  CHECK(words.index("<pad>") == 0);
  CHECK(words["dog"] == words.unknown());
  CHECK(words.contains("cat"));
  CHECK_FALSE(words.contains("dog"));
  CHECK(words.word(3) == "cat");
}

TEST_CASE("a vocabulary has no entries besides those its options name") {
  nn::Vocabulary tags({.padding = "", .unknown = ""});
  CHECK(tags.size() == 0);
  CHECK(tags.add("NOUN") == 0);
  nn::Vocabulary open({.padding = "", .unknown = "?"});
  CHECK(open.unknown() == 0);
  CHECK(open["x"] == 0);
  nn::Vocabulary closed({.padding = "_", .unknown = ""});
  CHECK(closed.padding() == 0);
  CHECK(closed.words() == std::vector<std::string>{"_"});
}

TEST_CASE("a vocabulary says what it does not have") {
  nn::Vocabulary tags({.padding = "", .unknown = ""});
  tags.add("NOUN");
  CHECK(error_of([&] { tags["VERB"]; }) ==
        "vocabulary: 'VERB' is not in it; add it, or name an unknown word in the options");
  CHECK(error_of([&] { tags.padding(); }) == "vocabulary: there is no padding; name it in the options");
  CHECK(error_of([&] { tags.unknown(); }) == "vocabulary: there is no unknown word; name it in the options");
  CHECK(error_of([&] { tags.word(1); }) == "vocabulary: id 1; the vocabulary has size 1");
  CHECK(error_of([&] { tags.word(-1); }) == "vocabulary: id -1; the vocabulary has size 1");
  CHECK(error_of([] { nn::Vocabulary({.padding = "x", .unknown = "x"}); }) ==
        "vocabulary: padding and unknown are both 'x'; they must differ");
}

TEST_CASE("a vocabulary of counts has the frequent words first and ties in byte order") {
  const std::map<std::string, std::size_t> counts = {{"b", 2}, {"a", 2}, {"z", 9}, {"rare", 1}, {"Z", 2}, {"é", 2}};
  CHECK(nn::Vocabulary::from_counts(counts, 2).words() ==
        std::vector<std::string>{"<pad>", "<unk>", "z", "Z", "a", "b", "é"});
  CHECK(nn::Vocabulary::from_counts(counts, 3, {.padding = "", .unknown = ""}).words() ==
        std::vector<std::string>{"z"});
  CHECK(nn::Vocabulary::from_counts(counts).size() == 8);

  std::map<std::string, std::size_t> ties;
  for (char c = 'A'; c <= 'Z'; ++c) ties[std::string(1, c)] = 1;
  const auto letters = nn::Vocabulary::from_counts(ties, 1, {.padding = "", .unknown = ""}).words();
  CHECK(letters.size() == 26);
  CHECK(std::ranges::is_sorted(letters));
}

TEST_CASE("a vocabulary is restored from its list of words") {
  nn::Vocabulary words({.padding = "", .unknown = "?"});
  for (const char* word : {"b", "a", "", "two words"}) words.add(word);
  const auto restored = nn::Vocabulary::from_words(words.words(), {.padding = "", .unknown = "?"});
  CHECK(restored.words() == words.words());
  for (const auto& word : words.words()) CHECK(restored[word] == words[word]);
  CHECK(restored["new"] == restored.unknown());
}

TEST_CASE("a list of words that no vocabulary gave is refused") {
  const auto error = [](const std::vector<std::string>& words) {
    return error_of([&] { nn::Vocabulary::from_words(words); });
  };
  CHECK(error({"<unk>", "<pad>"}) ==
        "vocabulary: word 0 of the list is not '<pad>'; the options must be those it was made with");
  CHECK(error({"<pad>"}) ==
        "vocabulary: word 1 of the list is not '<unk>'; the options must be those it was made with");
  CHECK(error({"<pad>", "<unk>", "a", "b", "a"}) ==
        "vocabulary: words 2 and 4 of the list are both 'a'; they must differ");
}

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
  std::ostream closed(nullptr);
  CHECK(error_of([&] { nn::write_conllu(closed, conllu(nasty)); }) ==
        "write_conllu: the stream has failed; not everything is written");
}

TEST_CASE_TEMPLATE("word vectors are read as GloVe writes them", T, float, double) {
  const auto read = vectors<T>("the 0.25 -1e-3 3\n, 1 2 3\nthe 7 8 9\nnaïve -0.5 .5 1e-50\r\n");
  CHECK(read.words == std::vector<std::string>{"the", ",", "naïve"});
  REQUIRE(Shape(read.table.shape()) == Shape{3, 3});
  CHECK(read.table(0, 0) == T(0.25));
  CHECK(read.table(0, 1) == T(-1e-3));
  CHECK(read.table(0, 2) == 3);
  CHECK(read.table(1, 1) == 2);
  CHECK(read.table(2, 0) == T(-0.5));
  CHECK(read.table(2, 2) == T(1e-50));
}

TEST_CASE("word vectors are read as word2vec writes them, and from a file") {
  const Directory directory;
  const auto read = nn::read_word_vectors<float>(directory.write("vectors.txt", "2 3\n</s> 1 2 3 \n7 4 5 6 \n"));
  CHECK(read.words == std::vector<std::string>{"</s>", "7"});
  REQUIRE(Shape(read.table.shape()) == Shape{2, 3});
  CHECK(read.table(0, 2) == 3.0f);
  CHECK(read.table(1, 0) == 4.0f);
  CHECK(vectors("a 3\n5 4\n").words == std::vector<std::string>{"a", "5"});
}

TEST_CASE("a word may contain spaces, since the vector is the last fields of a line") {
  const auto read = vectors("the 1 2\n. . . 3 4\nat a.com 5 6\n7 8 9\n");
  CHECK(read.words == std::vector<std::string>{"the", ". . .", "at a.com", "7"});
  CHECK(read.table(1, 0) == 3.0f);
  CHECK(read.table(2, 1) == 6.0f);
  CHECK(read.table(3, 0) == 8.0f);
}

TEST_CASE("word vectors that are not what they should be are refused with their line") {
  CHECK(vectors_error("a 1 2\nb 1\n") == "vectors.txt:2: a vector of size 1; by line 1 its size must be 2");
  CHECK(vectors_error("a 1 2\nb 1 2 3\n") == "vectors.txt:2: a vector of size 3; by line 1 its size must be 2");
  CHECK(vectors_error("1 4\nb 1 2 3\n") == "vectors.txt:2: a vector of size 3; by line 1 its size must be 4");
  CHECK(vectors_error("a 1 2\n\n") == "vectors.txt:2: a vector of size 0; by line 1 its size must be 2");
  CHECK(vectors_error("a 1 2\n 1 2\n") == "vectors.txt:2: the word is empty; a line is a word and its numbers");
  CHECK(vectors_error("a 1 2\nb 1 x\n") == "vectors.txt:2: 'x' is not a number");
  CHECK(vectors_error("a 1 2\nb 1.5.5 2\n") == "vectors.txt:2: '1.5.5' is not a number");
  CHECK(vectors_error("a 1  2\n") == "vectors.txt:1: '' is not a number");
  CHECK(vectors_error("a 1 2\na 1 x\n") == "vectors.txt:2: 'x' is not a number");
  CHECK(vectors_error("alone\n") == "vectors.txt:1: vectors of size 0; a line is a word and its numbers");
  CHECK(vectors_error("3 0\n") == "vectors.txt:1: vectors of size 0; a line is a word and its numbers");
}

TEST_CASE("word vectors are finite") {
  for (const std::string number : {"nan", "-nan", "inf", "-inf", "1e99", "1e999"})
    CHECK(vectors_error("a 1 2\nb " + number + " 2\n") ==
          "vectors.txt:2: '" + number + "' is out of range; it must be finite");
  CHECK(vectors<double>("a 1e99\n").table(0, 0) == 1e99);
  CHECK(vectors_error<double>("a 1e999\n") == "vectors.txt:1: '1e999' is out of range; it must be finite");
}

TEST_CASE("a file of word vectors that is empty, cut off, missing or unreadable is refused") {
  CHECK(vectors_error("") == "vectors.txt: no word; a file of word vectors has at least one");
  CHECK(vectors_error("1 2\n") == "vectors.txt: no word; a file of word vectors has at least one");
  CHECK(vectors_error("3 2\na 1 2\na 3 4\n") == "vectors.txt: the header says 3 words; there are 2");
  const Directory directory;
  const auto missing = directory.path() / "vectors.txt";
  CHECK(error_of([&] { nn::read_word_vectors<float>(missing); }) ==
        missing.string() + ": cannot be opened: No such file or directory");
  CHECK(error_of([&] { nn::read_word_vectors<double>(directory.path()); }) ==
        directory.path().string() + ": cannot be read: Is a directory");
}

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <unroll/nn/text/word_vectors.hpp>
#include <vector>

#include "support.hpp"

using namespace unroll;

namespace {

template <class T = float> nn::WordVectors<T> vectors(const std::string& text) {
  std::istringstream in(text);
  return nn::read_word_vectors<T>(in, "vectors.txt");
}

template <class T = float> std::string vectors_error(const std::string& text) {
  return error_of([&] { vectors<T>(text); });
}

}  // namespace

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

TEST_CASE("a word may contain spaces and numbers, since the vector is the last fields of a line") {
  const auto read = vectors("the 1 2\n. . . 3 4\nat a.com 5 6\n7 8 9\niphone 7 0 1\n7 11 2 3\n  up  4 5\n");
  CHECK(read.words == std::vector<std::string>{"the", ". . .", "at a.com", "7", "iphone 7", "7 11", "up"});
  CHECK(read.table(1, 0) == 3.0f);
  CHECK(read.table(2, 1) == 6.0f);
  CHECK(read.table(3, 0) == 8.0f);
  CHECK(read.table(4, 0) == 0.0f);
  CHECK(read.table(5, 1) == 3.0f);
  CHECK(read.table(6, 0) == 4.0f);
}

TEST_CASE("the first line tells the size, also where its word has spaces") {
  for (const std::string word : {". . .", "at name@domain.com", "7", "7 up", "a b c d"}) {
    CAPTURE(word);
    const auto read = vectors(word + " 1 2\nb 5 6\n");
    CHECK(read.words == std::vector<std::string>{word, "b"});
    CHECK(read.table(0, 0) == 1.0f);
    CHECK(read.table(1, 1) == 6.0f);
  }
  // The word of a first line may not end with a number, unless a header tells the size.
  CHECK(vectors_error("iphone 7 1 2\nb 5 6\n") == "vectors.txt:2: a vector of size 2; by line 1 its size must be 3");
  CHECK(vectors("2 2\niphone 7 1 2\nb 5 6\n").words == std::vector<std::string>{"iphone 7", "b"});
}

TEST_CASE("fields are apart by spaces or tabs, numbers may have a plus sign, and blank lines are skipped") {
  const auto read = vectors("\n \t\r\na\t+1.5 -2\t\n\nb c\t3\t+4e-1 \r\n\n");
  CHECK(read.words == std::vector<std::string>{"a", "b c"});
  REQUIRE(Shape(read.table.shape()) == Shape{2, 2});
  CHECK(read.table(0, 0) == 1.5f);
  CHECK(read.table(0, 1) == -2.0f);
  CHECK(read.table(1, 1) == 0.4f);
  CHECK(vectors("\n1\t2\r\n\na 1 2").words == std::vector<std::string>{"a"});
}

TEST_CASE("word vectors that are not what they should be are refused with their line") {
  CHECK(vectors_error("a 1 2\nb 1\n") == "vectors.txt:2: a vector of size 1; by line 1 its size must be 2");
  CHECK(vectors_error("1 4\nb 1 2 3\n") == "vectors.txt:2: a vector of size 3; by line 1 its size must be 4");
  CHECK(vectors_error("a 1 2\n3\n") == "vectors.txt:2: a vector of size 0; by line 1 its size must be 2");
  CHECK(vectors_error("\n\na 1 2\n \nb 3\n") == "vectors.txt:5: a vector of size 1; by line 3 its size must be 2");
  CHECK(vectors_error("a 1 2\n\t 1 2\n") == "vectors.txt:2: the word is empty; a line is a word and its numbers");
  CHECK(vectors_error("at 7 up 1 2\n") == "vectors.txt:1: 'up' is not a number");
  CHECK(vectors_error("a 1 2\nb\t1\t\t2\n") == "vectors.txt:2: '' is not a number");
  for (const std::string wrong : {"+", "++1", "+-1", "-+1", "1+", "0x1", "1,5"})
    CHECK(vectors_error("a 1\nb " + wrong + "\n") == "vectors.txt:2: '" + wrong + "' is not a number");
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

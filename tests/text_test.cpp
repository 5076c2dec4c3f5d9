// Characters and vocabularies.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unroll/nn/text/utf8.hpp>
#include <unroll/nn/text/vocabulary.hpp>
#include <vector>

#include "support.hpp"

using namespace unroll;

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
  CHECK(error_of([] { nn::require_utf8("é\xFFz"); }) == error("é\xFFz"));
  CHECK_NOTHROW(nn::require_utf8("aé€😀\n"));
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

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unroll/nn/nn.hpp>
#include <vector>

#include "../support/text.hpp"
#include "../support/toy_corpus.hpp"

namespace unroll::examples {

/// Cuts raw text into words, by few rules and by the words of a corpus, which know better:
///
/// - Each mark of punctuation is a word, and so are several equal ones: `...`, `!!`.
/// - An apostrophe, a full stop and & between letters or digits belong to the word, and , : / - between digits, too:
///   o'clock, yahoo.com, AT&T, 3.14, 1,000, 10:30, 555-0199; a web or mail address is whole, and so are single letters
///   with full stops: U.S.
/// - A form of the corpus that these rules would part is whole: e-mail, :), l', and Mr., but not where a line ends.
/// - A form of the corpus that begins with an apostrophe, and n't, are parted from the word before: do n't, it 's.
/// - Forms of the corpus with spaces, as Vietnamese has them, are joined, the longest first.
///
/// A sentence ends with its line, and after . ! ? and the like where a space follows, but no small letter of ASCII.
/// Words that are written together are not parted: Chinese, and German "im" or French "du" as two.
class Tokeniser {
 public:
  /// Without a corpus.
  Tokeniser() = default;
  explicit Tokeniser(const std::vector<std::string>& forms) {
    const Tokeniser rules;
    for (const std::string& form : forms) {
      if (const auto spaces = std::ranges::count(form, ' ')) {
        spaced_.insert(form);
        most_parts_ = std::max(most_parts_, std::size_t(spaces) + 1);
      } else if (starts_with_apostrophe(form) || lower_case(form) == "n't" || lower_case(form) == "n’t") {
        endings_.insert(form);
        most_bytes_ = std::max(most_bytes_, form.size());
      } else if (rules.parts_of(form, true).size() > 1) {
        whole_.insert(form);
        most_bytes_ = std::max(most_bytes_, form.size());
      }
    }
  }

  /// The sentences of a line, as CoNLL-U has them: with their text, and SpaceAfter=No where no space follows.
  std::vector<nn::Sentence> operator()(std::string line) const {
    nn::require_utf8(line);
    for (const std::string_view wide : {"\u00A0", "\u3000"})
      for (std::size_t at; (at = line.find(wide)) != line.npos;) line.replace(at, wide.size(), " ");
    std::vector<Word> words;
    for (std::string_view rest = line; skip_spaces(rest), !rest.empty();) {
      const std::string_view chunk = rest.substr(0, rest.find_first_of(spaces));
      rest.remove_prefix(chunk.size());
      const bool last = rest.find_first_not_of(spaces) == rest.npos;
      for (const std::string_view part : parts_of(chunk, last)) words.push_back({std::string(part), false});
      words.back().space_after = true;
    }
    return sentences_of(joined(words));
  }

 private:
  struct Word {
    std::string form;
    bool space_after;
  };
  static constexpr std::string_view spaces = " \t\v\f\r\n";

  static void skip_spaces(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
  }

  static std::string_view first_of(std::string_view text) { return text.substr(0, nn::length_of_first(text)); }
  static bool is_apostrophe(std::string_view c) { return c == "'" || c == "’"; }
  static bool starts_with_apostrophe(std::string_view text) { return is_apostrophe(first_of(text)); }
  static bool is_digit(std::string_view c) { return c.size() == 1 && '0' <= c[0] && c[0] <= '9'; }

  // Punctuation and signs of ASCII but _, those of Latin 1, General Punctuation, currencies and arrows, of Armenian,
  // Hebrew, Arabic and Indian scripts, and the CJK and wide ones. No character is empty.
  static bool is_mark(std::string_view c) {
    const auto byte = [&](std::size_t k) { return static_cast<std::uint32_t>(static_cast<unsigned char>(c[k])); };
    std::uint32_t code = byte(0);
    if (c.size() > 1) code &= 0x7Fu >> c.size();
    for (std::size_t k = 1; k < c.size(); ++k) code = code << 6 | (byte(k) & 0x3F);
    static constexpr std::array<std::uint32_t, 2> ranges[] = {
        {0x21, 0x2F},     {0x3A, 0x40},     {0x5B, 0x5E},     {0x60, 0x60},     {0x7B, 0x7E},     {0xA1, 0xA9},
        {0xAB, 0xB1},     {0xB4, 0xB4},     {0xB6, 0xB8},     {0xBB, 0xBB},     {0xBF, 0xBF},     {0xD7, 0xD7},
        {0xF7, 0xF7},     {0x55A, 0x55F},   {0x589, 0x58A},   {0x5BE, 0x5BE},   {0x5C0, 0x5C0},   {0x5C3, 0x5C3},
        {0x5F3, 0x5F4},   {0x60C, 0x60D},   {0x61B, 0x61F},   {0x66A, 0x66D},   {0x6D4, 0x6D4},   {0x964, 0x965},
        {0x2010, 0x2027}, {0x2030, 0x205E}, {0x20A0, 0x20BF}, {0x2190, 0x21FF}, {0x3001, 0x3003}, {0x3008, 0x3011},
        {0x3014, 0x301F}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF3E}, {0xFF5B, 0xFF65}};
    return std::ranges::any_of(ranges, [&](const auto& range) { return range[0] <= code && code <= range[1]; });
  }

  // Whether a mark between two characters belongs to the word that they are of.
  static bool joins(std::string_view before, std::string_view mark, std::string_view after) {
    if (is_mark(before) || is_mark(after)) return false;
    const bool number = is_digit(before) && is_digit(after) && std::string_view(",:/-").find(mark) != mark.npos;
    return is_apostrophe(mark) || mark == "." || mark == "&" || number;
  }

  // How long an address is that a text begins with, without the marks after it; 0 if there is none.
  static std::size_t address(std::string_view text) {
    const auto at = text.find('@');
    const bool mail = at != text.npos && at > 0 && text.find('.', at) != text.npos;
    if (text.find("://") == text.npos && !lower_case(std::string(text.substr(0, 4))).starts_with("www.") && !mail)
      return 0;
    if (is_mark(first_of(text))) return 0;
    const auto last = text.find_last_not_of(".,;:!?)]}>'\"");
    return last == text.npos ? 0 : last + 1;
  }

  // The words of what stands between two spaces, the last of its line or not.
  std::vector<std::string_view> parts_of(std::string_view chunk, bool last) const {
    std::vector<std::string_view> parts;
    while (!chunk.empty()) {
      std::size_t length = address(chunk);
      if (length == 0) length = longest_form(chunk, last);
      const std::size_t ending = ending_of(chunk.substr(0, length));
      parts.push_back(chunk.substr(0, length - ending));
      if (ending > 0) parts.push_back(chunk.substr(length - ending, ending));
      chunk.remove_prefix(length);
    }
    return parts;
  }

  // The bytes of the longest form of the corpus that a text begins with and that ends where a word may end: not within
  // one by the rules, but after an apostrophe. Those of the word by the rules if there is none.
  std::size_t longest_form(std::string_view text, bool last) const {
    const std::size_t word = by_rules(text);
    std::size_t longest = 0, end = 0;
    for (std::string_view before; end < std::min(text.size(), most_bytes_);) {
      before = first_of(text.substr(end));
      end += before.size();
      if (end < word && !is_apostrophe(before)) continue;
      const bool ends = end == text.size() || is_mark(before) || is_mark(first_of(text.substr(end)));
      const bool sentence_ends = last && before == "." && end == text.size();
      const std::string_view form = text.substr(0, end);
      if (ends && !sentence_ends && (whole_.contains(form) || endings_.contains(form))) longest = end;
    }
    return longest > 0 ? longest : word;
  }

  // The bytes of the word that a text begins with: equal marks, or all up to the next mark that is none of the word.
  static std::size_t by_rules(std::string_view text) {
    std::string_view before = first_of(text);
    std::size_t end = before.size();
    if (is_mark(before)) {
      while (text.substr(end).starts_with(before)) end += before.size();
      return end;
    }
    std::size_t stops = 0, letters = 1;
    while (end < text.size()) {
      const std::string_view next = first_of(text.substr(end));
      const std::string_view after = first_of(text.substr(end + next.size()));
      if (is_mark(next) && (after.empty() || !joins(before, next, after))) break;
      (next == "." ? stops : letters) += 1;
      end += next.size();
      before = next;
    }
    const bool initials = stops > 0 && letters == stops + 1 && !is_digit(first_of(text));
    return end + (initials && text.substr(end).starts_with('.'));
  }

  // The bytes of the longest ending that is to be parted from a word.
  std::size_t ending_of(std::string_view word) const {
    if (whole_.contains(word)) return 0;
    std::size_t longest = 0;
    for (const std::string& ending : endings_)
      if (word.size() > ending.size() && word.ends_with(ending)) longest = std::max(longest, ending.size());
    return longest;
  }

  std::vector<Word> joined(const std::vector<Word>& words) const {
    std::vector<Word> result;
    for (std::size_t k = 0; k < words.size();) {
      Word longest = words[k];
      std::size_t taken = 1;
      std::string form = words[k].form;
      for (std::size_t n = 1; n < most_parts_ && k + n < words.size() && words[k + n - 1].space_after; ++n) {
        form += ' ' + words[k + n].form;
        if (!spaced_.contains(form) && !spaced_.contains(lower_case(form))) continue;
        longest = {form, words[k + n].space_after};
        taken = n + 1;
      }
      result.push_back(longest);
      k += taken;
    }
    return result;
  }

  static bool among(std::initializer_list<std::string_view> some, std::string_view c) {
    return std::ranges::find(some, c) != some.end();
  }
  static bool ends_sentence(const std::string& form) {
    return among({".", "!", "?", "…", "。", "！", "？", "؟", "۔", "।"}, first_of(form));
  }
  static bool closes(const std::string& form) {
    return among({")", "]", "\"", "'", "’", "”", "“", "»", "«", "」", "』", "）"}, form);
  }

  static std::vector<nn::Sentence> sentences_of(const std::vector<Word>& words) {
    std::vector<nn::Sentence> sentences;
    std::string text;
    bool over = true, space_before = true;  // whether a sentence has ended, but for what closes a quotation
    for (const auto& [form, space_after] : words) {
      if (over && space_before && !('a' <= form[0] && form[0] <= 'z')) sentences.emplace_back(), text.clear();
      if (sentences.empty()) sentences.emplace_back();
      nn::Sentence& sentence = sentences.back();
      add_word(sentence, form);
      if (!space_after) sentence.tokens.back().misc = "SpaceAfter=No";
      sentence.comments = {"# text = " + (text += form)};
      if (space_after) text += ' ';
      over = ends_sentence(form) || (over && closes(form));
      space_before = space_after;
    }
    return sentences;
  }

  std::set<std::string, std::less<>> whole_, endings_, spaced_;
  std::size_t most_bytes_ = 0, most_parts_ = 1;  // of one without spaces, of one with spaces
};

}  // namespace unroll::examples

#include "utf8.hpp"

#include <ios>

#include "../../autograd/error.hpp"

namespace unroll::nn {

std::size_t length_of_first(std::string_view text) {
  // Table 3-7 of the Unicode standard: the first byte, the second one, and how many there are.
  struct Form {
    unsigned char low, high, low2, high2;
    std::size_t length;
  };
  static constexpr Form forms[] = {{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                                   {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
                                   {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                                   {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
  const auto within = [&](std::size_t k, unsigned char low, unsigned char high) {
    return k < text.size() && low <= static_cast<unsigned char>(text[k]) && static_cast<unsigned char>(text[k]) <= high;
  };
  if (within(0, 0x00, 0x7F)) return 1;
  for (const auto& [low, high, low2, high2, length] : forms) {
    if (!within(0, low, high)) continue;
    bool valid = within(1, low2, high2);
    for (std::size_t k = 2; k < length; ++k) valid = valid && within(k, 0x80, 0xBF);
    return valid ? length : 0;
  }
  return 0;
}

namespace {

// Calls `next` with each character.
template <class F> void for_each_character(std::string_view text, const F& next) {
  for (std::size_t at = 0, length; at < text.size(); at += length) {
    length = length_of_first(text.substr(at));
    require(length > 0, "characters", "byte ", std::hex, std::showbase, unsigned{static_cast<unsigned char>(text[at])},
            std::dec, " at position ", at, " begins no character; the text must be UTF-8");
    next(text.substr(at, length));
  }
}

}  // namespace

void require_utf8(std::string_view text) {
  for_each_character(text, [](std::string_view) {});
}

std::vector<std::string> characters(std::string_view text) {
  std::size_t count = 0;
  for_each_character(text, [&](std::string_view) { ++count; });
  std::vector<std::string> result;
  result.reserve(count);
  for_each_character(text, [&](std::string_view character) { result.emplace_back(character); });
  return result;
}

}  // namespace unroll::nn

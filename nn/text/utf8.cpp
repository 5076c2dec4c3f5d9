#include "utf8.hpp"

#include <ios>

#include "../../autograd/error.hpp"

namespace unroll::nn {

// Table 3-7 of the Unicode standard, well-formed byte sequences.
std::size_t length_of_first(std::string_view text) {
  const auto within = [&](std::size_t k, unsigned low, unsigned high) {
    const auto byte = k < text.size() ? static_cast<unsigned char>(text[k]) : 0u;
    return low <= byte && byte <= high;
  };
  const auto continues = [&](std::size_t k) { return within(k, 0x80, 0xBF); };
  if (within(0, 0x00, 0x7F)) return 1;
  if (within(0, 0xC2, 0xDF)) return continues(1) ? 2 : 0;
  if (within(0, 0xE0, 0xEF)) {
    const unsigned low = within(0, 0xE0, 0xE0) ? 0xA0 : 0x80;   // no overlong forms
    const unsigned high = within(0, 0xED, 0xED) ? 0x9F : 0xBF;  // no surrogates
    return within(1, low, high) && continues(2) ? 3 : 0;
  }
  if (within(0, 0xF0, 0xF4)) {
    const unsigned low = within(0, 0xF0, 0xF0) ? 0x90 : 0x80;
    const unsigned high = within(0, 0xF4, 0xF4) ? 0x8F : 0xBF;  // nothing above U+10FFFF
    return within(1, low, high) && continues(2) && continues(3) ? 4 : 0;
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

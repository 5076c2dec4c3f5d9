#include "crc32c.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace unroll::nn {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are read as a little-endian word");

// tables[k][byte] is what a byte adds that k others follow: eight at a time (Kounavis and Berry 2005).
constexpr auto tables = [] {
  constexpr std::uint32_t polynomial = 0x82f63b78;
  std::array<std::array<std::uint32_t, 256>, 8> result{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = rest & 1 ? rest >> 1 ^ polynomial : rest >> 1;
    result[0][byte] = rest;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t rest = result[k - 1][byte];
      result[k][byte] = rest >> 8 ^ result[0][rest & 255];
    }
  }
  return result;
}();

}  // namespace

std::uint32_t crc32c(const void* bytes, std::size_t size, std::uint32_t before) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  std::uint32_t rest = ~before;
  for (; size >= 8; size -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    word ^= rest;
    rest = 0;
    for (std::size_t k = 0; k < 8; ++k) rest ^= tables[7 - k][word >> 8 * k & 255];
  }
  for (; size > 0; --size, ++at) rest = rest >> 8 ^ tables[0][(rest ^ *at) & 255];
  return ~rest;
}

}  // namespace unroll::nn

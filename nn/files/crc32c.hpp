#pragma once

#include <cstddef>
#include <cstdint>

#include "../../autograd/visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The CRC-32C of some bytes (Castagnoli, Bräuer and Herrmann 1993; RFC 3720, appendix B.4), going on from that of
/// what stands before them.
std::uint32_t crc32c(const void* bytes, std::size_t size, std::uint32_t before = 0);

}  // namespace nn
}  // namespace unroll

#pragma once

#include <cstdint>
#include <deque>
#include <istream>
#include <string>
#include <string_view>

#include "../../autograd/visibility.hpp"
#include "safetensors.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {
namespace detail {

inline constexpr std::uint64_t longest_header = 100'000'000;
inline constexpr std::string_view metadata_key = "__metadata__";

/// A name from a file for a message: in quotes, on one line, printable and not too long.
std::string printable(std::string_view name);

/// The header of a file, which is never in memory as a whole: a file of many small tensors has little besides.
class Header {
 public:
  /// Where a header describes a tensor, and where among the data its bytes are.
  struct Place {
    std::uint64_t description, begin, end;
  };
  struct Description {
    std::string name, dtype;
    StoredTensor tensor;  ///< as yet without its bytes
    std::uint64_t begin, end;
  };

  /// The next bytes of a stream; one that does not belong there is an Error.
  Header(const std::string& path, std::istream& in, std::uint64_t length);

  Metadata metadata;
  /// In a deque, since a vector that grows is held three times.
  std::deque<Place> places;

  /// Reads the description of a tensor again.
  Description describe(const Place& place);

 private:
  const std::string& path_;
  std::istream& in_;
  std::streamoff begin_;
  std::uint64_t length_;
};

}  // namespace detail
}  // namespace nn
}  // namespace unroll

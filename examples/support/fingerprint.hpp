#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>

#include "format.hpp"

/// A number that tells data from other data: FNV-1a over the elements of lists, of lists of lists, and so on.
class Fingerprint {
 public:
  template <class... Data>
  explicit Fingerprint(const Data&... data) {
    (add(data), ...);
  }
  std::string text() const { return formatted("%016llx", static_cast<unsigned long long>(hash_)); }

 private:
  template <class Data>
  void add(const Data& data) {
    if constexpr (std::is_integral_v<Data>) {
      for (std::size_t k = 0; k < sizeof(Data); ++k)
        hash_ = (hash_ ^ (std::uint64_t(data) >> 8 * k & 0xff)) * 0x100000001b3;
    } else {
      for (const auto& element : data) add(element);
      add(std::size(data));
    }
  }
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

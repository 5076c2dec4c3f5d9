// Safetensors files as bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <unroll/nn/files/safetensors.hpp>
#include <vector>

#include "support.hpp"

namespace unroll {

inline std::string length_of(std::uint64_t length) {
  std::string bytes;
  for (int k = 0; k < 8; ++k) bytes += static_cast<char>(length >> 8 * k & 255);
  return bytes;
}

// The text of the Error that f throws, without the directory.
template <class F> std::string refusal_by(const F& f) {
  const std::string text = error_of(f);
  const std::size_t colon = text.find(": "), slash = text.rfind('/', colon);
  return slash < colon ? text.substr(slash + 1) : text;
}

template <class Element> nn::StoredTensor stored(nn::Dtype dtype, const std::vector<Element>& values) {
  nn::StoredTensor tensor;
  tensor.dtype = dtype;
  tensor.shape = {values.size()};
  tensor.bytes.resize(values.size() * sizeof(Element));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

}  // namespace unroll

#include "nn/stored_tensor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace unroll::nn {
namespace {

static_assert(std::endian::native == std::endian::little, "stored tensors are little-endian");

struct Bool {
  std::uint8_t bits;
  operator std::uint8_t() const { return bits != 0; }
};

struct Half {
  std::uint16_t bits;
  operator float() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float magnitude = exponent == 31
                                ? (fraction ? NAN : INFINITY)
                                : std::ldexp(float(fraction + (exponent ? 1024 : 0)), std::max(exponent, 1) - 25);
    return bits >> 15 ? -magnitude : magnitude;
  }
};

struct BrainHalf {
  std::uint16_t bits;
  operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }
};

template <class T, class Element>
void convert(const std::byte* from, Buffer<T>& values) {
  for (T& value : values) {
    Element element;
    std::memcpy(&element, from, sizeof(Element));
    from += sizeof(Element);
    value = static_cast<T>(element);
  }
}

struct Kind {
  const char* name;
  std::size_t width;
  void (*to_float)(const std::byte*, Buffer<float>&);
  void (*to_double)(const std::byte*, Buffer<double>&);
  void (*to_index)(const std::byte*, Buffer<std::int64_t>&);
};

template <class Element>
constexpr Kind kind(const char* name) {
  return {name, sizeof(Element), convert<float, Element>, convert<double, Element>, convert<std::int64_t, Element>};
}

// In the order of Dtype.
constexpr Kind kinds[] = {
    kind<Bool>("BOOL"),        kind<std::uint8_t>("U8"), kind<std::int8_t>("I8"),    kind<std::uint16_t>("U16"),
    kind<std::int16_t>("I16"), kind<Half>("F16"),        kind<BrainHalf>("BF16"),    kind<std::uint32_t>("U32"),
    kind<std::int32_t>("I32"), kind<float>("F32"),       kind<std::uint64_t>("U64"), kind<std::int64_t>("I64"),
    kind<double>("F64"),
};

const Kind& kind_of(Dtype dtype) { return kinds[static_cast<std::size_t>(dtype)]; }

template <class T>
StoredTensor store(Dtype dtype, const Array<T>& values) {
  StoredTensor tensor;
  tensor.dtype = dtype;
  tensor.shape = values.shape();
  tensor.bytes.resize(values.size() * sizeof(T));
  std::copy_n(reinterpret_cast<const std::byte*>(values.data()), tensor.bytes.size(), tensor.bytes.begin());
  return tensor;
}

}  // namespace

const char* name_of(Dtype dtype) { return kind_of(dtype).name; }
std::size_t width_of(Dtype dtype) { return kind_of(dtype).width; }

std::optional<Dtype> dtype_of(std::string_view name) {
  const auto* const found = std::ranges::find(kinds, name, &Kind::name);
  if (found == std::end(kinds)) return {};
  return static_cast<Dtype>(found - kinds);
}

bool is_float(Dtype dtype) { return kind_of(dtype).name[0] == 'F' || dtype == Dtype::BF16; }

void check_size(std::string_view where, std::string_view tensor, Dtype dtype, const Shape& shape, std::uint64_t size) {
  const std::uint64_t needed = shape.elements() * kind_of(dtype).width;
  require(size == needed, where, tensor, " has ", size, " bytes; shape ", shape, " of ", kind_of(dtype).name, " needs ",
          needed);
}

StoredTensor::StoredTensor(const Array<float>& values) : StoredTensor(store(Dtype::F32, values)) {}
StoredTensor::StoredTensor(const Array<double>& values) : StoredTensor(store(Dtype::F64, values)) {}
StoredTensor::StoredTensor(const Indices& values) : StoredTensor(store(Dtype::I64, values)) {}

template <class T>
Array<T> StoredTensor::to() const {
  check_size("to", "the tensor", dtype, shape, bytes.size());
  Array<T> values = uninitialised<T>(shape);
  if constexpr (std::is_same_v<T, float>) {
    kind_of(dtype).to_float(bytes.data(), values.storage());
  } else {
    kind_of(dtype).to_double(bytes.data(), values.storage());
  }
  return values;
}

Indices StoredTensor::to_indices() const {
  require(!is_float(dtype), "to_indices", "a tensor of ", kind_of(dtype).name,
          "; indices are made of integers or BOOL");
  check_size("to_indices", "the tensor", dtype, shape, bytes.size());
  Indices values = uninitialised<std::int64_t>(shape);
  kind_of(dtype).to_index(bytes.data(), values.storage());
  const bool fits = dtype != Dtype::U64 || std::ranges::all_of(values.storage(), [](auto index) { return index >= 0; });
  require(fits, "to_indices", "a U64 above 2^63 - 1; indices have 64 bits with a sign");
  return values;
}

template Array<float> StoredTensor::to() const;
template Array<double> StoredTensor::to() const;

}  // namespace unroll::nn

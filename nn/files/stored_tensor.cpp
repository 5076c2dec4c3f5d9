#include "stored_tensor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
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

template <class T, class Element> void convert(const std::byte* from, unroll::detail::Buffer<T>& values) {
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
  void (*to_float)(const std::byte*, unroll::detail::Buffer<float>&);
  void (*to_double)(const std::byte*, unroll::detail::Buffer<double>&);
  void (*to_index)(const std::byte*, unroll::detail::Buffer<std::int64_t>&);
};

template <class Element> constexpr Kind kind(const char* name) {
  return {name, sizeof(Element), convert<float, Element>, convert<double, Element>, convert<std::int64_t, Element>};
}

// In the order of Dtype.
constexpr Kind kinds[] = {
    kind<Bool>("BOOL"),        kind<std::uint8_t>("U8"),   kind<std::int8_t>("I8"),    kind<std::uint16_t>("U16"),
    kind<std::int16_t>("I16"), kind<Half>("F16"),          kind<BrainHalf>("BF16"),    kind<std::uint32_t>("U32"),
    kind<std::int32_t>("I32"), kind<float>("F32"),         kind<std::uint64_t>("U64"), kind<std::int64_t>("I64"),
    kind<double>("F64"),       {"unknown", 1, {}, {}, {}},
};
constexpr const Kind* known_end = std::end(kinds) - 1;

const Kind& kind_of(Dtype dtype) { return kinds[static_cast<std::size_t>(dtype)]; }

template <class T> StoredTensor store(Dtype dtype, const Array<T>& values) {
  StoredTensor tensor;
  tensor.dtype = dtype;
  tensor.shape = values.shape();
  tensor.bytes.resize(values.size() * sizeof(T));
  std::copy_n(reinterpret_cast<const std::byte*>(values.data()), tensor.bytes.size(), tensor.bytes.begin());
  return tensor;
}

void require_known(std::string_view where, Dtype dtype) {
  require(dtype != Dtype::unknown, where, "a tensor of an unknown dtype; nothing can be made of it");
}

// An infinity is none that was finite.
void require_finite(std::string_view where, const StoredTensor& tensor, const unroll::detail::Buffer<float>& values) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (!std::isinf(values[k])) continue;
    double element;
    std::memcpy(&element, tensor.bytes.data() + k * sizeof(element), sizeof(element));
    require(std::isinf(element), where, element, " at ", tensor.shape.position(k), "; a float is at most ",
            std::numeric_limits<float>::max());
  }
}

}  // namespace

const char* name_of(Dtype dtype) { return kind_of(dtype).name; }
std::size_t width_of(Dtype dtype) { return kind_of(dtype).width; }

Dtype dtype_of(std::string_view name) {
  return static_cast<Dtype>(std::find_if(kinds, known_end, [&](const Kind& kind) { return kind.name == name; }) -
                            kinds);
}

bool is_float(Dtype dtype) { return kind_of(dtype).name[0] == 'F' || dtype == Dtype::BF16; }

void detail::check_size(std::string_view where, std::string_view tensor, Dtype dtype, const Shape& shape,
                        std::uint64_t size) {
  if (dtype == Dtype::unknown) return;
  const std::uint64_t needed = shape.elements() * kind_of(dtype).width;
  require(size == needed, where, tensor, " has ", size, " bytes; shape ", shape, " of ", kind_of(dtype).name, " needs ",
          needed);
}

StoredTensor::StoredTensor(const Array<float>& values) : StoredTensor(store(Dtype::F32, values)) {}
StoredTensor::StoredTensor(const Array<double>& values) : StoredTensor(store(Dtype::F64, values)) {}
StoredTensor::StoredTensor(const Indices& values) : StoredTensor(store(Dtype::I64, values)) {}

template <class T> Array<T> StoredTensor::to(std::string_view where) const {
  require_known(where, dtype);
  detail::check_size(where, "the tensor", dtype, shape, bytes.size());
  Array<T> values = uninitialised<T>(shape);
  if constexpr (std::is_same_v<T, float>) {
    kind_of(dtype).to_float(bytes.data(), values.storage());
    if (dtype == Dtype::F64) require_finite(where, *this, values.storage());
  } else {
    kind_of(dtype).to_double(bytes.data(), values.storage());
  }
  return values;
}

Indices StoredTensor::to_indices() const {
  require_known("to_indices", dtype);
  require(!is_float(dtype), "to_indices", "a tensor of ", kind_of(dtype).name,
          "; indices are made of integers or BOOL");
  detail::check_size("to_indices", "the tensor", dtype, shape, bytes.size());
  Indices values = uninitialised<std::int64_t>(shape);
  kind_of(dtype).to_index(bytes.data(), values.storage());
  const bool fits = dtype != Dtype::U64 || std::ranges::all_of(values.storage(), [](auto index) { return index >= 0; });
  require(fits, "to_indices", "a U64 above 2^63 - 1; indices have 64 bits with a sign");
  return values;
}

template Array<float> StoredTensor::to(std::string_view) const;
template Array<double> StoredTensor::to(std::string_view) const;

}  // namespace unroll::nn

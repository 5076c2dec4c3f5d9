#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "../../autograd/array.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The element types a file may hold; BF16 is the upper half of an F32. The bytes of an unknown one can only be looked
/// at.
enum class Dtype : unsigned char { BOOL, U8, I8, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64, unknown };

/// A tensor as it lies in a file: row-major, little-endian bytes.
struct StoredTensor {
  Dtype dtype = Dtype::F32;      ///< the type of its elements
  Shape shape;                   ///< () for a single element
  std::vector<std::byte> bytes;  ///< of all elements

  StoredTensor() = default;
  StoredTensor(const Array<float>& values);   ///< F32
  StoredTensor(const Array<double>& values);  ///< F64
  StoredTensor(const Indices& values);        ///< I64

  /// The values of any known dtype as T, float or double, rounded to nearest where T is narrower. An Error, which
  /// begins with `where`, for a finite F64 beyond the largest float.
  template <class T> Array<T> to(std::string_view where = "to") const;
  /// The values of an integer type or BOOL; an Error for others, and for a U64 above the largest index.
  Indices to_indices() const;
};

/// A dtype's name in a file.
const char* name_of(Dtype dtype);
/// The bytes of one element, 1 of an unknown one.
std::size_t width_of(Dtype dtype);
/// The dtype of this name, or else Dtype::unknown.
Dtype dtype_of(std::string_view name);
/// Whether it is a floating-point type.
bool is_float(Dtype dtype);

namespace detail {
/// Throws unless a tensor of this dtype, if it is known, and shape has so many bytes.
void check_size(std::string_view where, std::string_view tensor, Dtype dtype, const Shape& shape, std::uint64_t bytes);
}  // namespace detail

}  // namespace nn
}  // namespace unroll

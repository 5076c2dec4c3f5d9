#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "autograd/array.hpp"
#include "nn/module.hpp"

namespace unroll::nn {

/// The element types a file may hold; BF16 is the upper half of an F32.
enum class Dtype : unsigned char { BOOL, U8, I8, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64 };

/// A tensor as it lies in a file: row-major, little-endian bytes.
struct StoredTensor {
  Dtype dtype = Dtype::F32;
  Shape shape;
  std::vector<std::byte> bytes;

  StoredTensor() = default;
  StoredTensor(const Array<float>& values);   ///< F32
  StoredTensor(const Array<double>& values);  ///< F64
  StoredTensor(const Indices& values);        ///< I64

  /// The values of any dtype as T, float or double, rounded to nearest where T is narrower.
  template <class T>
  Array<T> to() const;
  /// The values of an integer type or BOOL; an Error for others, and for a U64 above the largest index.
  Indices to_indices() const;
};

/// What a program says about a file; it is kept in the file's header.
using Metadata = std::map<std::string, std::string>;

/// What a safetensors file holds.
struct Safetensors {
  std::map<std::string, StoredTensor> tensors;
  Metadata metadata;
};

/// The tensors and metadata of a file, after a strict check of the whole header: a file that is not exactly as the
/// format demands is an Error, `path: reason`, before memory for a tensor is allocated.
Safetensors read_safetensors(const std::string& path);

/// Writes a file, atomically: the widest types first, then by name, so that equal contents give equal files and every
/// tensor is aligned. An Error leaves an old file as it was.
void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const Metadata& metadata = {});

/// Assigns to every parameter the tensor of its name, and returns the file's metadata. An Error, before anything is
/// assigned, for a tensor that is missing, has another shape, no floating-point type or no parameter, and where the
/// names of one tied parameter have different values.
template <class T>
Metadata load_safetensors(const std::string& path, Module<T>& model);

/// Writes every parameter under its names, a tied one under each, as PyTorch's state_dict has them.
template <class T>
void save_safetensors(const std::string& path, const Module<T>& model, const Metadata& metadata = {});

}  // namespace unroll::nn

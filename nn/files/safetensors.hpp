#pragma once

#include <map>
#include <string>
#include <vector>

#include "../module.hpp"
#include "stored_tensor.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// What a program says about a file; it is kept in the file's header. Names that begin with "unroll." are the
/// library's.
using Metadata = std::map<std::string, std::string>;

/// What a safetensors file holds.
struct Safetensors {
  std::map<std::string, StoredTensor> tensors;  ///< by name
  Metadata metadata;                            ///< but for the library's
  /// What the file calls the dtypes that are unknown here, by the names of their tensors.
  std::map<std::string, std::string> unknown_dtypes;
  /// Whether the file carries a checksum, as every file does that was written here; it is right then.
  bool checked = false;
};

/// The tensors and metadata of a file, after a strict check of the whole header: a file that is not exactly as the
/// format demands is an Error, `path: reason`, before memory for a tensor is allocated. So is one that was written by
/// this library and has changed since, be it by a single bit. A tensor of an unknown dtype is only in the way of one
/// that asks for its values, unless there is no other.
Safetensors read_safetensors(const std::string& path);

/// Writes a file, atomically: the widest types first, then by name, so that equal contents give equal files and every
/// tensor is aligned. Its metadata begins with the CRC-32C of the whole file, eight digits that count as zeros for it.
/// An Error leaves an old file as it was.
void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const Metadata& metadata = {});

/// What a model and a file do not share.
struct Unmatched {
  std::vector<std::string> missing;     ///< parameters that the file has no tensor for
  std::vector<std::string> unexpected;  ///< tensors that are no parameter
};

/// Assigns to every parameter the tensor of its name, and returns the file's metadata. An Error, before anything is
/// assigned, for a tensor that is missing, has another shape, no floating-point type, a number beyond the largest float
/// or, its type being known, no parameter, and where the names of one tied parameter have different values. With
/// `unmatched`, part of a model is loaded, or a model of part of a file: what has no counterpart is listed there, and
/// no Error.
template <class T> Metadata load_safetensors(const std::string& path, Module<T>& model, Unmatched* unmatched = nullptr);

/// Writes every parameter under its names, a tied one under each, as PyTorch's state_dict has them. Errors as
/// write_safetensors has them.
template <class T>
void save_safetensors(const std::string& path, const Module<T>& model, const Metadata& metadata = {});

}  // namespace nn
}  // namespace unroll

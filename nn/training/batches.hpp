#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../../autograd/array.hpp"
#include "../../autograd/random.hpp"
#include "../total.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Sequences of ids, of any lengths.
using Sequences = std::vector<std::vector<std::int64_t>>;

/// Some sequences of a corpus side by side, the longest first.
struct Batch {
  Indices tokens;                 ///< [time, batch]
  Indices labels;                 ///< [time, batch], ignored in padding; [0, 0] if the corpus has no labels
  Indices lengths;                ///< [batch]
  std::vector<std::size_t> rows;  ///< [batch], which sequences of the corpus these are
};

/// How a corpus is cut into batches.
struct BatchOptions {
  std::size_t size = 32;     ///< must not be 0; the last batch may have fewer sequences
  std::int64_t padding = 0;  ///< the token after the end of a sequence
};

/// Every sequence once, in batches of similar length, the longest first; `random` shuffles batches and equal lengths.
std::vector<Batch> make_batches(const Sequences& tokens, const BatchOptions& options = {}, Random* random = nullptr);
/// The same with one label for each token; throws where there are more or fewer.
std::vector<Batch> make_batches(const Sequences& tokens, const Sequences& labels, const BatchOptions& options,
                                Random* random = nullptr);

/// The rows 0, ..., lengths.size() - 1 in groups of `size`, the last of those of the shortest maybe smaller.
/// Throws where the size is 0.
std::vector<std::vector<std::size_t>> batches_of_similar_length(const std::vector<std::size_t>& lengths,
                                                                std::size_t size, Random* random = nullptr);

/// These rows of the sequences as columns, padded at their ends.   shape: [longest of them, rows]
/// Throws where there is no such row.
Indices pad(const Sequences& sequences, const std::vector<std::size_t>& rows, std::int64_t padding);

}  // namespace nn
}  // namespace unroll

#pragma once

#include <optional>
#include <vector>

#include "../../autograd/operations/ops.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The rows of a padded batch [time, batch, ...] without its padding: step by step, and within a step the sequences
/// that are still running, the longest first. Without lengths, all sequences are as long as the batch.
class Packing {
 public:
  /// An Error for lengths that are not (batch,), or not in [0, time].
  Packing(std::size_t time, std::size_t batch, const std::optional<Indices>& lengths);

  /// How many sequences run at each step, up to the longest sequence's last; of no steps, one that runs none is left,
  /// so that a batch without rows passes through a cell too, and is recorded.
  const std::vector<std::size_t>& sizes() const { return sizes_; }
  /// How many rows there are without padding, and how many sequences.
  std::size_t rows() const { return rows_; }
  /// Sequences, those of length 0 among them.
  std::size_t batch() const { return batch_; }
  /// How long a sequence is.
  std::size_t length(std::size_t sequence) const;

  /// (time, batch, ...) → (rows, ...); padding is not read, and gets gradient 0.
  template <class T> Variable<T> pack(const Variable<T>& x) const;
  /// (rows, ...) → (time, batch, ...); padding is 0.
  template <class T> Variable<T> unpack(const Variable<T>& x) const;
  /// (batch, ...) → (batch, ...), the longest sequence first.
  template <class T> Variable<T> sort(const Variable<T>& x) const;
  /// The same back.
  template <class T> Variable<T> unsort(const Variable<T>& x) const;
  /// What each sequence of the batch ends with, given what there is after every step of those that run, and at the
  /// start of all, the longest first. Forward a sequence ends at its last step; in reverse all end at the first; one of
  /// length 0 ends where it starts.   shape: (batch, ...)
  template <class T>
  Variable<T> final_state(const std::vector<Variable<T>>& steps, const Variable<T>& start, bool reverse) const;

 private:
  void require_not_moved() const;

  std::size_t time_, batch_, rows_ = 0;
  std::vector<std::size_t> sizes_;
  bool even_ = true;        // nothing is padded, so nothing moves
  Indices rows_of_padded_;  // where each row stands in time × batch
  Indices lengths_;
  Indices order_, inverse_;  // the sequence at each place, and the place of each sequence
};

}  // namespace nn
}  // namespace unroll

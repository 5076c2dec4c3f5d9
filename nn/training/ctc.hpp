#pragma once

#include <optional>

#include "losses.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of ctc_loss.
struct CTCOptions {
  std::int64_t blank = 0;                 ///< the class of no label
  Reduction reduction = Reduction::mean;  ///< mean: of each loss by the number of its labels, at least 1; PyTorch's
  bool zero_infinity = false;             ///< whether losses of ∞ become 0
};

/// Connectionist temporal classification, Graves et al. (2006): −ln Σ Π_t softmax(logits_t)[π_t] over all alignments π
/// of each sequence, which are its labels once all but one of equal neighbours, and then the blanks, are left out.
/// shapes: logits, or log-probabilities, (time, batch, classes); labels (labels, batch); lengths (batch,), all as long
/// as these by default. The loss is ∞, with gradient 0, where no alignment may be: labels, with a blank between equal
/// neighbours, that do not fit in the time, or have probability 0. Padding may hold anything and gets gradient 0.
/// Throws where shapes do not fit, for a length, a label or a blank out of range, a label that is the blank, and a mean
/// over no sequences.
template <class T>
Variable<T> ctc_loss(const Variable<T>& logits, const Indices& labels, const std::optional<Indices>& input_lengths = {},
                     const std::optional<Indices>& label_lengths = {}, const CTCOptions& options = {});

}  // namespace nn
}  // namespace unroll

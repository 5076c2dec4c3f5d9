#pragma once

#include <optional>

#include "../total.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// What becomes of the losses of all elements: their mean, their sum, or they as they are.
enum class Reduction { mean, sum, none };

/// Options of cross_entropy.
template <class T> struct CrossEntropyOptions {
  std::int64_t ignore = ignored;  ///< the label of what does not count
  Array<T> weights = {};          ///< of the classes, (classes,), 0 or more; all 1 by default
  double smoothing = 0;           ///< the share of the label, in [0, 1), spread over all classes: Szegedy et al. (2016)
  Reduction reduction = Reduction::mean;  ///< of cross_entropy; cross_entropy_total is a sum
};

/// −Σ ln softmax(logits)[label].    shapes: (..., classes) with labels (...)   Logits of ignored labels may hold
/// anything and get gradient 0. Throws where shapes do not fit, or a label is neither ignored nor in [0, classes).
template <class T>
Total<T> cross_entropy_total(const Variable<T>& logits, const Indices& labels,
                             const CrossEntropyOptions<T>& options = {});

/// The mean of −w ln softmax(logits)[label] by the classes' weights w; 0 if all labels are ignored; or its sum, or each
/// label's own in the shape of the labels. Shapes and errors as of cross_entropy_total.
template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& labels,
                          const std::type_identity_t<CrossEntropyOptions<T>>& options = {});

/// Options of the losses below.
struct LossOptions {
  Reduction reduction = Reduction::mean;  ///< over all elements
};

/// −t ln σ(x) − (1 − t) ln σ(−x) for each logit x and probability t of the target; its mean, which throws over nothing,
/// its sum, or each in the shape of the logits, which must be that of the targets.
template <class T>
Variable<T> binary_cross_entropy(const Variable<T>& logits, const std::type_identity_t<Variable<T>>& targets,
                                 const LossOptions& options = {});

/// (x − t)² for each element x and target t, reduced as binary_cross_entropy is.
template <class T>
Variable<T> mean_squared_error(const Variable<T>& x, const std::type_identity_t<Variable<T>>& targets,
                               const LossOptions& options = {});

/// |x − t| for each element x and target t, reduced as binary_cross_entropy is.
template <class T>
Variable<T> mean_absolute_error(const Variable<T>& x, const std::type_identity_t<Variable<T>>& targets,
                                const LossOptions& options = {});

/// Σ t (ln t − ln p) over the last axis, 0 where t = 0, for log-probabilities ln p (..., classes) and probabilities t
/// of the targets of the same shape; the mean over the distributions (PyTorch's "batchmean" where there are two axes),
/// which throws over nothing, the sum, or each (...). Kullback and Leibler (1951)
template <class T>
Variable<T> kl_divergence(const Variable<T>& log_p, const std::type_identity_t<Variable<T>>& targets,
                          const LossOptions& options = {});

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

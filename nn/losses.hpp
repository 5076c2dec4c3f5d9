#pragma once

#include "autograd/ops.hpp"
#include "nn/batches.hpp"

namespace unroll::nn {

enum class Reduction { mean, sum, none };

template <class T>
struct CrossEntropyOptions {
  std::int64_t ignore = ignored;  ///< the label of what does not count
  Array<T> weights = {};          ///< of the classes, (classes,); all 1 by default
  double smoothing = 0;           ///< the share of the label spread over all classes: Szegedy et al. (2016)
  Reduction reduction = Reduction::mean;
};

/// A loss in two parts: a mean over uneven shards is the sum of their sums by the sum of their counts.
template <class T>
struct Total {
  Variable<T> sum;
  double count = 0;  ///< what counted, weighted

  /// sum / count, or 0 if nothing counted.
  Variable<T> mean() const { return sum * (count > 0 ? 1 / count : 0.0); }
};

/// −Σ ln softmax(logits)[label].    shapes: (..., classes) with labels (...)   Logits of ignored labels may hold
/// anything and get gradient 0.
template <class T>
Total<T> cross_entropy_total(const Variable<T>& logits, const Indices& labels,
                             const CrossEntropyOptions<T>& options = {});

/// The mean of −w ln softmax(logits)[label] by the classes' weights w; 0 if all labels are ignored; or its sum, or each
/// label's own in the shape of the labels.
template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& labels,
                          const std::type_identity_t<CrossEntropyOptions<T>>& options = {});

}  // namespace unroll::nn

#pragma once

#include "../initialisers.hpp"
#include "../module.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

struct EmbeddingOptions {
  std::size_t count = 0, size = 0;
};

/// The rows of a table with these indices.   shape: indices of shape s → s + (size,)   parameter: weight (count, size)
template <class T>
class Embedding : public Module<T> {
 public:
  /// A table of N(0, 1), as PyTorch's.
  Embedding(const EmbeddingOptions& options, Random& random) {
    require(options.count && options.size, "embedding", "count ", options.count, ", size ", options.size,
            "; both must be given");
    set(Parameter<T>(random.normal<T>({options.count, options.size}, 0, 1)));
  }
  /// A given table, frozen unless it is to be trained.
  explicit Embedding(Array<T> table, bool trained = false) {
    set(Parameter<T>(std::move(table)));
    weight.freeze(!trained);
  }
  /// A parameter shared with another layer: Embedding(scores.weight).
  explicit Embedding(Parameter<T> table) { set(std::move(table)); }

  Variable<T> operator()(const Indices& indices) const { return take(weight, indices, "embedding"); }

  Parameter<T> weight;

 private:
  void set(Parameter<T> table) {
    require(table.shape().size() == 2, "embedding", "a table of shape ", table.shape(), "; it must be (count, size)");
    weight = std::move(table);
    this->add("weight", weight);
  }
};

}  // namespace nn
}  // namespace unroll

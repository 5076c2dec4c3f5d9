#pragma once

#include "../initialisers.hpp"
#include "../module.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of Embedding; both must be given.
struct EmbeddingOptions {
  std::size_t count = 0;  ///< rows of the table
  std::size_t size = 0;   ///< elements of a row
};

/// The rows of a table with these indices.   shape: indices of shape s → s + (size,)   parameter: weight (count, size)
template <class T> class Embedding : public Module<T> {
 public:
  /// A table of N(0, 1), as PyTorch's; throws where count or size is 0.
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

  /// The rows with these indices; throws where one is not in [0, count).
  Variable<T> operator()(const Indices& indices) const { return take(weight, indices, "embedding"); }

  Parameter<T> weight;  ///< the table, (count, size)

 private:
  void set(Parameter<T> table) {
    require(table.shape().size() == 2, "embedding", "a table of shape ", table.shape(), "; it must be (count, size)");
    weight = std::move(table);
    this->add("weight", weight);
  }
};

}  // namespace nn
}  // namespace unroll

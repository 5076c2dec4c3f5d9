#pragma once

#include <optional>

#include "../../autograd/random.hpp"
#include "../module.hpp"
#include "../total.hpp"
#include "packing.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of CRF.
struct CRFOptions {
  std::size_t tags = 0;  ///< their number; must be given
};

/// A linear-chain conditional random field: Lafferty et al. (2001). A path y of tags through emissions e has the score
/// start[y₁] + Σ e_t[y_t] + Σ transitions[y_t, y_t₊₁] + end[y_n], and p(y | e) = e^score / Σ e^(scores of all paths).
/// emissions (time, batch, tags); lengths (batch,), all as long as the emissions by default; padding may hold anything
/// and gets gradient 0.   parameters: transitions (tags, tags), from row to column, start (tags,), end (tags,), which
/// are −∞ for what must not be. Throws where shapes do not fit, or a length or a label within it is out of range.
template <class T> class CRF : public Module<T> {
 public:
  /// Parameters from U(−0.1, 0.1); throws for 0 tags.
  CRF(const CRFOptions& options, Random& random);

  /// ln p(labels | emissions) of each sequence, (batch,); 0 for one of length 0.   labels (time, batch)
  Variable<T> log_likelihood(const Variable<T>& emissions, const Indices& labels,
                             const std::optional<Indices>& lengths = {}) const;

  /// −Σ ln p(labels | emissions), and the number of sequences that are not empty.
  Total<T> loss(const Variable<T>& emissions, const Indices& labels, const std::optional<Indices>& lengths = {}) const;

  /// The path of the highest score of each sequence, (time, batch), and `ignored` past its length: Viterbi (1967). Of
  /// equal ones it is the one whose last tags are smallest.
  Indices decode(const Variable<T>& emissions, const std::optional<Indices>& lengths = {}) const;

  Parameter<T> transitions;  ///< (tags, tags), from row to column
  Parameter<T> start;        ///< (tags,)
  Parameter<T> end;          ///< (tags,)

 private:
  Packing packed(const Variable<T>& emissions, const std::optional<Indices>& lengths) const;
  Variable<T> score(const Variable<T>& emissions, const Indices& labels, const std::optional<Indices>& lengths,
                    const Packing& packing) const;
  Variable<T> log_normaliser(const Variable<T>& emissions, const Packing& packing) const;

  std::size_t tags_;
};

}  // namespace nn
}  // namespace unroll

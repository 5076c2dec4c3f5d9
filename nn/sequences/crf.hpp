#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../../autograd/random.hpp"
#include "../module.hpp"
#include "../total.hpp"
#include "packing.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Which tags may be where: 1, or 0 for what must not be. All may be where an array is not given.
struct TagConstraints {
  Indices transitions = {};  ///< (tags, tags), from row to column
  Indices start = {};        ///< (tags,), of the first tag
  Indices end = {};          ///< (tags,), of the last tag
};

/// Of tags O, B-x and I-x, I-x follows B-x and I-x alone: Ramshaw and Marcus (1995). Throws for another tag.
TagConstraints bio_constraints(const std::vector<std::string>& tags);

/// Options of CRF.
struct CRFOptions {
  std::size_t tags = 0;         ///< their number; must be given
  TagConstraints allowed = {};  ///< no path has what must not be, whatever the parameters are
};

/// A sequence of tags and its score.
template <class T> struct TagPath {
  std::vector<std::int64_t> tags;  ///< one for each step
  T score = 0;                     ///< as CRF has it
};

/// A linear-chain conditional random field: Lafferty et al. (2001). A path y of tags through emissions e has the score
/// start[y₁] + Σ e_t[y_t] + Σ transitions[y_t, y_t₊₁] + end[y_n], and p(y | e) = e^score / Σ e^(scores of all paths).
/// emissions (time, batch, tags); lengths (batch,), all as long as the emissions by default; padding may hold anything
/// and gets gradient 0.   parameters: transitions (tags, tags), from row to column, start (tags,), end (tags,). What
/// must not be is said by constraints, which leave them finite, or by a parameter of −∞. Throws where shapes do not
/// fit, a length or a label within it is out of range, or the constraints do not allow a label.
template <class T> class CRF : public Module<T> {
 public:
  /// Parameters from U(−0.1, 0.1); throws for 0 tags, and constraints of other shapes.
  CRF(const CRFOptions& options, Random& random);

  /// ln p(labels | emissions) of each sequence, (batch,); 0 for one of length 0.   labels (time, batch)
  Variable<T> log_likelihood(const Variable<T>& emissions, const Indices& labels,
                             const std::optional<Indices>& lengths = {}) const;

  /// −Σ ln p(labels | emissions), and the number of sequences that are not empty.
  Total<T> loss(const Variable<T>& emissions, const Indices& labels, const std::optional<Indices>& lengths = {}) const;

  /// The score of the path of the labels of each sequence, (batch,); 0 for one of length 0.   labels (time, batch)
  Variable<T> score(const Variable<T>& emissions, const Indices& labels,
                    const std::optional<Indices>& lengths = {}) const;

  /// p(y_t = j | emissions) of each tag, (time, batch, tags), and 0 past the length: the gradient of ln Σ e^score by
  /// the emissions. It has derivatives of its own.
  Variable<T> marginals(const Variable<T>& emissions, const std::optional<Indices>& lengths = {}) const;

  /// The path of the highest score of each sequence, (time, batch), and `ignored` past its length: Viterbi (1967). Of
  /// equal ones it is the one whose last tags are smallest. Throws where the constraints allow none of that length.
  Indices decode(const Variable<T>& emissions, const std::optional<Indices>& lengths = {}) const;

  /// The n paths of the highest scores of each sequence, the best first, as decode orders them; fewer where there are
  /// not so many that may be. Throws for 0.
  std::vector<std::vector<TagPath<T>>> n_best(const Variable<T>& emissions, std::size_t n,
                                              const std::optional<Indices>& lengths = {}) const;

  Parameter<T> transitions;  ///< (tags, tags), from row to column
  Parameter<T> start;        ///< (tags,)
  Parameter<T> end;          ///< (tags,)

 private:
  Packing packed(const Variable<T>& emissions, const std::optional<Indices>& lengths) const;
  Variable<T> weights() const;
  Variable<T> path_score(const Variable<T>& emissions, const Indices& labels, const Packing& packing) const;
  Variable<T> log_normaliser(const Variable<T>& emissions, const Packing& packing) const;

  std::size_t tags_;
  Variable<T> allowed_;  // as weights(); an empty handle where all are
};

}  // namespace nn
}  // namespace unroll

#pragma once

#include "../module.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// x with elements set to 0 with probability `rate` and the others divided by 1 − rate, by the random stream of the
/// innermost tape; x itself on a tape without one, or without a tape. Along the axes `same_along` the choice is the
/// same. shape: as x; throws unless the rate is in [0, 1)
template <class T>
Variable<T> dropout(const Variable<T>& x, double rate, const Axes& same_along = Axes(std::vector<int>{}));

/// What zoneout leaves of a step: each element stays as it was before with probability `rate`, by the random stream of
/// the innermost tape; on a tape without one, its mean, rate before + (1 − rate) after. Krueger et al. (2017).
/// shape: that of before and after, which must be equal; throws unless the rate is in [0, 1)
template <class T> Variable<T> zoneout(const Variable<T>& before, const Variable<T>& after, double rate);

/// Options of Dropout.
struct DropoutOptions {
  double rate = 0.5;                ///< the probability of 0, in [0, 1)
  bool same_for_all_steps = false;  ///< one choice for the whole of axis 0, time
};

/// Dropout as a layer without parameters: Srivastava et al. (2014); for all steps alike: Gal and Ghahramani (2016).
template <class T> class Dropout : public Module<T> {
 public:
  /// Throws unless the rate is in [0, 1).
  explicit Dropout(const DropoutOptions& options) : options_(options) {
    require(0 <= options.rate && options.rate < 1, "dropout", "a rate of ", options.rate, "; it must be in [0, 1)");
  }
  /// As the function dropout.   shape: as x
  Variable<T> operator()(const Variable<T>& x) const {
    return dropout(x, options_.rate, options_.same_for_all_steps ? Axes(0) : Axes(std::vector<int>{}));
  }

 private:
  DropoutOptions options_;
};

}  // namespace nn
}  // namespace unroll

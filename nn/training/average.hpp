#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "../module.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The mean of a model's weights over the last steps of its training, which is often better than where the last step
/// ended: Polyak and Juditsky (1992). It refers to the parameters, not to the model.
///
///     nn::Average<float> average(model);
///     optimizer.step(gradients);  // for each batch
///     average.update();
///     average.swap();             // the model has the means; after another swap it has its own weights again
template <class T> class Average {
 public:
  /// About the last 1/(1 − decay) steps count, or a ninth of all where these are fewer. An Error for a decay outside
  /// [0, 1).
  explicit Average(const Module<T>& model, double decay = 0.998) : Average(model.parameters(), decay) {}
  /// The same of some parameters: nn::Average<float> average(nn::parameters(encoder, decoder)).
  explicit Average(std::vector<Parameter<T>> parameters, double decay = 0.998)
      : parameters_(std::move(parameters)), decay_(decay) {
    require(0 <= decay && decay < 1, "average", "a decay of ", decay, "; it must be in [0, 1)");
    for (const Parameter<T>& parameter : parameters_) means_.push_back(parameter.value());
  }

  /// Counts the weights as they are, after a step of an optimizer.
  void update() {
    const T rate = T(1 - std::min(decay_, double(steps_ + 1) / double(steps_ + 10)));
    ++steps_;
    for (std::size_t k = 0; k < means_.size(); ++k) means_[k] += rate * (parameters_[k].value() - means_[k]);
  }
  /// The weights become the means, and the means the weights.
  void swap() {
    for (std::size_t k = 0; k < means_.size(); ++k)
      parameters_[k].assign(std::exchange(means_[k], parameters_[k].value()));
  }
  /// Calls f(name, value) for what there is to save: the number of updates, and the means.
  template <class F> void visit_state(const F& f) {
    f("steps", steps_);
    for (std::size_t k = 0; k < means_.size(); ++k) f(std::to_string(k), means_[k]);
  }

 private:
  std::vector<Parameter<T>> parameters_;
  std::vector<Array<T>> means_;
  double decay_;
  std::size_t steps_ = 0;
};

}  // namespace nn
}  // namespace unroll

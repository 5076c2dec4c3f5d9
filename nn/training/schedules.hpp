#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

#include "../options.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of StepSchedule.
struct StepScheduleOptions {
  double start = 1e-3;    ///< the rate of the first epochs
  std::size_t every = 1;  ///< epochs, at least 1
  double factor = 0.5;    ///< positive
  std::size_t from = 0;   ///< the first epoch that counts
};

/// A learning rate that is multiplied by a factor every few epochs: optimizer.learning_rate = schedule(epoch).
class StepSchedule {
 public:
  /// Throws where an option is outside its range, or not finite.
  explicit StepSchedule(const StepScheduleOptions& options) : options_(options) {
    detail::require_not_negative("step_schedule", "start", options.start);
    require(options.every > 0, "step_schedule", "every 0 epochs; it must be at least 1");
    require(options.factor > 0 && std::isfinite(options.factor), "step_schedule", "factor is ", options.factor,
            "; it must be positive, and finite");
  }
  /// start · factorⁿ, n = ⌊(epoch − from) / every⌋, for epochs from 0; n = 0 up to `from`.
  double operator()(std::size_t epoch) const {
    const std::size_t counted = epoch > options_.from ? epoch - options_.from : 0;
    const double most = std::numeric_limits<double>::max();  // a start of 0 stays 0
    return options_.start * std::min(std::pow(options_.factor, double(counted / options_.every)), most);
  }

 private:
  StepScheduleOptions options_;
};

/// Options of PlateauSchedule.
struct PlateauScheduleOptions {
  double start = 1e-3;       ///< the first rate
  double factor = 0.5;       ///< in (0, 1]
  std::size_t patience = 1;  ///< epochs without a smaller loss before the rate falls
  double least = 0;          ///< below which no rate falls, in [0, start]
};

/// A learning rate that falls when a loss has stopped falling: optimizer.learning_rate = schedule(loss), once an epoch.
class PlateauSchedule {
 public:
  /// Throws where an option is outside its range, or not finite.
  explicit PlateauSchedule(const PlateauScheduleOptions& options) : options_(options), rate_(options.start) {
    detail::require_falls("plateau_schedule", options.start, options.least);
    require(0 < options.factor && options.factor <= 1, "plateau_schedule", "factor is ", options.factor,
            "; it must be in (0, 1]");
  }
  /// The rate of the epoch after one with this loss; not a number is no smaller loss.
  double operator()(double loss) {
    if (loss < least_loss_) {
      least_loss_ = loss;
      waited_ = 0;
    } else if (++waited_ > options_.patience) {
      rate_ = std::max(rate_ * options_.factor, options_.least);
      waited_ = 0;
    }
    return rate_;
  }
  /// Calls f(name, value) for what there is to save.
  template <class F> void visit_state(const F& f) {
    f("rate", rate_);
    f("waited", waited_);
    f("best", least_loss_);
  }

 private:
  PlateauScheduleOptions options_;
  double rate_;
  double least_loss_ = std::numeric_limits<double>::infinity();
  std::size_t waited_ = 0;
};

/// Options of CosineSchedule.
struct CosineScheduleOptions {
  double start = 1e-3;      ///< the largest rate
  std::size_t steps = 0;    ///< after which the rate stays at the least; more than the warm-up
  std::size_t warm_up = 0;  ///< how many of the steps rise to the start in equal parts
  double least = 0;         ///< the last rate, in [0, start]
};

/// A learning rate that falls along half a cosine: optimizer.learning_rate = schedule(step), for steps from 0.
/// Loshchilov and Hutter (2017), eq. 5, without restarts
class CosineSchedule {
 public:
  /// Throws where an option is outside its range, or not finite.
  explicit CosineSchedule(const CosineScheduleOptions& options) : options_(options) {
    require(options.warm_up < options.steps, "cosine_schedule", options.steps, " steps with a warm-up of ",
            options.warm_up, "; there must be more steps than that");
    detail::require_falls("cosine_schedule", options.start, options.least);
  }
  /// least + (start − least) (1 + cos πp) / 2, p the part of the steps after the warm-up that is done.
  double operator()(std::size_t step) const {
    const auto& [start, steps, warm_up, least] = options_;
    if (step < warm_up) return start * double(step + 1) / double(warm_up);
    const double done = std::min(double(step - warm_up) / double(steps - warm_up), 1.0);
    return least + (start - least) * (1 + std::cos(std::numbers::pi * done)) / 2;
  }

 private:
  CosineScheduleOptions options_;
};

}  // namespace nn
}  // namespace unroll

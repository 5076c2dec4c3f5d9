#pragma once

#include "nn/optimiser.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

// In the equations η is the learning rate, g = ∇ + λ x the gradient with weight decay λ, t the number of steps, and
// what is remembered starts at 0; each gives what PyTorch's optimiser of that name gives. Without ε, 0 / 0 is no step.

struct SGDOptions {
  double learning_rate = 0.01;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;  ///< x = x − η (g + μ v): Sutskever et al. (2013)
};

/// v = μ v + g,  x = x − η v
template <class T>
class SGD final : public Optimizer<T> {
 public:
  explicit SGD(const ParameterGroups<T>& parameters, const SGDOptions& options = {});

 private:
  void update(Step<T> step) const override;
  SGDOptions options_;
};

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;  ///< the largest v so far takes the place of v: Reddi et al. (2018)
};

/// m = β₁ m + (1 − β₁) g,  v = β₂ v + (1 − β₂) g²,  x = x − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
/// Kingma and Ba (2015)
template <class T>
class Adam : public Optimizer<T> {
 public:
  explicit Adam(const ParameterGroups<T>& parameters, const AdamOptions& options = {});

 protected:
  void update(Step<T> step) const override;
  bool decoupled_ = false;  // whether the weights decay by themselves instead of through the gradient

 private:
  AdamOptions options_;
};

/// Adam whose weights decay by themselves: x = x − η λ x first, with g = ∇. Loshchilov and Hutter (2019)
template <class T>
class AdamW final : public Adam<T> {
 public:
  explicit AdamW(const ParameterGroups<T>& parameters, const AdamOptions& options = {.weight_decay = 0.01});
};

struct RMSpropOptions {
  double learning_rate = 0.01;
  double alpha = 0.99;
  double epsilon = 1e-8;
  double momentum = 0;
  double weight_decay = 0;
  bool centred = false;  ///< s − m² instead of s, with m = α m + (1 − α) g: Graves (2013)
};

/// s = α s + (1 − α) g²,  v = μ v + g / (√s + ε),  x = x − η v. Tieleman and Hinton (2012)
template <class T>
class RMSprop final : public Optimizer<T> {
 public:
  explicit RMSprop(const ParameterGroups<T>& parameters, const RMSpropOptions& options = {});

 private:
  void update(Step<T> step) const override;
  RMSpropOptions options_;
};

struct AdagradOptions {
  double learning_rate = 0.01;
  double learning_rate_decay = 0;  ///< ζ in η / (1 + (t − 1) ζ), which takes the place of η
  double epsilon = 1e-10;
  double weight_decay = 0;
  double initial = 0;  ///< what s starts at
};

/// s = s + g²,  x = x − η g / (√s + ε). Duchi et al. (2011)
template <class T>
class Adagrad final : public Optimizer<T> {
 public:
  explicit Adagrad(const ParameterGroups<T>& parameters, const AdagradOptions& options = {});

 private:
  void update(Step<T> step) const override;
  AdagradOptions options_;
};

struct AdadeltaOptions {
  double learning_rate = 1;
  double rho = 0.9;
  double epsilon = 1e-6;
  double weight_decay = 0;
};

/// s = ρ s + (1 − ρ) g²,  d = g √(u + ε) / √(s + ε),  u = ρ u + (1 − ρ) d²,  x = x − η d. Zeiler (2012)
template <class T>
class Adadelta final : public Optimizer<T> {
 public:
  explicit Adadelta(const ParameterGroups<T>& parameters, const AdadeltaOptions& options = {});

 private:
  void update(Step<T> step) const override;
  AdadeltaOptions options_;
};

}  // namespace nn
}  // namespace unroll

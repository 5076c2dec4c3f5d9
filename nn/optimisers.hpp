#pragma once

#include <cmath>
#include <vector>

#include "autograd/tape.hpp"

namespace unroll::nn {

/// Scales the gradients so that their norm, over all of them, is at most this; returns the norm before.
/// A norm that is not finite is an Error that names a parameter, and nothing changes. Pascanu et al. (2013)
template <class T>
double clip_norm(Gradients<T>& gradients, double most);

/// What optimisers share: parameters, and the learning rate, which schedules set.
template <class T>
class Optimizer {
 public:
  Optimizer(std::vector<Parameter<T>> parameters, double learning_rate);
  virtual ~Optimizer() = default;

  /// Moves each parameter that has a gradient and is not frozen. A gradient that is not finite is an Error that names
  /// its parameter, and nothing changes.
  void step(const Gradients<T>& gradients);

  double learning_rate;

 protected:
  /// Moves parameter k, by values x and gradient g, in place.
  virtual void update(std::size_t k, Array<T>& x, const Array<T>& g) = 0;
  /// Zeros in the shape of every parameter.
  std::vector<Array<T>> zeros_like_parameters() const;

 private:
  std::vector<Parameter<T>> parameters_;
};

struct SGDOptions {
  double learning_rate = 0.01;
  double momentum = 0;
  double weight_decay = 0;
};

/// v = μ v + g,  x = x − η v, with g = ∇ + λ x.
template <class T>
class SGD final : public Optimizer<T> {
 public:
  explicit SGD(std::vector<Parameter<T>> parameters, const SGDOptions& options = {});

 private:
  void update(std::size_t k, Array<T>& x, const Array<T>& g) override;
  SGDOptions options_;
  std::vector<Array<T>> velocity_;
};

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

/// m = β₁ m + (1 − β₁) g,  v = β₂ v + (1 − β₂) g²,  x = x − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε), with g = ∇ + λ
/// x. Kingma and Ba (2015)
template <class T>
class Adam : public Optimizer<T> {
 public:
  explicit Adam(std::vector<Parameter<T>> parameters, const AdamOptions& options = {});

 protected:
  void update(std::size_t k, Array<T>& x, const Array<T>& g) override;
  bool decoupled_ = false;  // whether the weights decay by themselves instead of through the gradient

 private:
  AdamOptions options_;
  std::vector<Array<T>> mean_, square_;
  std::vector<std::size_t> steps_;
};

/// Adam whose weights decay by themselves: x = x − η λ x first, with g = ∇. Loshchilov and Hutter (2019)
template <class T>
class AdamW final : public Adam<T> {
 public:
  explicit AdamW(std::vector<Parameter<T>> parameters, const AdamOptions& options = {.weight_decay = 0.01});
};

}  // namespace unroll::nn

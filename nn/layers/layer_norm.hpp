#pragma once

#include "../module.hpp"
#include "../options.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// y = (x − μ) / √(σ² + ε) ⊙ weight + bias, with the mean μ and the variance σ² of x along its last axis. Weight and
/// bias broadcast; an empty handle stands for none.  shape: as x, which must have an axis; throws where
/// epsilon is negative
template <class T>
Variable<T> layer_norm(const Variable<T>& x, const std::type_identity_t<Variable<T>>& weight = {},
                       const std::type_identity_t<Variable<T>>& bias = {}, double epsilon = 1e-5) {
  detail::require_not_negative<T>("layer_norm", "epsilon", epsilon);
  require(!x.shape().empty(), "layer_norm", "x is a scalar; it must have an axis");
  const Scope scope("layer_norm");
  const auto centred = x - mean(x, -1, true);
  const auto normal = centred * rsqrt(mean(square(centred), -1, true) + epsilon);
  const auto scaled = weight.has_value() ? normal * weight : normal;
  return bias.has_value() ? scaled + bias : scaled;
}

/// Options of LayerNorm.
struct LayerNormOptions {
  std::size_t size = 0;   ///< of the last axis; must be given
  double epsilon = 1e-5;  ///< added to the variance
  bool affine = true;     ///< with a weight, which starts at 1
  bool bias = true;       ///< and a bias, which starts at 0
};

/// Layer normalisation over the last axis: Ba et al. (2016).   shape: (..., size) → (..., size)   parameters: weight
/// (size,), bias (size,)
template <class T> class LayerNorm : public Module<T> {
 public:
  /// Throws where the size is 0, or epsilon negative.
  explicit LayerNorm(const LayerNormOptions& options) : options_(options) {
    require(options.size, "layer_norm", "size 0; it must be given");
    detail::require_not_negative<T>("layer_norm", "epsilon", options.epsilon);
    if (!options.affine) return;
    this->add("weight", weight, ones<T>({options.size}).value());
    if (options.bias) this->add("bias", bias, zeros<T>({options.size}).value());
  }

  /// As the function layer_norm; throws where the last size of x is another.
  Variable<T> operator()(const Variable<T>& x) const {
    require(!x.shape().empty() && x.shape().back() == options_.size, "layer_norm", "x has shape ", x.shape(),
            "; its last size must be ", options_.size);
    require(bool(weight.shared()) || !options_.affine, "layer_norm",
            "the layer was moved from; use the one that it was moved to");
    return layer_norm(x, weight, bias, options_.epsilon);
  }

  Parameter<T> weight;  ///< (size,); an empty handle if not affine
  Parameter<T> bias;    ///< (size,); an empty handle if there is none

 private:
  LayerNormOptions options_;
};

}  // namespace nn
}  // namespace unroll

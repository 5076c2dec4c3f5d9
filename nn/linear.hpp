#pragma once

#include "nn/initialisers.hpp"
#include "nn/module.hpp"

namespace unroll::nn {

struct LinearOptions {
  std::size_t input = 0, output = 0;
  bool bias = true;
};

/// y = x Wᵀ + b        shape: (..., input) → (..., output)   parameters: weight (output, input), bias (output,)
template <class T>
class Linear : public Module<T> {
 public:
  Linear(const LinearOptions& options, Random& random) {
    require(options.input && options.output, "linear", "input ", options.input, ", output ", options.output,
            "; both sizes must be given");
    weight = Parameter<T>(uniform_by_fan_in<T>({options.output, options.input}, options.input, random));
    this->add("weight", weight);
    if (!options.bias) return;
    bias = Parameter<T>(uniform_by_fan_in<T>({options.output}, options.input, random));
    this->add("bias", bias);
  }

  Variable<T> operator()(const Variable<T>& x) const { return linear(x, weight, bias); }

  Parameter<T> weight, bias;
};

}  // namespace unroll::nn

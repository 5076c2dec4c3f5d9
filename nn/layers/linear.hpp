#pragma once

#include "../initialisers.hpp"
#include "../module.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of Linear; both sizes must be given.
struct LinearOptions {
  std::size_t input = 0;   ///< features of x
  std::size_t output = 0;  ///< features of y
  bool bias = true;        ///< whether there is a b
};

/// y = x Wᵀ + b        shape: (..., input) → (..., output)   parameters: weight (output, input), bias (output,)
template <class T> class Linear : public Module<T> {
 public:
  /// Weight and bias from U(−1/√input, 1/√input); throws where a size is 0.
  Linear(const LinearOptions& options, Random& random) {
    require(options.input && options.output, "linear", "input ", options.input, ", output ", options.output,
            "; both sizes must be given");
    weight = Parameter<T>(uniform_by_fan_in<T>({options.output, options.input}, options.input, random));
    if (options.bias) bias = Parameter<T>(uniform_by_fan_in<T>({options.output}, options.input, random));
    add_all();
  }
  /// Given parameters, without a bias if there is none: Linear(words.weight) shares the table of an embedding. Throws
  /// unless their shapes are (output, input) and (output,).
  explicit Linear(Parameter<T> given, Parameter<T> given_bias = {})
      : weight(std::move(given)), bias(std::move(given_bias)) {
    require(weight.shape().size() == 2, "linear", "a weight of shape ", weight.shape(), "; it must be (output, input)");
    require(!bias.has_value() || bias.shape() == Shape{weight.shape()[0]}, "linear", "a bias of shape ",
            bias.has_value() ? bias.shape() : Shape(), " for a weight of shape ", weight.shape(),
            "; it must be (output,)");
    add_all();
  }

  /// x Wᵀ + b        shape: (..., input) → (..., output); throws where the last size of x is another
  Variable<T> operator()(const Variable<T>& x) const { return linear(x, weight, bias); }

  Parameter<T> weight;  ///< W, (output, input)
  Parameter<T> bias;    ///< b, (output,); an empty handle if there is none

 private:
  void add_all() {
    this->add("weight", weight);
    if (bias.has_value()) this->add("bias", bias);
  }
};

}  // namespace nn
}  // namespace unroll

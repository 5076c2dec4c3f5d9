#include "lstm.hpp"

#include <cmath>
#include <limits>

#include "../initialisers.hpp"

namespace unroll::nn {

namespace {

// Before a random number is drawn.
template <class T> const LSTMOptions& checked(const LSTMOptions& options, const CellSizes& sizes) {
  require(sizes.bias || options.forget_bias == 0, "lstm", "a forget bias of ", options.forget_bias,
          " in a cell without biases; set bias = true");
  require(std::abs(options.forget_bias) <= std::numeric_limits<T>::max(), "lstm", "a forget bias of ",
          options.forget_bias, "; it must be finite");
  return options;
}

}  // namespace

template <class T>
LSTMCell<T>::LSTMCell(const CellSizes& sizes, const Options& options, Random& random)
    : Weights(checked<T>(options, sizes).coupled ? 3 : 4, sizes, random, options.layer_norm, options.projection),
      coupled_(options.coupled),
      sizes_{coupled_ ? 0 : sizes.hidden, sizes.hidden, sizes.hidden, sizes.hidden} {
  const std::size_t n = sizes.hidden, before_f = sizes_[0];
  const auto zero = zeros<T>({n}), one = ones<T>({n});
  if (options.forget_bias != 0) this->b.assign((this->b + pad(one * options.forget_bias, {{before_f, 2 * n}})).value());
  if (options.projection) this->add("weight_hr", R, uniform_by_fan_in<T>({options.projection, n}, n, random));
  if (options.layer_norm) this->add("norm_c", r, one.value());
  if (options.layer_norm && sizes.bias) this->add("bias_c", s, zero.value());
  if (options.peepholes && !coupled_) this->add("peephole_i", v_i, zero.value());
  if (options.peepholes) this->add("peephole_f", v_f, zero.value());
  if (options.peepholes) this->add("peephole_o", v_o, zero.value());
}

template class LSTMCell<float>;
template class LSTMCell<double>;

}  // namespace unroll::nn

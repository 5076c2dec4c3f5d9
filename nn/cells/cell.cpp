#include "cell.hpp"

#include <limits>

#include "../initialisers.hpp"

namespace unroll::nn {

template <class T>
GateWeights<T>::GateWeights(std::size_t gates, const CellSizes& sizes, Random& random, bool layer_norm,
                            std::size_t output) {
  require(sizes.hidden <= std::numeric_limits<std::size_t>::max() / gates, "cell", gates, " gates of size ",
          sizes.hidden, "; there is no memory for so many");
  const std::size_t rows = gates * sizes.hidden;
  const auto start = [&](const Shape& shape) { return uniform_by_fan_in<T>(shape, sizes.hidden, random); };
  this->add("weight_ih", W, start({rows, sizes.input}));
  this->add("weight_hh", U, start({rows, output ? output : sizes.hidden}));
  if (sizes.bias) this->add("bias_ih", b, start({rows}));
  if (sizes.bias) this->add("bias_hh", d, start({rows}));
  if (layer_norm) this->add("norm_ih", p, ones<T>({rows}).value());
  if (layer_norm) this->add("norm_hh", q, ones<T>({rows}).value());
}

template struct GateWeights<float>;
template struct GateWeights<double>;

}  // namespace unroll::nn

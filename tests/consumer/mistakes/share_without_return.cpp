// the function returns nothing: it must return the loss of its share
#include <unroll/nn/nn.hpp>

using namespace unroll;

void share(const Parameter<float>& w) {
  nn::parallel_gradients(2, [&](std::size_t) { sum(w * w); });
}

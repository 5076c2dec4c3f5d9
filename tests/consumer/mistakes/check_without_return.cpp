// the function returns nothing; it must return what it computes
#include <unroll/nn/nn.hpp>

using namespace unroll;

void check(const Parameter<double>& w) {
  gradient_check([&] { sum(w * w); }, {w});
}

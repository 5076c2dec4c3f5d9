// the value must be returned
#include <unroll/nn/nn.hpp>

using namespace unroll;

void cube(const Variable<float>& x) {
  elementwise<keep::first>(
      "cube", x, [](const auto& a) { a* a* a; }, [](const auto& g, const auto& a) { return 3 * g * a * a; });
}

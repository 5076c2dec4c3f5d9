// float and double do not mix; Variable<float>(x.value()) is a constant copy
#include <unroll/nn/nn.hpp>

using namespace unroll;

void product(const Variable<float>& a, const Variable<double>& b) { matmul(a, b); }

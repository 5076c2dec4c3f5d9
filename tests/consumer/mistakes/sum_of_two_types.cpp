// float and double do not mix; Variable<float>(x.value()) is a constant copy
#include <unroll/nn/nn.hpp>

using namespace unroll;

void sum(const Variable<float>& a, const Variable<double>& b) { a + b; }

// float and double do not mix; Variable<float>(x.value()) is a constant copy
#include <unroll/nn/nn.hpp>

using namespace unroll;

void run(const nn::Linear<float>& layer, const Variable<double>& x) { layer(x); }

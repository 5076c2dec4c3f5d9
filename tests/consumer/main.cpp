#include <nn/nn.hpp>

int main() { return 0; }

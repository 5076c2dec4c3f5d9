#pragma once

#include <string>

namespace unroll {

/// The instruction set of the kernels in use, and all that could be.
std::string about_kernels();

}  // namespace unroll

#pragma once

#include <string>

namespace unroll {

/// What this program was made of and runs on, a line each: versions, the build, the instruction set of the kernels,
/// BLAS, threads.
std::string about();

}  // namespace unroll

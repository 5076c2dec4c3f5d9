#pragma once

#include <string>

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {

/// What this program was made of and runs on, a line each: versions, the build, the instruction set of the kernels,
/// BLAS, threads.
std::string about();

}  // namespace unroll

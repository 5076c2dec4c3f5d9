#pragma once

#include <unroll/nn/training/parallel.hpp>

namespace unroll::examples {

/// The processes that mpirun has started, or this one alone. An Error where there are several in a build without
/// UNROLL_MPI.
nn::Ranks& ranks();

}  // namespace unroll::examples

#pragma once

#include <string_view>

#include "visibility.hpp"

///@{
/// The version of the headers.
#define UNROLL_VERSION_MAJOR 0
#define UNROLL_VERSION_MINOR 1
#define UNROLL_VERSION_PATCH 0
#define UNROLL_VERSION "0.1.0"  // CMakeLists.txt reads this one
///@}

namespace UNROLL_PUBLIC unroll {

/// The version of the library; where it is not UNROLL_VERSION, a program runs with another one than it was compiled
/// for.
std::string_view version();

}  // namespace unroll

// Which of the kernels that were compiled are used.
#pragma once

#include <string>
#include <vector>

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

struct InstructionSet {
  std::string name;
  int bytes;    // of a vector register
  bool usable;  // by this processor and its operating system
};

/// The set that is wanted by name, or the last one that is usable.
const InstructionSet& choose(const std::vector<InstructionSet>& built, const std::string& wanted);

/// The set in use, and all that could be.
std::string about_kernels();

}  // namespace detail
}  // namespace unroll

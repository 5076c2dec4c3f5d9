#include "version.hpp"

namespace unroll {

std::string_view version() { return UNROLL_VERSION; }

}  // namespace unroll

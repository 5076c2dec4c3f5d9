// The names of the operations that autograd/operations/ops.hpp declares, for tables that must have them all.
#pragma once

#include <set>
#include <string>

namespace unroll {

/// Read from the header itself, so that a new operation fails the tables until they have it: whatever stands at the
/// beginning of a line as a type and a name before a parenthesis, under one of these headings, or under any.
std::set<std::string> declared_operations(const std::set<std::string>& headings = {});

}  // namespace unroll

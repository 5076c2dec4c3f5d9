#pragma once

#include <cstddef>
#include <string>

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T> class Tape;

/// What to_dot draws beside what was recorded.
struct DrawingOptions {
  /// The sweep from the value that was recorded last: a dashed orange arrow along each way that a gradient takes.
  bool backward = false;
  /// So many steps of each numbered scope, the last one among them; the rest of them become one node. 0 for all.
  std::size_t steps = 0;
};

/// What a tape has recorded, as a graph in Graphviz' language, with a box around each scope of several operations and
/// the steps of a numbered scope from left to right: dot -Tsvg draws it. Parameters (blue), watched variables (green)
/// and named values are filled; constants are left out; parts of a value are forks. Throws if the tape is spent.
template <class T> std::string to_dot(const Tape<T>& tape, const DrawingOptions& options = {});

}  // namespace unroll

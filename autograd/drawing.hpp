#pragma once

#include <string>

namespace unroll {

template <class T>
class Tape;

/// What a tape has recorded, as a graph in Graphviz' language, with a box around each scope of several values: dot
/// -Tsvg draws it. Parameters and watched variables are filled; constants are left out. Throws if the tape is spent.
template <class T>
std::string to_dot(const Tape<T>& tape);

}  // namespace unroll

#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "../../autograd/visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Replaces the file at `path` by what `write` puts into the stream, entirely or not at all: a temporary file in the
/// same directory is flushed to the disk and renamed. Keeps the permissions of a file that is there and follows a
/// symbolic link to it. On an Error (`path: cannot be written: why`), or whatever `write` throws before the renaming,
/// the temporary file is removed and the old file is as it was. What a process left that was killed meanwhile is
/// removed by the next that writes the same file. A full disk and a file that may not grow so large are Errors, too.
void write_atomically(const std::string& path, const std::function<void(std::ostream&)>& write);

}  // namespace nn
}  // namespace unroll

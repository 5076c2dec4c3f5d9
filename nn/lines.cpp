#include "nn/lines.hpp"

#include <cerrno>
#include <system_error>

namespace unroll::nn {

std::ifstream open_text(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  require(in.is_open(), path.string(), "cannot be opened: ", std::generic_category().message(errno));
  return in;
}

bool Lines::next() {
  errno = 0;
  if (!std::getline(in_, line_)) {
    unroll::require(!in_.bad(), name_, "cannot be read: ", std::generic_category().message(errno));
    return false;
  }
  if (++number_ == 1 && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
  if (line_.ends_with('\r')) line_.pop_back();
  return true;
}

}  // namespace unroll::nn

#include "lines.hpp"

#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

namespace unroll::nn {

std::ifstream open_text(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  require(in.is_open(), path, "cannot be opened: ", std::generic_category().message(errno));
  return in;
}

bool Lines::next() {
  std::array<char, 4096> piece;
  errno = 0;
  line_.clear();
  for (bool measured = false, full = true; full; measured = true) {
    in_.getline(piece.data(), piece.size());
    if (in_.bad()) fail(name_, "cannot be read: ", std::generic_category().message(errno));
    if (in_.gcount() == 0) return false;
    const bool ended = in_.good();
    line_.append(piece.data(), static_cast<std::size_t>(in_.gcount()) - (ended ? 1 : 0));
    full = in_.fail();
    if (full) in_.clear();
    if (full && !measured) reserve_rest();
  }
  if (++number_ == 1 && line_.starts_with("\xEF\xBB\xBF")) line_.erase(0, 3);
  if (line_.ends_with('\r')) line_.pop_back();
  return true;
}

// A long line is measured before it is read: a string that grows is held three times.
void Lines::reserve_rest() {
  const std::streampos here = in_.rdbuf()->pubseekoff(0, std::ios::cur, std::ios::in);
  if (here == std::streampos(-1)) return;
  in_.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  line_.reserve(line_.size() + static_cast<std::size_t>(in_.gcount()));
  in_.clear();
  in_.seekg(here);
}

}  // namespace unroll::nn

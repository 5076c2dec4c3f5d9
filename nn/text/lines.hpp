#pragma once

#include <cstddef>
#include <fstream>
#include <istream>
#include <string>
#include <utility>

#include "../../autograd/error.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Opens a file for reading, byte for byte; an Error tells why it cannot be opened.
std::ifstream open_text(const std::string& path);

/// The lines of a text one after the other, without byte order mark and line ends (LF or CR LF). One takes no more
/// memory than its bytes, unless it is long and the stream cannot go back.
class Lines {
 public:
  /// `name` is what errors call the text; `in` must outlive this object.
  Lines(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {}

  /// Goes to the next line; false after the last one. An Error where the stream cannot be read.
  bool next();
  /// This line, until next() or take().
  const std::string& line() const { return line_; }
  /// The same, which is empty then.
  std::string take() { return std::exchange(line_, {}); }
  /// The number of this line, from 1; 0 before the first.
  std::size_t number() const { return number_; }
  /// What errors call the text.
  const std::string& name() const { return name_; }

  /// Throws an Error at this line, `train.conllu:118: ...`, unless `holds`.
  template <class... Parts> void require(bool holds, const Parts&... parts) const {
    if (!holds) [[unlikely]]
      fail_at(number_, parts...);
  }
  /// Throws an Error at the line of this number.
  template <class... Parts> [[noreturn]] void fail_at(std::size_t number, const Parts&... parts) const {
    fail(name_ + ':' + std::to_string(number), parts...);
  }

 private:
  void reserve_rest();

  std::istream& in_;
  std::string name_, line_;
  std::size_t number_ = 0;
};

}  // namespace nn
}  // namespace unroll

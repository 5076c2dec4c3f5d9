#pragma once

#include <string>

namespace unroll {

template <class T>
class Tape;

/// Names a part of the recording for error messages. An exception that leaves it takes back what was recorded in it.
class Scope {
 public:
  explicit Scope(std::string name);
  ~Scope();
  Scope(const Scope&) = delete;
  /// The open scopes of this thread, outermost first: "tagger/lstm"; empty when there is none.
  static std::string path();
  /// Called by a tape that ends: open scopes have nothing to take back from it.
  static void forget(const void* tape);

 private:
  std::string name_;
  Scope* outer_;
  int exceptions_;
  Tape<float>* floats_;
  Tape<double>* doubles_;
  std::size_t float_size_ = 0, double_size_ = 0;
};

}  // namespace unroll

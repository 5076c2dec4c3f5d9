#pragma once

#include <map>
#include <memory>
#include <string>

namespace unroll {

template <class T>
class Tape;

/// Where something is recorded: a scope and those around it. It lives as long as its thread.
struct Path {
  const Path* outer;
  std::string name;
  std::int64_t number;  ///< of a step, say; -1 for none
  mutable std::map<std::pair<std::int64_t, std::string>, std::unique_ptr<Path>> inner{};

  /// "tagger/lstm/step 7"; without numbers, "tagger/lstm/step".
  std::string text(bool numbers = true) const;
};

/// Names a part of the recording: for error messages, drawings, profiles. An exception that leaves it takes back what
/// was recorded in it.
class Scope {
 public:
  explicit Scope(std::string name, std::int64_t number = -1);
  ~Scope();
  Scope(const Scope&) = delete;
  /// The open scopes of this thread, outermost first: "tagger/lstm"; empty when there is none.
  static std::string path();
  /// The same, to be kept; null when there is none.
  static const Path* here();
  /// Called by a tape that ends: open scopes have nothing to take back from it.
  static void forget(const void* tape);

 private:
  const Path* interned();

  std::string name_;
  std::int64_t number_;
  Scope* outer_;
  const Path* path_ = nullptr;  // found when it is first asked for
  int exceptions_;
  Tape<float>* floats_;
  Tape<double>* doubles_;
  std::size_t float_size_ = 0, double_size_ = 0;
};

}  // namespace unroll

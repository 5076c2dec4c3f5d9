#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "innermost.hpp"
#include "visibility.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T> class Tape;

/// Where something is recorded: a scope and those around it. It lives as long as its thread, and as long as the tapes
/// that the thread made.
struct Path {
  const Path* outer;    ///< null for the outermost
  std::string name;     ///< of the scope
  std::int64_t number;  ///< of a step, say; -1 for none
  mutable std::map<std::pair<std::int64_t, std::string>, std::unique_ptr<Path>> inner{};  ///< what it keeps alive

  /// "tagger/lstm/step 7"; without numbers, "tagger/lstm/step".
  std::string text(bool numbers = true) const;
};

/// Names a part of the recording: for error messages, drawings, profiles. An exception that leaves it takes back what
/// was recorded in it.
class Scope {
 public:
  /// Opens it, until this goes out of scope: Scope scope("step", t).
  explicit Scope(std::string name, std::int64_t number = -1);
  ~Scope();  ///< closes it
  Scope(const Scope&) = delete;
  /// The open scopes of this thread, outermost first: "tagger/lstm"; empty when there is none.
  static std::string path();
  /// The same, to be kept; null when there is none.
  static const Path* here();
  /// What keeps the paths of this thread.
  static std::shared_ptr<const void> paths();

 private:
  // Where a tape was when the scope was opened.
  template <class T> struct Mark {
    Mark();
    void roll_back() const;
    std::uint64_t serial = 0;  // the tape's first one; 0 for no tape
    std::size_t size = 0;
  };
  const Path* interned();

  std::string name_;
  std::int64_t number_;
  const Path* path_ = nullptr;  // found when it is first asked for
  int exceptions_;
  Mark<float> floats_;
  Mark<double> doubles_;
  Innermost<Scope> place_{this};
};

}  // namespace unroll

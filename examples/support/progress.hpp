#pragma once

#include <chrono>
#include <ostream>
#include <string>

namespace unroll::examples {

/// Tells how far a training is: lines that stay, and on a terminal one that changes in place.
class Progress {
 public:
  /// The lines that stay go to `lines`, the one that changes to standard error; the work is counted in `unit`s.
  Progress(std::ostream& lines, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;

  /// The work goes on: the time since the last advance does not count for the speed.
  void resume() { last_ = Clock::now(); }
  /// Counts work; on a terminal shows what there is to say, the speed and, by the share of all that is done, the time
  /// left.
  void advance(double units, double share, const std::string& what);
  /// Prints a line: what there is to say, the speed and the time since the start.
  void print(const std::string& what);
  /// Takes the changing line away.
  void clear();
  /// The time since the start.
  double minutes() const { return std::chrono::duration<double>(Clock::now() - start_).count() / 60; }

 private:
  using Clock = std::chrono::steady_clock;
  std::string speed() const;

  std::ostream& lines_;
  const std::string unit_;
  const bool terminal_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;  // when the work was last known to go on
  std::chrono::duration<double> worked_{};
  Clock::time_point shown_{};  // when the changing line was; never if it is not there
  double done_ = 0;
};

}  // namespace unroll::examples

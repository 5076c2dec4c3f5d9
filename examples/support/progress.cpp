#include "progress.hpp"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "text.hpp"

namespace unroll::examples {

namespace {

// 2:05, or 62:05
std::string clock_time(double minutes) {
  const auto seconds = static_cast<long long>(60 * minutes + 0.5);
  return formatted("%lld:%02lld", seconds / 60, seconds % 60);
}

}  // namespace

Progress::Progress(std::ostream& lines, std::string unit)
    : lines_(lines), unit_(std::move(unit)), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::advance(double units, double share, const std::string& what) {
  done_ += units;
  const auto now = Clock::now();
  worked_ += now - std::exchange(last_, now);
  // More often than ten times a second nobody could read it.
  if (!terminal_ || now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  // A line that is too long is cut at the edge: a second one would stay.
  std::cerr << "\r\033[K\033[?7l" << what << "  " << speed();
  if (share > 0) std::cerr << "  " << clock_time(minutes() * (1 / share - 1)) << " left";
  std::cerr << "\033[?7h" << std::flush;
}

void Progress::print(const std::string& what) {
  clear();
  lines_ << what << "  " << speed() << "  " << clock_time(minutes()) << std::endl;
}

std::string Progress::speed() const { return formatted("%.0f %s/s", done_ / worked_.count(), unit_.c_str()); }

void Progress::clear() {
  if (shown_ != Clock::time_point{}) std::cerr << "\r\033[K" << std::flush;
  shown_ = {};
}

}  // namespace unroll::examples

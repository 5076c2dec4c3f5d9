#include "progress.hpp"

#include <sys/ioctl.h>
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

std::size_t width_of_terminal() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(std::ostream& lines, std::string unit)
    : lines_(lines), unit_(std::move(unit)), terminal_(lines && isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::advance(double units, double share, const std::string& what) {
  done_ += units;
  const auto now = Clock::now();
  worked_ += now - std::exchange(last_, now);
  // More often than ten times a second nobody could read it.
  if (!terminal_ || now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  // A line that is too long for the terminal would stay when the next one comes: what can be missed most is left out.
  const std::string left = share > 0 ? clock_time(minutes() * (1 / share - 1)) + " left" : "";
  std::string line = what + "  " + speed() + "  " + left;
  if (line.size() >= width_of_terminal()) line = what + "  " + left;
  if (line.size() >= width_of_terminal()) line = left;
  std::cerr << "\r\033[K\033[?7l" << line << "\033[?7h" << std::flush;
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

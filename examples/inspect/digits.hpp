#pragma once

#include <algorithm>
#include <cmath>
#include <string>

namespace unroll::examples {

/// A part of a whole, from −1 to 1, to 1/4094: a number from 0 to 4094 as two digits of 64, which are the characters
/// from ? to ~. A page reads any of a million such numbers where it stands.
inline std::string two_digits(double part) {
  const long number = 2047 + std::lround(2047 * std::clamp(part, -1., 1.));
  return {char('?' + number / 64), char('?' + number % 64)};
}

}  // namespace unroll::examples

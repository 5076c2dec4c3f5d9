#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "visibility.hpp"

namespace UNROLL_PUBLIC unroll {

/// What every refusal of this library throws: `where: what was given; what must hold`, then the open scopes.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// The parts, streamed one after the other. Small rather than fast.
template <class... Parts> [[gnu::cold]] std::string text_of(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

}  // namespace detail

/// Throws Error: `where: what`, and the open scopes in parentheses.
[[noreturn]] void throw_error(std::string_view where, const std::string& what);

/// Throws Error with the parts, streamed one after the other.
template <class... Parts> [[noreturn, gnu::cold]] void fail(std::string_view where, const Parts&... parts) {
  throw_error(where, detail::text_of(parts...));
}

/// Throws unless `holds`; the parts are only streamed when it does not.
template <class... Parts> void require(bool holds, std::string_view where, const Parts&... parts) {
  if (!holds) [[unlikely]]
    fail(where, parts...);
}

}  // namespace unroll

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "../../autograd/visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The bytes of a text's first character: 1 to 4, or 0 if it is not valid UTF-8.
std::size_t length_of_first(std::string_view text);

/// An Error tells the position of a byte that begins no character.
void require_utf8(std::string_view text);

/// The characters (code points) of a UTF-8 text, each as a string; an Error tells the position of an invalid byte.
std::vector<std::string> characters(std::string_view text);

}  // namespace nn
}  // namespace unroll

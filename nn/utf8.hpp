#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unroll::nn {

/// The characters (code points) of a UTF-8 text, each as a string; an Error tells the position of an invalid byte.
std::vector<std::string> characters(std::string_view text);

}  // namespace unroll::nn

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "autograd/visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The characters (code points) of a UTF-8 text, each as a string; an Error tells the position of an invalid byte.
std::vector<std::string> characters(std::string_view text);

}  // namespace nn
}  // namespace unroll

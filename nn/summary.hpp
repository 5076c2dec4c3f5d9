#pragma once

#include <string>

#include "module.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// A table of a model's parameters: name, shape, number of elements; what is frozen or tied; and the sums.
template <class T> std::string summary(const Module<T>& model);

}  // namespace nn
}  // namespace unroll

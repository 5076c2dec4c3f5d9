// Compiling the function templates of a file, for float and for double.
#pragma once

#include <tuple>

#include "visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// The addresses of functions of T, for float and for double. The compiler emits the functions whose addresses are in a
/// variable that other files can see:
///
///     extern const auto products = for_float_and_double([]<class T>() { return std::tuple(&matmul<T>, &linear<T>); });
template <class Addresses> constexpr auto for_float_and_double(Addresses addresses) {
  return std::tuple(addresses.template operator()<float>(), addresses.template operator()<double>());
}

}  // namespace detail
}  // namespace unroll

// Printing of arrays, which costs a user's file a second to compile: for definitions only.
#pragma once

#if __has_include(<xtensor/io/xio.hpp>)
#include <xtensor/io/xio.hpp>
#else
#include <xtensor/xio.hpp>
#endif

// xt::load_npy and xt::dump_npy for NumPy's .npy files, wherever a version of xtensor has them (nn/files.md).
#pragma once

#include "../../autograd/array.hpp"

#if __has_include(<xtensor/io/xnpy.hpp>)
#include <xtensor/io/xnpy.hpp>
#else
#include <xtensor/xnpy.hpp>
#endif

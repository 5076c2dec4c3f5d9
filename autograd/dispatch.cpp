#include <xsimd/xsimd.hpp>

#include "kernels.hpp"

namespace unroll {
namespace {

template <class T>
const Kernels<T>& best() {
  // Set by the build where it has compiled the kernels for AVX2 and AVX-512 too.
  if constexpr (UNROLL_WIDE_KERNELS && sizeof(T) > 0) {
    const auto processor = xsimd::available_architectures();
    if (processor.avx512f && processor.avx512cd && processor.avx512dq && processor.avx512bw)
      return kernels_for<T, 64>();
    if (processor.avx2 && processor.fma3_avx2) return kernels_for<T, 32>();
  }
  return kernels_for<T, 16>();
}

}  // namespace

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T>& chosen = best<T>();
  return chosen;
}

template const Kernels<float>& kernels();
template const Kernels<double>& kernels();

}  // namespace unroll

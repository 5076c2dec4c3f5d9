#include <xsimd/xsimd.hpp>

#include "kernels.hpp"
#include "panels.hpp"

namespace unroll {
namespace {

// The bytes of the vector registers to use.
int register_size() {
  // Set by the build where it has compiled the kernels for AVX2 and AVX-512 too.
  if (!UNROLL_WIDE_KERNELS) return 16;
  const auto processor = xsimd::available_architectures();
  if (processor.avx512f && processor.avx512cd && processor.avx512dq && processor.avx512bw) return 64;
  return processor.avx2 && processor.fma3_avx2 ? 32 : 16;
}

// What get(std::integral_constant) gives for that size; no other kernels need to be there.
template <class T, class Get>
const auto& chosen(const Get& get) {
  const int bytes = register_size();
  if constexpr (UNROLL_WIDE_KERNELS && sizeof(T) > 0) {
    if (bytes == 64) return get(std::integral_constant<int, 64>{});
    if (bytes == 32) return get(std::integral_constant<int, 32>{});
  }
  return get(std::integral_constant<int, 16>{});
}

}  // namespace

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T>& best = chosen<T>([](auto bytes) -> const auto& { return kernels_for<T, bytes>(); });
  return best;
}

template <class T>
const PanelKernels<T>& panel_kernels() {
  static const PanelKernels<T>& best =
      chosen<T>([](auto bytes) -> const auto& { return panel_kernels_for<T, bytes>(); });
  return best;
}

template const Kernels<float>& kernels();
template const Kernels<double>& kernels();
template const PanelKernels<float>& panel_kernels();
template const PanelKernels<double>& panel_kernels();

}  // namespace unroll

#include "instruction_set.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <xsimd/xsimd.hpp>

#include "../error.hpp"
#include "panel_kernel.hpp"
#include "vector_loops.hpp"

namespace unroll::detail {
namespace {

// Those that the build has compiled the kernels for, the narrowest first.
const std::vector<InstructionSet>& built() {
#if UNROLL_WIDE_KERNELS
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  static const std::vector<InstructionSet> sets{{"sse2", 16, true}, {"avx2", 32, avx2}, {"avx512", 64, avx2 && avx512}};
#else
  static const std::vector<InstructionSet> sets{{xsimd::default_arch::name(), 16, true}};
#endif
  return sets;
}

std::string names(const std::vector<InstructionSet>& sets, bool all) {
  std::string text;
  for (const InstructionSet& set : sets)
    if (all || set.usable) text += (text.empty() ? "" : ", ") + set.name;
  return text;
}

const InstructionSet& instruction_set() {
  static const InstructionSet& set = [] {
    const char* const wanted = std::getenv("UNROLL_INSTRUCTION_SET");
    return std::cref(choose(built(), wanted ? wanted : ""));
  }();
  return set;
}

// What get(std::integral_constant) gives for that size; no other kernels need to be there.
template <class T, class Get> const auto& chosen(const Get& get) {
  const int bytes = instruction_set().bytes;
  if constexpr (UNROLL_WIDE_KERNELS && sizeof(T) > 0) {
    if (bytes == 64) return get(std::integral_constant<int, 64>{});
    if (bytes == 32) return get(std::integral_constant<int, 32>{});
  }
  return get(std::integral_constant<int, 16>{});
}

}  // namespace

const InstructionSet& choose(const std::vector<InstructionSet>& built, const std::string& wanted) {
  const auto has_it = [&](const auto& set) { return wanted.empty() ? set.usable : set.name == wanted; };
  const auto found = std::find_if(built.rbegin(), built.rend(), has_it);
  require(found != built.rend(), "UNROLL_INSTRUCTION_SET", wanted, "; the kernels are built for ", names(built, true));
  require(found->usable, "UNROLL_INSTRUCTION_SET", wanted, "; this processor and its operating system have ",
          names(built, false));
  return *found;
}

std::string about_kernels() { return instruction_set().name + ", of " + names(built(), false); }

template <class T> const Kernels<T>& kernels() {
  static const Kernels<T>& widest = chosen<T>([](auto bytes) -> const auto& { return kernels_for<T, bytes>(); });
  return widest;
}

template <class T> const PanelKernels<T>& panel_kernels() {
  static const PanelKernels<T>& widest =
      chosen<T>([](auto bytes) -> const auto& { return panel_kernels_for<T, bytes>(); });
  return widest;
}

template const Kernels<float>& kernels();
template const Kernels<double>& kernels();
template const PanelKernels<float>& panel_kernels();
template const PanelKernels<double>& panel_kernels();

}  // namespace unroll::detail

#include "dispatch.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "error.hpp"
#include "kernels.hpp"
#include "panels.hpp"

namespace unroll {
namespace {

struct InstructionSet {
  std::string name;
  int bytes;    // of a vector register
  bool usable;  // by this processor and its operating system
};

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

std::vector<InstructionSet> usable() {
  std::vector<InstructionSet> sets;
  std::copy_if(built().begin(), built().end(), std::back_inserter(sets), [](const auto& set) { return set.usable; });
  return sets;
}

std::string names(const std::vector<InstructionSet>& sets) {
  std::string text;
  for (const InstructionSet& set : sets) text += (text.empty() ? "" : ", ") + set.name;
  return text;
}

// The widest, unless the environment names another.
InstructionSet choose() {
  constexpr auto variable = "UNROLL_INSTRUCTION_SET";
  const char* const value = std::getenv(variable);
  const std::string wanted = value ? value : "";
  const auto here = usable();
  if (wanted.empty()) return here.back();
  for (const InstructionSet& set : here)
    if (set.name == wanted) return set;
  const auto& all = built();
  const bool known = std::any_of(all.begin(), all.end(), [&](const auto& set) { return set.name == wanted; });
  fail(variable, wanted, known ? "; this processor and its operating system have " : "; the kernels are built for ",
       names(known ? here : all));
}

const InstructionSet& instruction_set() {
  static const InstructionSet set = choose();
  return set;
}

// What get(std::integral_constant) gives for that size; no other kernels need to be there.
template <class T, class Get>
const auto& chosen(const Get& get) {
  const int bytes = instruction_set().bytes;
  if constexpr (UNROLL_WIDE_KERNELS && sizeof(T) > 0) {
    if (bytes == 64) return get(std::integral_constant<int, 64>{});
    if (bytes == 32) return get(std::integral_constant<int, 32>{});
  }
  return get(std::integral_constant<int, 16>{});
}

}  // namespace

std::string about_kernels() { return instruction_set().name + ", of " + names(usable()); }

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

// Replaces operator new, so that a program's allocations are counted, and fail on demand. For one file of a program.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace unroll {

/// The bytes that are allocated now, and the most that were.
inline std::atomic<std::size_t> live = 0, peak = 0;
/// How many allocations are left until one throws; none does at 0.
inline std::atomic<std::size_t> until_failure = 0;

/// The most bytes that `f` has at a time, its result included.
template <class F> std::size_t most_used_by(const F& f) {
  const std::size_t before = live;
  peak = before;
  [[maybe_unused]] const auto result = f();
  return peak - before;
}

/// Calls `f` once with each of its allocations failing, until none does: `prepare` before, and `check` after each
/// std::bad_alloc. Gives the number of allocations.
template <class Prepare, class F, class Check>
std::size_t fail_each_allocation(const Prepare& prepare, const F& f, const Check& check) {
  for (std::size_t n = 1;; ++n) {
    prepare();
    until_failure = n;
    try {
      f();
      if (until_failure.exchange(0) > 0) return n - 1;
    } catch (const std::bad_alloc&) {
      check();
    }
  }
}

namespace detail {

// The size is kept in front of the memory.
inline void* counted(std::size_t size, std::size_t alignment) noexcept {
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, alignment + rounded);
  if (!memory) return nullptr;
  std::memcpy(memory, &size, sizeof(size));
  live += size;
  peak = std::max(peak.load(), live.load());
  return static_cast<char*>(memory) + alignment;
}

inline void* required(std::size_t size, std::size_t alignment) {
  const bool fails = until_failure > 0 && --until_failure == 0;
  void* const memory = fails ? nullptr : counted(size, alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

inline void release(void* pointer, std::size_t alignment) noexcept {
  if (!pointer) return;
  void* const memory = static_cast<char*>(pointer) - alignment;
  std::size_t size;
  std::memcpy(&size, memory, sizeof(size));
  live -= size;
  std::free(memory);
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace detail
}  // namespace unroll

[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return unroll::detail::counted(size, unroll::detail::usual);
}
[[gnu::noinline]] void* operator new(std::size_t size) { return unroll::detail::required(size, unroll::detail::usual); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return unroll::detail::required(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* pointer) noexcept {
  unroll::detail::release(pointer, unroll::detail::usual);
}
[[gnu::noinline]] void operator delete(void* pointer, std::size_t) noexcept { operator delete(pointer); }
[[gnu::noinline]] void operator delete(void* pointer, std::align_val_t alignment) noexcept {
  unroll::detail::release(pointer, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* pointer, std::size_t, std::align_val_t alignment) noexcept {
  operator delete(pointer, alignment);
}

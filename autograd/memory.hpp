#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace unroll {

/// Memory with a reference count, 64-byte aligned, padded to 64 bytes and recycled.
struct alignas(64) Block {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t size_class = 0;
  Block* next = nullptr;  // in a list of free blocks

  static Block* make(std::size_t bytes);
  void* data() { return this + 1; }
  Block* share() {
    references.fetch_add(1, std::memory_order_relaxed);
    return this;
  }
  bool unique() const { return references.load(std::memory_order_acquire) == 1; }
  void release() {
    if (unique() || references.fetch_sub(1, std::memory_order_acq_rel) == 1) recycle();
  }

 private:
  void recycle();
};

/// Memory for nodes: taken piece by piece, given back all at once.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  ~Arena();
  void* take(std::size_t bytes);

 private:
  std::vector<Block*> blocks_;
  std::size_t left_ = 0;
};

}  // namespace unroll

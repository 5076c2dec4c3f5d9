#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "../visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

struct FreeBlocks;

/// Memory with a reference count, 64-byte aligned, padded to 64 bytes and recycled.
struct alignas(64) Block {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t size_class = 0;
  Block* next = nullptr;    // in a list of free blocks, or among an arena's
  std::size_t touched = 0;  // bytes of a large block that have been used once: the system has given it their pages

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
  static Block* take_or_allocate(std::size_t bytes);
  static void spill(FreeBlocks& blocks);
  void recycle();
  void hand_over();
};

/// The free blocks of one size that a thread keeps for itself.
struct FreeBlocks {
  Block* head = nullptr;
  std::int64_t room = 0;                                            // for so many more
  static inline constinit thread_local FreeBlocks* mine = nullptr;  // one for each size class, if this thread has any

  void push(Block* block) {
    block->next = std::exchange(head, block);
    --room;
  }
  Block* pop() {
    ++room;
    return std::exchange(head, head->next);
  }
};

/// Sizes in lines of 64 bytes, four classes to each power of two: at most a quarter of a block is unused.
constexpr std::uint32_t size_class_of(std::size_t bytes) {
  const std::size_t n = bytes ? (bytes - 1) / 64 : 0;
  if (n < 4) return static_cast<std::uint32_t>(n);
  const auto shift = static_cast<std::uint32_t>(std::bit_width(n)) - 3;
  return 4 * shift + static_cast<std::uint32_t>(n >> shift);
}

inline Block* Block::make(std::size_t bytes) {
  const std::uint32_t k = size_class_of(bytes);
  FreeBlocks* const mine = FreeBlocks::mine;
  if (!mine || !mine[k].head) [[unlikely]]
    return take_or_allocate(bytes);
  Block* const block = mine[k].pop();
  block->references.store(1, std::memory_order_relaxed);
  return block;
}

inline void Block::recycle() {
  FreeBlocks* const mine = FreeBlocks::mine;
  if (!mine) [[unlikely]]
    return hand_over();
  mine[size_class].push(this);
  if (mine[size_class].room < 0) [[unlikely]]
    spill(mine[size_class]);
}

/// What is made in such memory.
struct Recycled {
  static void* operator new(std::size_t bytes) { return Block::make(bytes)->data(); }
  static void operator delete(void* memory) { (static_cast<Block*>(memory) - 1)->release(); }
};

/// Counts the references inside what it points to.
template <class Object> class Shared {
 public:
  Shared() = default;
  explicit Shared(Object* object) : object_(object) { object_->references.store(1, std::memory_order_relaxed); }
  Shared(const Shared& other) : object_(other.object_) {
    if (object_) object_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Shared(Shared&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Shared() {
    if (!object_) return;
    auto& count = object_->references;
    if (count.load(std::memory_order_acquire) == 1 || count.fetch_sub(1, std::memory_order_acq_rel) == 1) end(object_);
  }
  Object* operator->() const { return object_; }
  Object& operator*() const { return *object_; }
  Object* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  // Out of line: there is one in sight of every handle's end.
  [[gnu::noinline]] static void end(Object* object) { delete object; }

  Object* object_ = nullptr;
};

/// Memory for nodes: taken piece by piece, given back all at once.
class Arena {
 public:
  static constexpr std::size_t alignment = 16;
  Arena() = default;
  Arena(const Arena&) = delete;
  ~Arena();
  void* take(std::size_t bytes) {
    bytes = (bytes + alignment - 1) / alignment * alignment;
    if (bytes > left_) [[unlikely]]
      grow(bytes);
    // Taken from the end of the block, so that what is left is all there is to remember.
    return begin_ + (left_ -= bytes);
  }

 private:
  void grow(std::size_t bytes);

  Block* last_ = nullptr;
  std::byte* begin_ = nullptr;  // of the last block
  std::size_t left_ = 0;
};

}  // namespace detail
}  // namespace unroll

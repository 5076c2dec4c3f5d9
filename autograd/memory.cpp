#include "memory.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <utility>

namespace unroll {

namespace {

// Sizes in lines of 64 bytes, four classes to each power of two: at most a quarter of a block is unused.
constexpr std::uint32_t classes = 4 * 60;

std::uint32_t class_of(std::size_t bytes) {
  const std::size_t n = bytes ? (bytes - 1) / 64 : 0;
  if (n < 4) return static_cast<std::uint32_t>(n);
  const auto shift = static_cast<std::uint32_t>(std::bit_width(n)) - 3;
  return 4 * shift + static_cast<std::uint32_t>(n >> shift);
}

std::size_t bytes_of(std::uint32_t size_class) {
  if (size_class < 4) return 64 * (size_class + 1);
  return 64 * (std::size_t(size_class % 4 + 5) << (size_class / 4 - 1));
}

struct FreeList {
  Block* head = nullptr;
  std::size_t count = 0;

  void push(Block* block) {
    block->next = std::exchange(head, block);
    ++count;
  }
  Block* pop() {
    --count;
    return std::exchange(head, head->next);
  }
  void move_to(FreeList& other, std::size_t most) {
    while (head && most-- > 0) other.push(pop());
  }
};

// Blocks that threads exchange. It is never destroyed, since arrays with static storage outlive every destructor here.
struct Depot {
  std::mutex mutex;
  std::array<FreeList, classes> lists;
};
Depot& depot() {
  static Depot& shared = *new Depot;
  return shared;
}

constexpr std::size_t batch = 64;  // blocks moved at a time, so that the depot's lock costs nothing

struct Cache {
  std::array<FreeList, classes> lists;

  ~Cache();
};

// A block may be released after its thread's cache is gone.
thread_local bool ended = false;
thread_local Cache* known = nullptr;

Cache::~Cache() {
  ended = true;
  known = nullptr;
  const std::lock_guard lock(depot().mutex);
  for (std::uint32_t k = 0; k < classes; ++k) lists[k].move_to(depot().lists[k], lists[k].count);
}

// This thread's cache, or null.
Cache* cache() {
  if (known || ended) return known;
  thread_local Cache mine;
  return known = &mine;
}

// There in a program built with AddressSanitizer, which would not see the use of a block that was recycled.
extern "C" [[gnu::weak]] void __asan_init();

}  // namespace

Block* Block::make(std::size_t bytes) {
  const std::uint32_t k = class_of(bytes);
  Cache* const mine = cache();
  if (mine && mine->lists[k].head) {
    Block* const block = mine->lists[k].pop();
    block->references.store(1, std::memory_order_relaxed);
    return block;
  }
  // A free block of up to twice the size is better than new memory.
  const std::uint32_t end = std::min(k + 4, classes);
  const auto reuse = [&](std::array<FreeList, classes>& lists) -> Block* {
    for (std::uint32_t larger = k; larger < end; ++larger)
      if (lists[larger].head) return lists[larger].pop();
    return nullptr;
  };
  Block* block = mine ? reuse(mine->lists) : nullptr;
  if (!block) {
    const std::lock_guard lock(depot().mutex);
    block = reuse(depot().lists);
  }
  if (block) {
    block->references.store(1, std::memory_order_relaxed);
    return block;
  }
  block = new (::operator new(sizeof(Block) + bytes_of(k), std::align_val_t(64))) Block;
  block->size_class = k;
  return block;
}

void Block::recycle() {
  if (__asan_init) return ::operator delete(this, std::align_val_t(64));
  Cache* const mine = cache();
  FreeList single;
  FreeList& list = mine ? mine->lists[size_class] : single;
  list.push(this);
  // Small blocks come in thousands; a thread keeps few of the large ones, for they may be wanted elsewhere.
  const std::size_t keep = mine ? (size_class < 36 ? 4096 : batch) : 0;
  if (list.count > keep) {
    const std::lock_guard lock(depot().mutex);
    list.move_to(depot().lists[size_class], mine ? batch : 1);
  }
}

Arena::~Arena() {
  for (Block* block : blocks_) block->release();
}

void* Arena::take(std::size_t bytes) {
  constexpr std::size_t piece = 64 * 1024;
  bytes = (bytes + 15) / 16 * 16;
  if (bytes > left_) {
    left_ = std::max(bytes, piece);
    blocks_.reserve(blocks_.size() + 1);
    blocks_.push_back(Block::make(left_));
  }
  left_ -= bytes;
  // Taken from the end of the block, so that what is left is all there is to remember.
  return static_cast<std::byte*>(blocks_.back()->data()) + left_;
}

}  // namespace unroll

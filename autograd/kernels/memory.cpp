#include "memory.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <new>

namespace unroll::detail {

namespace {

constexpr std::uint32_t classes = 4 * 60;

std::size_t bytes_of(std::uint32_t size_class) {
  if (size_class < 4) return 64 * (size_class + 1);
  return 64 * (std::size_t(size_class % 4 + 5) << (size_class / 4 - 1));
}

// How many free blocks a thread keeps: thousands of small ones, none that may be wanted elsewhere.
std::int64_t most_kept(std::uint32_t size_class) {
  constexpr std::size_t large = 256 * 1024, together = 1024 * 1024;
  return size_class >= size_class_of(large) ? 0 : static_cast<std::int64_t>(together / bytes_of(size_class));
}

// Blocks that threads exchange. It is never destroyed, since arrays with static storage outlive every destructor here.
struct Depot {
  std::mutex mutex;
  std::array<FreeBlocks, classes> of_class;
};
Depot& depot() {
  static Depot& shared = *new Depot;
  return shared;
}

// Takes the free block whose touched bytes fit, of those that have lain here for the shortest time.
Block* fitting_block(FreeBlocks& blocks, std::size_t bytes) {
  constexpr int most_compared = 16;
  Block** fitting = &blocks.head;
  for (auto [link, n] = std::pair(fitting, 0); *link && n < most_compared; link = &(*link)->next, ++n) {
    const std::size_t touched = (*link)->touched, known = (*fitting)->touched;
    if (touched < bytes ? touched > known : known < bytes || touched < known) fitting = link;
  }
  Block* const block = *fitting;
  if (block) *fitting = block->next;
  return block;
}

// There in a program built with AddressSanitizer, which would not see the use of a block that was recycled.
extern "C" [[gnu::weak]] void __asan_init();

// This thread's blocks. A block may be released after they are gone.
class Cache {
 public:
  Cache() {
    for (std::uint32_t k = 0; k < classes; ++k) of_class_[k].room = most_kept(k);
    FreeBlocks::mine = of_class_.data();
  }
  ~Cache() {
    ended = true;
    FreeBlocks::mine = nullptr;
    const std::lock_guard lock(depot().mutex);
    for (std::uint32_t k = 0; k < classes; ++k)
      while (of_class_[k].head) depot().of_class[k].push(of_class_[k].pop());
  }
  static inline constinit thread_local bool ended = false;

 private:
  std::array<FreeBlocks, classes> of_class_;
};

}  // namespace

Block* Block::take_or_allocate(std::size_t bytes) {
  const std::uint32_t size_class = size_class_of(bytes);
  if (!FreeBlocks::mine && !Cache::ended && !__asan_init) {
    thread_local const Cache cache;
    (void)cache;
  }
  Block* block = nullptr;
  {
    const std::lock_guard lock(depot().mutex);
    FreeBlocks& others = depot().of_class[size_class];
    block = fitting_block(others, bytes);
    if (FreeBlocks::mine)
      for (std::int64_t k = most_kept(size_class) / 2; k > 0 && others.head; --k)
        FreeBlocks::mine[size_class].push(others.pop());
  }
  if (block) {
    block->references.store(1, std::memory_order_relaxed);
    block->touched = std::max(block->touched, bytes);
    return block;
  }
  // Vectors may be read from the last element on.
  constexpr std::size_t behind = 64;
  block = new (::operator new(sizeof(Block) + bytes_of(size_class) + behind, std::align_val_t(64))) Block;
  block->size_class = size_class;
  block->touched = bytes;
  return block;
}

void Block::hand_over() {
  if (__asan_init) return ::operator delete(this, std::align_val_t(64));
  const std::lock_guard lock(depot().mutex);
  depot().of_class[size_class].push(this);
}

// Half of what a thread may keep comes and goes at a time, so that the depot's lock costs nothing.
void Block::spill(FreeBlocks& blocks) {
  const std::uint32_t size_class = blocks.head->size_class;
  const std::lock_guard lock(depot().mutex);
  for (std::int64_t k = most_kept(size_class) / 2; k >= 0; --k) depot().of_class[size_class].push(blocks.pop());
}

Arena::~Arena() {
  while (last_) std::exchange(last_, last_->next)->release();
}

void Arena::grow(std::size_t bytes) {
  constexpr std::size_t piece = 64 * 1024;
  left_ = std::max(bytes, piece);
  Block* const block = Block::make(left_);
  block->next = std::exchange(last_, block);
  begin_ = static_cast<std::byte*>(block->data());
}

}  // namespace unroll::detail

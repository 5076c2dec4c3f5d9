#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
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

/// Counts the references inside what it points to.
template <class Object>
class Shared {
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
    if (count.load(std::memory_order_acquire) == 1 || count.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete object_;
  }
  Object* operator->() const { return object_; }
  Object& operator*() const { return *object_; }
  Object* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  Object* object_ = nullptr;
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

#pragma once

#include <algorithm>
#include <iterator>
#include <memory>
#include <new>

#include "../shape.hpp"
#include "memory.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// The storage of an Array: a value (copies are deep) over a Block, which the engine may share.
template <class T> class Buffer {
 public:
  using value_type = T;
  using allocator_type = std::allocator<T>;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using pointer = T*;
  using const_pointer = const T*;
  using iterator = T*;
  using const_iterator = const T*;
  using reverse_iterator = std::reverse_iterator<T*>;
  using const_reverse_iterator = std::reverse_iterator<const T*>;

  Buffer() = default;
  /// `size` elements, not initialised.
  explicit Buffer(std::size_t size)
      : block_(Block::make(bytes_of(size))), data_(static_cast<T*>(block_->data())), size_(size) {}
  Buffer(std::size_t size, const T& value) : Buffer(size) { std::fill(begin(), end(), value); }
  template <std::input_iterator Iterator>
  Buffer(Iterator first, Iterator last) : Buffer(static_cast<std::size_t>(std::distance(first, last))) {
    std::copy(first, last, begin());
  }
  Buffer(std::initializer_list<T> values) : Buffer(values.begin(), values.end()) {}
  Buffer(const Buffer& other) : Buffer(other.begin(), other.end()) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() {
    if (block_) block_->release();
  }
  void swap(Buffer& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  friend void swap(Buffer& a, Buffer& b) noexcept { a.swap(b); }

  /// The same memory from `offset` on: for the engine, whose arrays do not change once they are shared.
  Buffer share(std::size_t offset, std::size_t size) const {
    Buffer part;
    part.block_ = block_ ? block_->share() : nullptr;
    part.data_ = data_ + offset;
    part.size_ = size;
    return part;
  }
  bool unique() const { return !block_ || block_->unique(); }

  void resize(std::size_t size) {
    if (size != size_) *this = Buffer(size);
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T& front() { return data_[0]; }
  const T& front() const { return data_[0]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T* cbegin() const { return begin(); }
  const T* cend() const { return end(); }
  reverse_iterator rbegin() { return reverse_iterator(end()); }
  reverse_iterator rend() { return reverse_iterator(begin()); }
  const_reverse_iterator rbegin() const { return const_reverse_iterator(end()); }
  const_reverse_iterator rend() const { return const_reverse_iterator(begin()); }
  const_reverse_iterator crbegin() const { return rbegin(); }
  const_reverse_iterator crend() const { return rend(); }
  friend bool operator==(const Buffer& a, const Buffer& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  static std::size_t bytes_of(std::size_t size) {
    if (size > Shape::most_elements) [[unlikely]]
      throw std::bad_array_new_length();
    return size * sizeof(T);
  }

  Block* block_ = nullptr;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace detail
}  // namespace unroll

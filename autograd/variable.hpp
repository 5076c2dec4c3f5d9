#pragma once

#include <string>
#include <type_traits>

#include "array.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T>
class Tape;

/// What a parameter has beside its array.
struct Identity {
  std::string name;
  std::uint64_t version = 0;  // counts assignments
  bool frozen = false;
  std::atomic<Block*> panels[2]{};  // the array and its transpose as products read them (panels.hpp), once they did

  explicit Identity(std::string given) : name(std::move(given)) {}
  ~Identity() { forget_panels(); }
  void forget_panels() {
    for (auto& copy : panels)
      if (Block* const block = copy.exchange(nullptr)) block->release();
  }
  void assigned() {
    ++version;
    forget_panels();
  }
};

/// The distance in memory between neighbours along an axis whose index steps over `elements` elements.
constexpr std::size_t stride(std::size_t elements, std::size_t run, std::size_t pitch) {
  return elements < run || run == 0 ? elements : elements / run * pitch;
}

/// An immutable array in shared memory: runs of `run` neighbouring elements, `pitch` elements apart, in row-major
/// order. `run` is the product of the last sizes of the shape, one at least, so slices and parts of rows need no copy.
template <class T>
struct Tensor {
  Shape shape;
  std::size_t run, pitch;
  Buffer<T> buffer;
  std::unique_ptr<Identity> identity{};   // parameters only
  std::atomic<Array<T>*> array{nullptr};  // made when first asked for
  std::atomic<std::uint32_t> references{0};

  Tensor(const Shape& sizes, Buffer<T> memory) : Tensor(sizes, sizes.elements(), sizes.elements(), std::move(memory)) {}
  /// Runs without gaps between them are one.
  Tensor(const Shape& sizes, std::size_t run_length, std::size_t distance, Buffer<T> memory)
      : shape(sizes),
        run(run_length == distance ? sizes.elements() : run_length),
        pitch(run_length == distance ? run : distance),
        buffer(std::move(memory)) {}
  explicit Tensor(const Shape& sizes) : Tensor(sizes, sizes.checked_elements()) {}
  /// Of a shape whose elements have been counted.
  Tensor(const Shape& sizes, std::size_t n) : shape(sizes), run(n), pitch(n), buffer(n) {}
  ~Tensor() { delete array.load(std::memory_order_relaxed); }

  std::size_t size() const { return shape.elements(); }
  const T* data() const { return buffer.data(); }
  bool contiguous() const { return run == pitch; }
  std::size_t stride(std::size_t elements) const { return unroll::stride(elements, run, pitch); }
  /// Nobody else can see a change to this array.
  bool unique() const { return references.load(std::memory_order_acquire) == 1 && buffer.unique() && !identity; }

  static void* operator new(std::size_t bytes) { return Block::make(bytes)->data(); }
  static void operator delete(void* memory) { (static_cast<Block*>(memory) - 1)->release(); }
};

/// Where a value stands on a tape; serial 0 is nowhere.
struct Slot {
  std::uint64_t tape = 0;
  std::uint32_t index = 0;
};

template <class E>
concept Expression = xt::is_xexpression<std::decay_t<E>>::value;

template <class E>
concept Scalar = std::is_arithmetic_v<std::decay_t<E>>;

/// What a handle is: one that may be assigned to, a parameter's, or that of a parameter that belongs to a module.
enum class HandleKind : std::uint32_t { variable, parameter, member };

/// A handle to an immutable array and to the place where a tape recorded it. It owns data, never graph.
/// A tape that did not record the handle takes it for a constant. One that was copied from a Parameter follows it when
/// it is assigned; detach(parameter) keeps what it is now.
template <class T>
class Variable {
 public:
  using value_type = T;

  /// An empty handle: all it can do is be assigned to.
  Variable() = default;
  Variable(const Variable& other) : tensor_(other.tensor_), tape_(other.tape_), index_(other.index_) {}
  /// Leaves the handle of a parameter as it is.
  Variable(Variable&& other) noexcept
      : tensor_(other.kind_ == HandleKind::variable ? std::move(other.tensor_) : other.tensor_),
        tape_(other.tape_),
        index_(other.index_) {}
  /// Throws where this is the base of a Parameter, whose values change by assign() alone.
  Variable& operator=(const Variable& other) {
    if (kind_ != HandleKind::variable) [[unlikely]]
      refuse_assignment();
    tensor_ = other.tensor_;
    tape_ = other.tape_;
    index_ = other.index_;
    return *this;
  }
  Variable& operator=(Variable&& other) {
    if (kind_ != HandleKind::variable) [[unlikely]]
      refuse_assignment();
    if (other.kind_ == HandleKind::variable)
      tensor_ = std::move(other.tensor_);
    else
      tensor_ = other.tensor_;
    tape_ = other.tape_;
    index_ = other.index_;
    return *this;
  }
  template <Scalar S>
  Variable(S scalar) : tensor_(new Tensor<T>(Shape{})) {
    *tensor_->buffer.data() = static_cast<T>(scalar);
  }
  Variable(Array<T> array);
  template <Expression E>
  requires(!std::is_same_v<std::decay_t<E>, Array<T>>) Variable(const E& expression)
      : Variable(Array<T>(xt::cast<T>(expression))) {}
  explicit Variable(Shared<Tensor<T>> tensor, Slot slot = {})
      : tensor_(std::move(tensor)), tape_(slot.tape), index_(slot.index) {}

  /// The array; it lives as long as any handle to it.
  const Array<T>& value() const&;
  Array<T> value() && { return std::as_const(*this).value(); }
  const Shape& shape() const& { return tensor().shape; }
  Shape shape() && { return tensor().shape; }
  std::size_t size() const { return tensor().size(); }
  /// The one element of an array of size 1.
  T item() const;

  /// Whether it is not an empty handle.
  bool has_value() const { return bool(tensor_); }
  /// Whether the one element is not 0; throws for an array of more or fewer, and for an empty handle.
  explicit operator bool() const;

  const Tensor<T>& tensor() const {
    if (!tensor_) [[unlikely]]
      refuse_empty();
    return *tensor_;
  }
  const Shared<Tensor<T>>& shared() const { return tensor_; }
  Slot slot() const { return {tape_, index_}; }

 protected:
  [[noreturn]] void refuse_empty() const;
  [[noreturn]] void refuse_assignment() const;

  Shared<Tensor<T>> tensor_;
  std::uint64_t tape_ = 0;  // with the index, the slot
  std::uint32_t index_ = 0;
  HandleKind kind_ = HandleKind::variable;
};

/// Prints the values, the shape and, when it is recorded, the slot.
template <class T>
std::ostream& operator<<(std::ostream& out, const Variable<T>& x);

}  // namespace unroll

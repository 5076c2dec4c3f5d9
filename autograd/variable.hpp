#pragma once

#include <functional>
#include <string>
#include <type_traits>

#include "array.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T> class Tape;

/// Where a value stands on a tape.
struct Slot {
  std::uint64_t tape = 0;   ///< the serial under which it was recorded; 0 for a constant
  std::uint32_t index = 0;  ///< among the nodes
};

template <class E>
concept Expression = xt::is_xexpression<std::decay_t<E>>::value;

template <class E>
concept Scalar = std::is_arithmetic_v<std::decay_t<E>>;

namespace detail {

/// std::function, for what users write: says that a return is missing where there is none.
template <class R, class... A> struct Returning : std::function<R(A...)> {
  Returning() = default;
  template <class F>
  requires std::is_invocable_v<F&, A...> Returning(F f) {
    using Given = std::invoke_result_t<F&, A...>;
    static_assert(!std::is_void_v<Given>, "the function returns nothing; it must return what it computes");
    if constexpr (!std::is_void_v<Given>) std::function<R(A...)>::operator=(std::move(f));
  }
};

/// What a handle is: one that may be assigned to, a parameter's, or that of a parameter that belongs to a module.
enum class HandleKind : std::uint32_t { variable, parameter, member };
}  // namespace detail

/// A handle to an array, which a Parameter alone can change, and to the place where a tape recorded it. It owns data,
/// never graph.
/// A tape that did not record the handle takes it for a constant. One that was copied from a Parameter follows it when
/// it is assigned; detach(parameter) keeps what it is now.
template <class T> class Variable {
 public:
  using value_type = T;  ///< float or double

  /// An empty handle: all it can do is be assigned to.
  Variable() = default;
  Variable(const Variable& other) : tensor_(other.tensor_), tape_(other.tape_), index_(other.index_) {}
  /// Leaves the handle of a parameter as it is.
  Variable(Variable&& other) noexcept
      : tensor_(other.kind_ == detail::HandleKind::variable ? std::move(other.tensor_) : other.tensor_),
        tape_(other.tape_),
        index_(other.index_) {}
  ///@{
  /// Throws where this is the base of a Parameter, whose values change by assign() alone.
  Variable& operator=(const Variable& other) { return *this = Variable(other); }
  Variable& operator=(Variable&& other) {
    if (kind_ != detail::HandleKind::variable) [[unlikely]]
      refuse_assignment();
    refer_to(other.kind_ == detail::HandleKind::variable ? std::move(other.tensor_) : other.tensor_, other.slot());
    return *this;
  }
  ///@}
  ///@{
  /// A constant; from an xtensor expression, which is evaluated at once.
  template <Scalar S> Variable(S scalar) : tensor_(new detail::Tensor<T>(Shape{})) {
    *tensor_->buffer.data() = static_cast<T>(scalar);
  }
  Variable(Array<T> array);
  template <Expression E>
  requires(!std::is_same_v<std::decay_t<E>, Array<T>>) Variable(const E& expression)
      : Variable(Array<T>(xt::cast<T>(expression))) {}
  ///@}
  /// Does not compile: float and double do not mix.
  template <class U>
  requires(!std::is_same_v<U, T>) explicit Variable(const Variable<U>&) {
    static_assert(std::is_same_v<U, T>, "float and double do not mix; Variable<float>(x.value()) is a constant copy");
  }
  /// What an operation makes.
  explicit Variable(detail::Shared<detail::Tensor<T>> tensor, Slot slot = {})
      : tensor_(std::move(tensor)), tape_(slot.tape), index_(slot.index) {}

  ///@{
  /// The array; it lives as long as any handle to it. Throws for an empty handle, as all but has_value(), shared() and
  /// slot().
  const Array<T>& value() const&;
  Array<T> value() && { return std::as_const(*this).value(); }
  ///@}
  ///@{
  /// The sizes of the array along its axes.
  const Shape& shape() const& { return tensor().shape; }
  Shape shape() && { return tensor().shape; }
  ///@}
  /// x[i]: its part at index i of the first axis (ops.hpp).
  Variable operator[](std::int64_t index) const;
  /// The number of elements.
  std::size_t size() const { return tensor().size(); }
  /// The one element of an array of size 1; throws for another.
  T item() const;

  /// Whether it is not an empty handle.
  bool has_value() const { return bool(tensor_); }
  /// Whether the one element is not 0; throws for an array of more or fewer, and for an empty handle.
  explicit operator bool() const;

  ///@{
  /// What operations work on.
  const detail::Tensor<T>& tensor() const {
    if (!tensor_) [[unlikely]]
      refuse_empty();
    return *tensor_;
  }
  const detail::Shared<detail::Tensor<T>>& shared() const { return tensor_; }
  Slot slot() const { return {tape_, index_}; }
  ///@}

 protected:
  ///@{
  /// For Parameter.
  [[noreturn]] void refuse_empty() const;
  [[noreturn]] void refuse_assignment() const;
  void refer_to(detail::Shared<detail::Tensor<T>> tensor, const Slot& slot) {
    tensor_ = std::move(tensor);
    tape_ = slot.tape;
    index_ = slot.index;
  }

  detail::Shared<detail::Tensor<T>> tensor_;
  std::uint64_t tape_ = 0;  // with the index, the slot
  std::uint32_t index_ = 0;
  detail::HandleKind kind_ = detail::HandleKind::variable;
  ///@}
};

/// Prints the values, the shape and, when it is recorded, the slot.
template <class T> std::ostream& operator<<(std::ostream& out, const Variable<T>& x);

/// The array of x as a constant, without gaps between its rows.
template <class T> Variable<T> detach(const Variable<T>& x);
/// The same in memory of its own.
template <class T> Variable<T> copy_of(const Variable<T>& x);
/// An array of this shape whose elements are `value`.
template <class T> Variable<T> full(const Shape& shape, T value);
/// The same of 0.
template <class T> Variable<T> zeros(const Shape& shape) { return full<T>(shape, 0); }
/// The same of 1.
template <class T> Variable<T> ones(const Shape& shape) { return full<T>(shape, 1); }

}  // namespace unroll

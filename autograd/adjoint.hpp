#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <typeinfo>

#include "kernels/kernels.hpp"
#include "rows.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T> class Adjoint;

namespace detail {

/// Terms that are added together later: a weight that is used at every step gets one product for many steps, and a
/// table no rows but those that were taken.
template <class T> class Postponed {
 public:
  virtual ~Postponed() = default;
  virtual void add_to(Adjoint<T>& into) = 0;
  /// Rows of a table, in order and each once, if they are no more than that.
  virtual std::optional<Rows<T>> rows() const { return {}; }

  std::unique_ptr<Postponed> others;  ///< terms of other kinds that wait too
};

/// sum + x, recorded, where x is summed or repeated to this shape. No sum is 0. In operations/elementwise.cpp.
template <class T> Variable<T> recorded_sum(const Variable<T>& sum, const Variable<T>& x, const Shape& shape);

template <class T> using Handles = std::span<const Variable<T>* const>;

}  // namespace detail

/// How a sweep adds: it records the values of terms; or it adds to memory, and keeps what it comes by, or frees it.
enum class Sweep : std::uint8_t { records, keeps, frees };

/// What a rule contributes to the adjoint of an operand. It knows its shape; its value, which is recorded where a sweep
/// records; and how to add itself to memory, which may cost less.
template <class X, class T>
concept Term = requires(const X& term, Adjoint<T>& into) {
  { term.shape() } -> std::convertible_to<const Shape&>;
  { term.value() } -> std::convertible_to<Variable<T>>;
  term.add_to(into);
};

/// The adjoint of a value, a sum of terms. It is summed over the axes along which the value was broadcast to a term.
template <class T> class Adjoint {
 public:
  /// `shape` must live as long. One that `postpones` lets terms wait for others of their kind.
  explicit Adjoint(const Shape& shape, Sweep sweep = Sweep::frees, bool postpones = false)
      : shape_(shape), sweep_(sweep), postpones_(postpones) {}
  Adjoint(const Adjoint&) = delete;

  ///@{
  /// Adds a term.
  void operator+=(const Variable<T>& x);
  template <Term<T> X> void operator+=(const X& term) {
    if constexpr (requires { term.postpone_to(*this); })
      if (term.postpone_to(*this)) return;
    if (records())
      *this += term.value();
    else
      term.add_to(*this);
  }
  ///@}
  /// That of the value.
  const Shape& shape() const { return shape_; }
  /// What has been added so far; empty if nothing has.
  Variable<T> value();
  /// Moves it out; nothing may be added after. Empty for a part, whose terms stand in the whole.
  Variable<T> finish() {
    if (folded_ || postponed_ || unwritten_) unite();
    return std::move(sum_);
  }
  /// As rows of a table, if all others are 0.
  std::optional<detail::Rows<T>> rows() const {
    return postponed_ && !postponed_->others && !sum_.has_value() ? postponed_->rows() : std::nullopt;
  }

  // What terms are made of:

  /// Whether the values of terms are recorded.
  bool records() const { return sweep_ == Sweep::records; }
  /// Whether terms may wait for others of their kind.
  bool postpones() const { return postpones_; }
  /// Where an adjoint that is a part of another one stands in the memory of that.
  struct Place {
    Adjoint* whole;         ///< which is no part
    std::size_t offset;     ///< of its first element
    detail::Layout layout;  ///< of its elements
  };
  /// That of a part of this adjoint, which may be a part itself.
  Place place_of(std::size_t offset, const detail::Layout& layout) {
    return {&owner(), (place_ ? place_->offset : 0) + offset, layout};
  }
  /// This adjoint is from now on a part; the place must live as long.
  void join(const Place& place) { place_ = &place; }
  /// Whether it is one.
  bool joined() const { return place_; }
  /// Memory to add to, or to write if it is fresh, which it only is for who writes every element.
  struct Memory {
    detail::View<T> view;  ///< of the shape of the adjoint
    bool fresh;            ///< holds nothing yet
  };
  /// Opens it.
  Memory open(bool all_will_be_written);
  /// Says whether what is added next is still needed: then its memory must not be taken.
  void keep_next(bool needed) { keeps_next_ = needed; }
  /// Adds a function of operands. The memory of one that nobody else has may become that of the adjoint.
  void add(detail::Loop<T> loop, const void* function, detail::Handles<T> operands);
  /// Adds x. Where it is still needed, it may stand in the memory of the adjoint afterwards; else it may be moved
  /// there.
  void pass(Variable<T>& x);
  /// The terms of a kind that wait, maybe none so far.
  template <class Kind> Kind& waiting() {
    for (detail::Postponed<T>* terms = postponed_.get(); terms; terms = terms->others.get())
      if (typeid(*terms) == typeid(Kind)) return static_cast<Kind&>(*terms);
    auto first = std::make_unique<Kind>();
    first->others = std::move(postponed_);
    postponed_ = std::move(first);
    return static_cast<Kind&>(*postponed_);
  }
  /// Whether nothing has been added, nor waits.
  bool empty() const { return !sum_.has_value() && !postponed_; }
  /// Adds what waits.
  void settle() {
    if (owner().postponed_) [[unlikely]]
      add_postponed();
  }

 private:
  // Where a part stands in the memory of the whole, if that is seen in rows: in these columns, or in none.
  struct Columns {
    std::size_t first, count, pitch;
  };
  Adjoint& owner() { return place_ ? *place_->whole : *this; }
  Columns columns();
  detail::View<T> view();
  void write_zeros();
  void fold();
  void add_postponed();
  void unite();

  const Shape& shape_;
  const Sweep sweep_;
  const bool postpones_;
  bool keeps_next_ = false;
  std::uint16_t terms_ = 0;  // in memory; many are folded
  const Place* place_ = nullptr;
  Variable<T> sum_;
  // In the memory of the sum, seen in rows of `pitch_`, nobody has written or seen the first `unwritten_` columns yet.
  std::size_t unwritten_ = 0, pitch_ = 0;
  std::unique_ptr<detail::Postponed<T>> postponed_;
  std::unique_ptr<detail::Parts<T>> folded_;  // the terms before
};

}  // namespace unroll

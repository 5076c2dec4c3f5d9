#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "variable.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T> class Adjoint;
template <class T> class Parameter;
template <class T> class Tape;

/// The derivatives of a loss by parameters and watched variables: a value.
template <class T> class Gradients {
 public:
  /// The gradient by one of them.
  struct Entry {
    Variable<T> of;          ///< a parameter or a watched variable
    Variable<T> gradient;    ///< zeros if the loss does not depend on it
    bool reached;            ///< whether it does
    Indices rows{};          ///< of a table: the gradient has these rows alone, and the others are 0
    Variable<T> all_rows{};  ///< the whole of it, once it was asked for
    /// Whether it is of rows alone.
    bool of_rows() const { return rows.dimension() > 0; }
  };

  ///@{
  /// The gradient by a parameter or watched variable of the tape, of the same shape; throws where there is none.
  const Array<T>& operator[](const Variable<T>& x) const&;
  Array<T> operator[](const Variable<T>& x) && { return std::as_const(*this)[x]; }
  ///@}
  /// Whether the loss depends on x; optimizers skip a parameter on which it does not.
  bool contains(const Variable<T>& x) const;
  /// Adds gradient by gradient; what only `other` has is taken over.
  Gradients& operator+=(const Gradients& other);
  /// Multiplies all by a factor, which must be finite.
  Gradients& operator*=(double factor);
  /// Replaces each gradient g by f(g), of the same shape, where f(0) = 0.
  template <class F> void transform(const F& f) {
    for (Entry& entry : entries_) {
      entry.gradient = f(entry.gradient);
      entry.all_rows = {};
    }
  }
  /// √Σg² over all entries, whatever their order.
  double norm() const;
  ///@{
  /// All of them, in the order in which the tape recorded what they are by.
  const std::vector<Entry>& entries() const& { return entries_; }
  std::vector<Entry> entries() && { return std::move(entries_); }
  ///@}
  /// The entry of x, or null.
  const Entry* find(const Variable<T>& x) const;
  /// The gradient of an entry with all its rows.
  Variable<T> whole(const Entry& entry) const;

  /// What there is by each parameter, in bytes: whether it was recorded, was reached, is more than rows; and each row.
  /// Those of different gradients are joined by |. Throws where a gradient is by something else.
  std::vector<std::uint8_t> outline(const std::vector<Parameter<T>>& parameters) const;
  /// The elements of all that an outline has, which was joined with the own one, in the order of the parameters; −0,
  /// which adds nothing, for what there is not.
  Variable<T> flat(const std::vector<Parameter<T>>& parameters, std::span<const std::uint8_t> outline) const;
  /// The gradients of which that is the flat form: what `+=` gives, if flat ones were added.
  static Gradients from_flat(const std::vector<Parameter<T>>& parameters, std::span<const std::uint8_t> outline,
                             const Variable<T>& flat);

 private:
  friend class Tape<T>;
  void add(const Variable<T>& of, Adjoint<T>& adjoint);
  // −0 for all that an outline has.
  static Gradients nothing(const std::vector<Parameter<T>>& parameters, std::span<const std::uint8_t> outline);
  std::vector<Entry> entries_;
};

}  // namespace unroll

#pragma once

#include <vector>

#include "variable.hpp"

namespace unroll {

template <class T>
class Tape;

/// The derivatives of a loss by parameters and watched variables: a value.
template <class T>
class Gradients {
 public:
  struct Entry {
    Variable<T> of;        // a parameter or a watched variable
    Variable<T> gradient;  // zeros if the loss does not depend on it
    bool reached;          // whether it does
  };

  /// The gradient by a parameter or watched variable of the tape, of the same shape.
  const Array<T>& operator[](const Variable<T>& x) const;
  /// Whether the loss depends on x; optimisers skip a parameter on which it does not.
  bool contains(const Variable<T>& x) const;
  /// Adds gradient by gradient; what only `other` has is taken over.
  Gradients& operator+=(const Gradients& other);
  Gradients& operator*=(double factor);
  /// Replaces each gradient g by f(g), of the same shape.
  template <class F>
  void transform(const F& f) {
    for (Entry& entry : entries_) entry.gradient = f(entry.gradient);
  }
  /// √Σg² over all entries.
  double norm() const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  friend class Tape<T>;
  const Entry* find(const Variable<T>& x) const;
  std::vector<Entry> entries_;
};

}  // namespace unroll

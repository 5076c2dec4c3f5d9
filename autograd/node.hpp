#pragma once

#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "kernels/traverse.hpp"
#include "parameter.hpp"
#include "scope.hpp"

namespace UNROLL_PUBLIC unroll {

/// A part of another value's memory, or of its elements.
struct Part {
  std::uint32_t whole;  // index of the node whose memory it is
  std::size_t offset, run, pitch;
};

/// What is to be added to rows of an array: row k of x to row i_k.
template <class T>
struct RowTerm {
  Variable<T> x;
  std::shared_ptr<const Indices> indices;
};

/// What is to be added to a matrix: aᵀ b.        shapes: (k, m) (k, n)
template <class T>
struct ProductTerm {
  Variable<T> a, b;
};

/// Terms of the adjoint of a parameter that are added together later: a weight that is used at every step gets one
/// product for many steps, and a table has no rows but those that were taken.
template <class T>
struct Deferred {
  std::vector<RowTerm<T>> rows;  // all of the adjoint, if there are any
  std::vector<ProductTerm<T>> products;
  std::size_t height = 0;  // of the products together, Σ k
};

/// What has been added to an adjoint.
template <class T>
struct Sum {
  Variable<T> value;
  // Its memory in rows of `pitch` elements, of which nobody has written or seen the first `untouched` yet: zeros.
  std::size_t untouched = 0, pitch = 0;
  std::unique_ptr<Parts<T>> parts{};  // what was added before, once there are many terms
  std::size_t terms = 0;              // added since

  bool unfinished() const { return untouched || parts; }
};

/// The adjoint of a recorded value while a sweep adds to it.
template <class T>
class Adjoint {
 public:
  /// A part of another adjoint adds there, to `sum`. `deferred` is null where all is to be added at once.
  Adjoint(Sum<T>& own, const Shape& shape, const Part* part, Sum<T>& sum, const Shape& whole,
          Deferred<T>* deferred = nullptr)
      : own_(own), sum_(sum), shape_(shape), part_(part), whole_(whole), deferred_(deferred) {}
  Adjoint(const Adjoint&) = delete;

  const Shape& shape() const { return shape_; }
  /// Adds x, broadcast to the shape of the adjoint, or what adds itself: anything with x.add_to(adjoint).
  void operator+=(const Variable<T>& x);
  template <class Term>
  requires requires(const Term& term, Adjoint& adjoint) { term.add_to(adjoint); }
  void operator+=(const Term& term) { term.add_to(*this); }
  /// Adds x, which is not needed any more if `last`. Else it stands where it was added afterwards, if nothing else is
  /// there: what keeps x need not copy it again.
  void pass(Variable<T>& x, bool last);
  /// Whether nothing has been added, and the memory of an array of this shape can become that of the adjoint.
  bool takes_memory() const { return !sum_.value.has_value() && !part_ && !deferred_; }
  /// Takes over an array of this shape.
  void take(Variable<T>& x) { sum_.value = std::move(x); }

  struct Memory {
    T* data;
    std::size_t run, pitch;
    bool fresh;  // holds nothing yet: to be written, not added to
  };
  void add_rows(const RowTerm<T>& term);
  /// Keeps a product for later, if it may.
  bool defer(const ProductTerm<T>& term);
  /// Adds all that was kept apart but rows, and zeros where nothing was added to a part.
  void finish();
  /// What has been added so far; empty if nothing has.
  Variable<T> value();
  /// Memory to add into. It is fresh only if `overwrites` promises that every element will be written.
  Memory open(bool overwrites);

 private:
  // What it is of the memory, seen in rows: none of it if that is not some columns.
  struct Columns {
    std::size_t first, count, pitch;
  };
  Columns columns() const;
  void settle() {
    if (deferred_) add_deferred();
  }
  void add_rows_kept();
  void add_deferred();
  void add_products();
  Memory memory();
  void collect();
  void fill_untouched();

  Sum<T>& own_;  // counts its terms
  Sum<T>& sum_;
  const Shape& shape_;
  const Part* part_;  // of `whole_`, or null
  const Shape& whole_;
  Deferred<T>* deferred_;
};

/// One recorded operation: its operands and the rule that takes the adjoint of its result to theirs.
template <class T>
class Node {
 public:
  static constexpr std::uint32_t constant = std::numeric_limits<std::uint32_t>::max();

  Node(const char* operation, const Shape& sizes, std::span<const std::uint32_t> indices, const Part* memory = nullptr)
      : name(operation), shape(sizes), operands_(indices), part_(memory) {}
  virtual ~Node() = default;
  /// Indices of the operands, `constant` where the tape did not record one.
  std::span<const std::uint32_t> operands() const { return operands_; }
  /// Adds to `into`, the adjoint of operand k, what the adjoint g of the result contributes. g may move in memory. Of
  /// the last pull of a sweep that frees what it passes, neither g nor what the node keeps is needed any more.
  virtual void pull(std::size_t, Variable<T>&, Adjoint<T>&, bool /*last*/) {}
  /// Where the result is part of another one's memory, a fused sweep adds its adjoint there and pulls nothing.
  const Part* part() const { return part_; }
  /// Which elements of its operand such a result has.
  virtual const Part* elements() const { return nullptr; }

  const char* const name;
  const Shape shape;
  const Path* const path = Scope::here();
  const char* label = nullptr;  // what `named` calls the result
  Sum<T> adjoint;

 protected:
  /// Adds what the rule of operand k gave.
  template <class Term>
  void add(Adjoint<T>& into, std::size_t k, const Term& term) const {
    if constexpr (requires { term.shape(); })
      require(term.shape() == into.shape(), name, "the rule of operand ", k, " gave shape ", term.shape(),
              "; the operand has ", into.shape());
    into += term;
  }

 private:
  const std::span<const std::uint32_t> operands_;
  const Part* const part_;
};

/// A parameter or a watched variable. It holds the handle by which gradients are asked for.
template <class T>
class Leaf final : public Node<T> {
 public:
  Leaf(const Variable<T>& result, const Variable<T>* known, bool asked = true)
      : Node<T>("leaf", result.shape(), {}),
        handle(known ? *known : result),
        reported(asked),
        version(handle.tensor().identity ? handle.tensor().identity->version : 0) {}

  const Variable<T> handle;
  bool reported;  // among the gradients of the tape, not only of one within it
  const std::uint64_t version;
  Deferred<T> deferred;
};

}  // namespace unroll

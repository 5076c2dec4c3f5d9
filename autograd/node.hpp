#pragma once

#include <limits>
#include <span>
#include <utility>

#include "adjoint.hpp"
#include "scope.hpp"

namespace UNROLL_PUBLIC unroll {

template <class T> class Node;

namespace detail {

/// Ends what the tape has the memory of.
struct Destroy {
  template <class X> void operator()(X* made) const { made->~X(); }
};

}  // namespace detail

/// Takes the adjoint of an operation's result to those of its operands.
template <class T> class Rule {
 public:
  virtual ~Rule() = default;
  /// Adds to `into`, the adjoint of operand k, its term for g, the adjoint of the result. In a sweep that frees, `into`
  /// may take the memory of g, or of what the rule keeps, if nobody else holds it.
  virtual void pull(const Node<T>& node, std::size_t k, Variable<T>& g, Adjoint<T>& into) = 0;
};

/// A parameter or a watched variable.
template <class T> struct Leaf {
  Variable<T> handle;     ///< by which its gradient is asked for
  bool reported;          ///< among the gradients of the tape, not only of one within it
  std::uint64_t version;  ///< of the parameter, when it was recorded

  /// With the version that the parameter has now.
  Leaf(const Variable<T>& x, bool report)
      : handle(x), reported(report), version(x.tensor().parameter ? x.tensor().parameter->version : 0) {}
};

/// One recorded value: the operation that made it, its operands with their rules, and its adjoint. The tape has the
/// memory of all of them; the operands stand behind the node.
template <class T> class Node {
 public:
  /// Stands for the index of what a tape has not recorded.
  static constexpr std::uint32_t constant = std::numeric_limits<std::uint32_t>::max();

  /// An operand, and what takes the adjoint of the result to its own: null hands that on, the rule of a constant is not
  /// called. A rule may be that of several operands, one after the other.
  struct Operand {
    std::uint32_t index;  ///< `constant` for what the tape has not recorded
    Rule<T>* rule;        ///< in the memory of the tape
  };

  /// The result of an operation, in memory with room for its operands behind.
  Node(const char* operation, const Shape& sizes)
      : name(operation), shape(sizes), adjoint(shape, Sweep::frees, /*postpones=*/false) {}
  /// What no operation made.
  Node(const Shape& sizes, std::unique_ptr<Leaf<T>, detail::Destroy> handle)
      : name("leaf"), shape(sizes), leaf(std::move(handle)), adjoint(shape, Sweep::frees, /*postpones=*/true) {}
  Node(const Node&) = delete;
  ~Node() {
    const Rule<T>* ended = nullptr;
    for (const Operand& operand : operands())
      if (operand.rule != std::exchange(ended, operand.rule) && operand.rule) operand.rule->~Rule();
  }

  /// Adds the next operand.
  void add(std::uint32_t index, Rule<T>* rule) {
    new (reinterpret_cast<Operand*>(this + 1) + operands_) Operand{index, rule};
    ++operands_;
  }
  /// Those that were added.
  std::span<const Operand> operands() const { return {reinterpret_cast<const Operand*>(this + 1), operands_}; }
  /// into += rule(g), for operand k
  void pull(std::size_t k, Variable<T>& g, Adjoint<T>& into) const {
    if (Rule<T>* const rule = operands()[k].rule)
      rule->pull(*this, k, g, into);
    else
      into.pass(g);
  }

  const char* const name;                                ///< of the operation
  const Shape shape;                                     ///< of the result
  const std::unique_ptr<Leaf<T>, detail::Destroy> leaf;  ///< of what no operation made
  const Path* const path = Scope::here();                ///< where it was recorded, or null
  const char* label = nullptr;                           ///< what `named` calls the result
  Adjoint<T> adjoint;                                    ///< of the result, in the backward sweep

 private:
  std::size_t operands_ = 0;  // how many
};

}  // namespace unroll

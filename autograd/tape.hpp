#pragma once

#include <limits>
#include <span>
#include <unordered_map>
#include <vector>

#include "variable.hpp"

namespace unroll {

class Random;

/// Names a part of the recording for error messages. An exception that leaves it takes back what was recorded in it.
class Scope {
 public:
  explicit Scope(std::string name);
  ~Scope();
  Scope(const Scope&) = delete;
  /// The open scopes of this thread, outermost first: "tagger/lstm"; empty when there is none.
  static std::string path();

 private:
  std::string name_;
  Scope* outer_;
  int exceptions_;
  Tape<float>* floats_;
  Tape<double>* doubles_;
  std::size_t float_size_ = 0, double_size_ = 0;
};

/// A part of another value's memory.
struct Part {
  std::uint32_t whole;  // index of the node whose memory it is
  std::size_t offset, run, pitch;
};

/// The adjoint of a recorded value while a sweep adds to it.
template <class T>
class Adjoint {
 public:
  Adjoint(Variable<T>& sum, const Shape& shape, const Part* part, const Shape& whole)
      : sum_(sum), shape_(shape), part_(part), whole_(whole) {}

  const Shape& shape() const { return shape_; }
  /// Adds x, broadcast to the shape of the adjoint, or what adds itself: anything with x.add_to(adjoint).
  void operator+=(const Variable<T>& x);
  template <class Term>
  requires requires(const Term& term, Adjoint& adjoint) { term.add_to(adjoint); }
  void operator+=(const Term& term) { term.add_to(*this); }

  struct Memory {
    T* data;
    std::size_t run, pitch;
    bool fresh;  // holds nothing yet: to be written, not added to
  };
  /// Memory to add into. It is fresh only if `overwrites` promises that every element will be written.
  Memory open(bool overwrites);

 private:
  Variable<T>& sum_;
  const Shape& shape_;
  const Part* part_;  // of `whole_`, or null
  const Shape& whole_;
};

/// One recorded operation: its operands and the rule that takes the adjoint of its result to theirs.
template <class T>
class Node {
 public:
  static constexpr std::uint32_t constant = std::numeric_limits<std::uint32_t>::max();

  Node(const char* operation, const Shape& sizes) : name(operation), shape(sizes) {}
  virtual ~Node() = default;
  /// Indices of the operands, `constant` where the tape did not record one.
  virtual std::span<const std::uint32_t> operands() const { return {}; }
  /// Adds to `into`, the adjoint of operand k, what the adjoint g of the result contributes.
  virtual void pull(std::size_t, const Variable<T>&, Adjoint<T>&) {}
  /// Where the result is part of another one's memory, adjoints are added there and nothing is pulled.
  virtual const Part* part() const { return nullptr; }

  const char* const name;
  const Shape shape;
  Variable<T> adjoint;
};

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
  /// √Σg² over all entries.
  double norm() const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  friend class Tape<T>;
  const Entry* find(const Variable<T>& x) const;
  std::vector<Entry> entries_;
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

/// Records what this thread computes with Variables while it is the innermost tape, until it goes out of scope.
template <class T>
class Tape {
 public:
  Tape();
  /// Dropout draws from `random`; on a tape without one it is the identity.
  explicit Tape(Random& random);
  ~Tape();
  Tape(const Tape&) = delete;

  /// An input to differentiate by.
  Variable<T> watch(const Variable<T>& x);

  /// The gradients of a scalar by all parameters and watched variables that were recorded. Spends the tape: what it
  /// holds is freed while the sweep passes.
  Gradients<T> backward(const Variable<T>& loss);

  /// The derivatives of y by xs, recorded, so that they can be differentiated again. A y that is not a scalar needs a
  /// cotangent of its shape.
  std::vector<Variable<T>> gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs,
                                    const Variable<T>& cotangent = {});

  /// The number of recorded values.
  std::size_t size() const { return nodes_.size(); }
  Random* random() const { return random_; }
  /// The tape that records now, or null.
  static Tape* innermost();

  // What primitives are made of:

  /// The index under which this tape has x, recording a parameter when it is first used; `Node::constant` for others.
  std::uint32_t index_of(const Variable<T>& x);
  /// Records `result` as made by a node of this kind; its constructor is given the recorded result first.
  template <class Kind, class... Arguments>
  Variable<T> record(const Variable<T>& result, Arguments&&... arguments) {
    require(!spent_, "tape", "it is spent; record on a new one");
    Variable<T> recorded(result.shared(), {serials_.back().serial, static_cast<std::uint32_t>(nodes_.size())});
    nodes_.reserve(nodes_.size() + 1);
    nodes_.push_back(new (memory_.take(sizeof(Kind))) Kind(recorded, std::forward<Arguments>(arguments)...));
    return recorded;
  }
  const Node<T>& node(std::uint32_t index) const { return *nodes_[index]; }
  /// Forgets what was recorded since the tape had this size; handles to it become constants.
  void roll_back(std::size_t size);

 private:
  // Handles made under a serial are valid below its limit, which only rolling back lowers.
  struct Serial {
    std::uint64_t serial;
    std::size_t limit;
  };

  bool owns(const Slot& slot) const;
  std::uint32_t recorded_index(const char* where, const char* what, const Variable<T>& y) const;
  void refuse_stale_parameters(const char* where, std::uint32_t last) const;
  std::vector<bool> dependent_on(const std::vector<std::uint32_t>& sources, std::uint32_t last) const;
  Adjoint<T> adjoint_of(std::uint32_t index);
  void clear(std::size_t from);

  Random* random_ = nullptr;
  Tape* outer_;
  std::vector<Serial> serials_;
  Arena memory_;
  std::vector<Node<T>*> nodes_;
  std::unordered_map<const Tensor<T>*, std::uint32_t> parameters_;
  bool spent_ = false;
};

}  // namespace unroll

#pragma once

#include <concepts>
#include <unordered_map>
#include <vector>

#include "gradients.hpp"
#include "node.hpp"
#include "observer.hpp"
#include "parameter.hpp"
#include "scope.hpp"

namespace unroll {

class Random;

/// Records what this thread computes with Variables while it is the innermost tape, until it goes out of scope.
template <class T>
class Tape {
 public:
  /// Dropout draws from `random`; on a tape without one it is the identity.
  explicit Tape(Random* random = nullptr);
  explicit Tape(Random& random) : Tape(&random) {}
  ~Tape();
  Tape(const Tape&) = delete;

  /// An input to differentiate by.
  Variable<T> watch(const Variable<T>& x);

  /// The gradients of a scalar by all parameters and watched variables that were recorded. Spends the tape: what it
  /// holds is freed while the sweep passes, and it records no more.
  Gradients<T> backward(const Variable<T>& loss);

  /// The derivatives of y by xs, recorded, so that they can be differentiated again. A y that is not a scalar needs a
  /// cotangent of its shape. What was recorded before the tape had size `first` is not passed through.
  std::vector<Variable<T>> gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs,
                                    const Variable<T>& cotangent = {}, std::size_t first = 0);
  /// The same by the parameters of a model.
  template <std::same_as<Parameter<T>> P>
  std::vector<Variable<T>> gradient(const Variable<T>& y, const std::vector<P>& xs, const Variable<T>& cotangent = {}) {
    return gradient(y, std::vector<Variable<T>>(xs.begin(), xs.end()), cotangent);
  }

  /// The number of recorded values.
  std::size_t size() const { return nodes_.size(); }
  bool spent() const { return spent_; }
  Random* random() const { return random_; }
  /// The tape that records now, or null.
  static Tape* innermost() { return recording_; }

  // What primitives are made of:

  /// The index under which this tape has x, recording a parameter when it is first used; `Node::constant` for others.
  std::uint32_t index_of(const Variable<T>& x) { return x.slot().tape == current_ ? x.slot().index : find(x); }
  /// Records `result` as made by a node of this kind; its constructor is given the recorded result first.
  template <class Kind, class... Arguments>
  Variable<T> record(Shared<Tensor<T>> result, Arguments&&... arguments) {
    require(!spent_, "watch", "this tape is spent; record on a new one");
    Variable<T> recorded(std::move(result), {current_, static_cast<std::uint32_t>(nodes_.size())});
    if (nodes_.size() == nodes_.capacity()) nodes_.reserve(2 * nodes_.size() + 64);
    nodes_.push_back(new (memory_.take(sizeof(Kind))) Kind(recorded, std::forward<Arguments>(arguments)...));
    if (Observer<T>::innermost) Observer<T>::tell([&](auto& observer) { observer.recorded(*nodes_.back(), recorded); });
    return recorded;
  }
  Node<T>& node(std::uint32_t index) const { return *nodes_[index]; }
  /// From now on, a variable that the tape around this one has recorded is watched when it is first used.
  void capture() { captures_ = true; }
  /// Watches x under its own handle, as if it were a parameter.
  std::uint32_t capture(const Variable<T>& x);
  /// Forgets what was recorded since the tape had this size; handles to it become constants.
  void roll_back(std::size_t size);

 private:
  // Handles made under a serial are valid below its limit, which only rolling back lowers.
  struct Serial {
    std::uint64_t serial;
    std::size_t limit;
  };

  // Makes another tape, or none, the innermost one of this thread for a while.
  class Recording {
   public:
    explicit Recording(Tape* tape) : outer_(std::exchange(recording_, tape)) {}
    ~Recording() { recording_ = outer_; }
    Recording(const Recording&) = delete;

   private:
    Tape* outer_;
  };

  static constexpr std::uint64_t nowhere = ~std::uint64_t(0);

  std::uint32_t find(const Variable<T>& x);
  void begin_serial();
  bool owns(const Slot& slot) const;
  std::uint32_t recorded_index(const char* where, const char* what, const Variable<T>& y) const;
  void refuse_stale_parameters(const char* where, std::uint32_t last) const;
  std::vector<bool> dependent_on(const std::vector<std::uint32_t>& sources, std::uint32_t last) const;
  Adjoint<T> adjoint_of(std::uint32_t index);
  void clear(std::size_t from);

  static inline constinit thread_local Tape* recording_ = nullptr;

  Random* random_;
  Tape* outer_;
  std::vector<Serial> serials_;
  std::uint64_t current_ = nowhere;  // the last serial, while this tape records
  Arena memory_;
  std::vector<Node<T>*> nodes_;
  std::unordered_map<const Tensor<T>*, std::uint32_t> parameters_;  // and what was captured
  bool spent_ = false, captures_ = false;
};

}  // namespace unroll

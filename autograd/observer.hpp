#pragma once

#include "node.hpp"

namespace unroll {

/// Watches what the tapes of this thread do, while it lives.
template <class T>
class Observer {
 public:
  Observer() : outer_(std::exchange(innermost, this)) {}
  virtual ~Observer() {
    Observer** link = &innermost;
    while (*link != this) link = &(*link)->outer_;
    *link = outer_;
  }
  Observer(const Observer&) = delete;

  virtual void recorded(const Node<T>&, const Variable<T>& /*result*/) {}
  /// `named` was called for the result of this node.
  virtual void labelled(const Node<T>&) {}
  /// A backward sweep has come to a node: the gradient of its result is complete.
  virtual void sweeping(const Node<T>&, const Variable<T>& /*gradient*/) {}
  /// Its rule has added to the adjoint of this operand.
  virtual void pulled(const Node<T>&, std::size_t /*operand*/, Adjoint<T>&) {}

  template <class Event>
  static void tell(const Event& event) {
    for (Observer* observer = innermost; observer; observer = observer->outer_) event(*observer);
  }
  static inline constinit thread_local Observer* innermost = nullptr;

 private:
  Observer* outer_;
};

}  // namespace unroll

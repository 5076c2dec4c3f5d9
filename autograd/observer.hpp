#pragma once

#include "innermost.hpp"
#include "node.hpp"

namespace UNROLL_PUBLIC unroll {

/// Watches what the tapes of this thread do, while it lives.
template <class T> class Observer {
 public:
  Observer() = default;
  virtual ~Observer() = default;

  /// A tape begins.
  virtual void begun() {}
  /// An operation was recorded.
  virtual void recorded(const Node<T>&, const Variable<T>& /*result*/) {}
  /// `named` was called for the result of this node.
  virtual void labelled(const Node<T>&) {}
  /// A backward sweep has come to a node: the gradient of its result is complete.
  virtual void sweeping(const Node<T>&, const Variable<T>& /*gradient*/) {}
  /// Its rule has added to the adjoint of this operand.
  virtual void pulled(const Node<T>&, std::size_t /*operand*/, Adjoint<T>&) {}

  /// The observer made last by this thread, or null.
  static Observer* innermost() { return Innermost<Observer>::object(); }
  /// Calls event(observer) for all of this thread, the innermost first.
  template <class Event> static void tell(const Event& event) {
    for (Observer* observer = innermost(); observer; observer = observer->place_.outer()) event(*observer);
  }

 private:
  Innermost<Observer> place_{this};
};

}  // namespace unroll

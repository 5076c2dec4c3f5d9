#pragma once

#include "visibility.hpp"

namespace UNROLL_PUBLIC unroll {

/// The place of an object among those of its kind that a thread finds while they live. They may end in any order and in
/// any thread; null hides those outside of it.
template <class Object> class Innermost {
 public:
  /// The innermost place from now on.
  explicit Innermost(Object* object) : object_(object), outer_(list_.last), home_(&list_) {
    static thread_local const Ending ending;
    (void)ending;
    list_ = {this, object};
  }
  Innermost(const Innermost&) = delete;
  ~Innermost() {
    if (!home_) return;
    Innermost** link = &home_->last;
    while (*link != this) link = &(*link)->outer_;
    *link = outer_;
    home_->object = home_->last ? home_->last->object_ : nullptr;
  }
  /// The object made last by this thread of those that live.
  static Object* object() { return list_.object; }
  /// The object around this one, or null.
  Object* outer() const { return outer_ ? outer_->object_ : nullptr; }

 private:
  struct List {
    Innermost* last;
    Object* object;
  };
  // What outlives its thread does not look for a list there.
  struct Ending {
    ~Ending() {
      for (Innermost* place = list_.last; place; place = place->outer_) place->home_ = nullptr;
    }
  };
  static inline constinit thread_local List list_{nullptr, nullptr};

  Object* object_;
  Innermost* outer_;
  List* home_;
};

}  // namespace unroll

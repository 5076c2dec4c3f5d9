#pragma once

#include <span>

#include "variable.hpp"

namespace unroll {

/// A named array that outlives tapes and changes only by assign. Copies are handles to the same parameter.
template <class T>
class Parameter : public Variable<T> {
 public:
  /// An empty handle: all it can do is be assigned to.
  Parameter() = default;
  explicit Parameter(Array<T> array, std::string name = {});
  Parameter(const Parameter& other);
  Parameter(Parameter&&) noexcept = default;
  Parameter& operator=(const Parameter& other) { return *this = Parameter(other); }
  Parameter& operator=(Parameter&&) noexcept = default;

  /// Replaces the array; the shape must stay. A sweep of a tape that recorded the old one throws.
  void assign(Array<T> array);
  /// Lets f change the elements, which it gets as a std::span<T>, in place; variables that share their memory keep the
  /// old ones.
  template <class F>
  void update(const F& f) {
    f(own_elements());
  }
  const std::string& name() const { return identity().name; }
  void rename(std::string name) { identity().name = std::move(name); }
  /// A frozen parameter is a constant to tapes that have not recorded it yet.
  void freeze(bool frozen = true) { identity().frozen = frozen; }
  bool frozen() const { return identity().frozen; }

 private:
  std::span<T> own_elements();
  Identity& identity() const {
    require(bool(this->tensor_), "parameter", "the handle is empty; assign a parameter to it first");
    return *this->tensor_->identity;
  }
};

/// While it lives, a parameter that this thread copies becomes a parameter of its own; ties between them are kept.
class Cloning {
 public:
  Cloning();
  ~Cloning();
  Cloning(const Cloning&) = delete;
  static bool active();

 private:
  std::unique_ptr<struct Clones> clones_;
};

}  // namespace unroll

#pragma once

#include <concepts>
#include <span>

#include "variable.hpp"

namespace UNROLL_PUBLIC unroll {

/// A named array that outlives tapes and changes only by assign. Copies are handles to the same parameter, Variables
/// among them: what follows no change is detach(parameter).
template <class T> class Parameter : public Variable<T> {
 public:
  /// An empty handle: all it can do is be assigned to.
  Parameter() { this->kind_ = detail::HandleKind::parameter; }
  /// With these values; a module that registers it gives it a name.
  explicit Parameter(Array<T> array, std::string name = {});
  ///@{
  /// Another handle to the same parameter; within clone(), to the clone of it.
  Parameter(const Parameter& other);
  Parameter(Parameter&& other) noexcept {
    this->refer_to(std::move(other.tensor_), other.slot());
    this->kind_ = other.kind_;
  }
  ///@}
  ///@{
  /// Makes this a handle to the other parameter. Throws where a module has registered this one, since the new one would
  /// be trained by nobody.
  Parameter& operator=(const Parameter& other) { return *this = Parameter(other); }
  Parameter& operator=(Parameter&& other);
  ///@}

  /// Replaces the array; throws where it has another shape. A sweep of a tape that recorded the old one throws.
  void assign(Array<T> array);
  /// Lets f change the elements, which it gets as a std::span<T>, in place; variables that share their memory keep the
  /// old ones.
  template <class F> void update(const F& f) { f(own_elements()); }
  /// "lstm.weight_hh_l0": what errors, files and drawings call it.
  const std::string& name() const { return state().name; }
  /// Gives it another name.
  void rename(std::string name) { state().name = std::move(name); }
  /// A frozen parameter is a constant to tapes that have not recorded it yet.
  void freeze(bool frozen = true) { state().frozen = frozen; }
  /// Whether it is frozen.
  bool frozen() const { return state().frozen; }
  /// Called by the module that registers this handle: from now on, it is replaced with its module alone.
  void join_module() { this->kind_ = detail::HandleKind::member; }

 private:
  friend class Cloning;
  // Of nothing that would only become a Variable, as an xtensor expression does, and an Array too.
  explicit Parameter(const std::same_as<Variable<T>> auto& variable) : Variable<T>(variable) {
    this->kind_ = detail::HandleKind::parameter;
  }
  std::span<T> own_elements();
  detail::ParameterState& state() const {
    if (!this->tensor().parameter) [[unlikely]]
      refuse_variable();
    return *this->tensor().parameter;
  }
  [[noreturn]] void refuse_variable() const;
};

/// While it lives, a parameter that this thread copies becomes a parameter of its own; ties between them are kept.
class Cloning {
 public:
  Cloning();
  /// The same, but these parameters become the variables; throws unless they are as many and of the same shapes.
  template <class T> Cloning(const std::vector<Parameter<T>>& parameters, const std::vector<Variable<T>>& variables);
  ~Cloning();
  Cloning(const Cloning&) = delete;
  static bool active();  ///< in this thread
  /// What stands in the clone for an object that stands for a part of the original.
  static std::shared_ptr<void> counterpart(const std::shared_ptr<void>& original);

 private:
  std::unique_ptr<struct Clones> clones_;
};

}  // namespace unroll

#include "module.hpp"

#include <algorithm>
#include <cmath>

namespace unroll::nn {

template <class T> Module<T>::Module(const Module& other) {
  require(Cloning::active(), "module",
          "copied; a copy would share its parameters, so use clone(), or share one model through std::shared_ptr");
  named_ = other.named_;
  self_ = Cloning::counterpart(other.self_);
  for (const auto& child : other.children_) children_.push_back(Cloning::counterpart(child));
}

template <class T> Module<T>& Module<T>::operator=(Module&& other) {
  require(self_.use_count() <= 1, "module", "assigned to while another module has registered ",
          named_.empty() ? "it" : "its '" + named_[0].first + "'",
          ", and would go on with the parameters that were here; use copy_from(), or make the whole model anew");
  named_ = std::exchange(other.named_, {});
  self_ = std::move(other.self_);
  children_ = std::exchange(other.children_, {});
  return *this;
}

template <class T> auto Module<T>::named_parameters() const -> const Named& {
  require(self_ != nullptr, "module", "it was moved from, and has no parameters any more");
  return named_;
}

template <class T> void Module<T>::add_named(const std::string& name, Parameter<T> parameter) {
  bool known = false;
  for (const auto& [other, its] : named_) {
    require(other != name, "module", "'", name, "' is added twice; names must be different");
    known |= its.shared().get() == parameter.shared().get();
  }
  if (!known) parameter.rename(name);
  named_.emplace_back(name, std::move(parameter));
}

template <class T> void Module<T>::add(const std::string& name, Parameter<T>& parameter) {
  add_named(name, parameter);
  parameter.join_module();
}

template <class T> void Module<T>::add(const std::string& name, Parameter<T>& parameter, Array<T> values) {
  add(name, parameter = Parameter<T>(std::move(values)));
}

template <class T> void Module<T>::add(const std::string& name, const Module& child) {
  for (const auto& [inner, parameter] : child.named_parameters()) add_named(name + "." + inner, parameter);
  children_.push_back(child.self_);
}

template <class T> std::vector<Parameter<T>> Module<T>::parameters() const {
  std::vector<Parameter<T>> result;
  append_to(result);
  return result;
}

template <class T> void Module<T>::append_to(std::vector<Parameter<T>>& parameters) const {
  for (const auto& [name, parameter] : named_parameters()) {
    const auto same = [&](const Parameter<T>& other) { return other.shared().get() == parameter.shared().get(); };
    if (std::ranges::none_of(parameters, same)) parameters.push_back(parameter);
  }
}

template <class T> template <class U> void Module<T>::copy_from(const Module<U>& other) {
  const auto& mine = named_parameters();
  const auto& theirs = other.named_parameters();
  require(mine.size() == theirs.size(), "copy_from", theirs.size(), " parameters for a model with ", mine.size(),
          "; the models must have the same");
  for (std::size_t k = 0; k < named_.size(); ++k) {
    require(named_[k].first == theirs[k].first, "copy_from", "parameter '", theirs[k].first, "' where the model has '",
            named_[k].first, "'; the names must be equal");
    require(named_[k].second.shape() == theirs[k].second.shape(), "copy_from", "'", named_[k].first, "' has shape ",
            theirs[k].second.shape(), "; the model needs ", named_[k].second.shape());
  }
  std::vector<Array<T>> values;
  for (const auto& [name, parameter] : theirs) {
    for (const U x : parameter.value())
      require(std::isinf(x) || !std::isinf(T(x)), "copy_from", "'", name, "' holds ", x, "; it must fit a float");
    values.push_back(xt::cast<T>(parameter.value()));
  }
  for (std::size_t k = 0; k < named_.size(); ++k) named_[k].second.assign(std::move(values[k]));
}

template class Module<float>;
template class Module<double>;
template void Module<float>::copy_from(const Module<float>&);
template void Module<float>::copy_from(const Module<double>&);
template void Module<double>::copy_from(const Module<float>&);
template void Module<double>::copy_from(const Module<double>&);

}  // namespace unroll::nn

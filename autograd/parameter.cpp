#include "parameter.hpp"

#include <unordered_map>

namespace unroll {

using namespace detail;

// The clones made so far by this thread, by their originals.
struct Clones {
  std::unordered_map<const Tensor<float>*, Parameter<float>> of_float;
  std::unordered_map<const Tensor<double>*, Parameter<double>> of_double;
  std::unordered_map<std::shared_ptr<void>, std::shared_ptr<void>> of_other;
  Clones* outer = nullptr;

  auto& of(const Tensor<float>*) { return of_float; }
  auto& of(const Tensor<double>*) { return of_double; }
};

namespace {
thread_local Clones* clones = nullptr;
}

Cloning::Cloning() : clones_(new Clones) { clones_->outer = std::exchange(clones, clones_.get()); }
Cloning::~Cloning() { clones = clones_->outer; }
bool Cloning::active() { return clones != nullptr; }

std::shared_ptr<void> Cloning::counterpart(const std::shared_ptr<void>& original) {
  std::shared_ptr<void>& clone = clones->of_other[original];
  if (!clone) clone = std::make_shared<char>();
  return clone;
}

template <class T> Parameter<T>::Parameter(Array<T> array, std::string name) : Variable<T>(std::move(array)) {
  this->tensor_->parameter = std::make_unique<ParameterState>(std::move(name));
  this->kind_ = HandleKind::parameter;
}

template <class T> Parameter<T>::Parameter(const Parameter& other) : Variable<T>(other) {
  this->kind_ = clones ? other.kind_ : HandleKind::parameter;
  if (!clones || !other.has_value()) return;
  Parameter& clone = clones->of(other.tensor_.get())[other.tensor_.get()];
  if (!clone.has_value()) {
    clone = Parameter(Array<T>(other.value()), other.name());
    clone.freeze(other.frozen());
  }
  this->tensor_ = clone.tensor_;
}

template <class T> Parameter<T>& Parameter<T>::operator=(Parameter&& other) {
  // A module that is assigned to lets go of its parameters first, and its members are assigned members then.
  const bool replaced = this->kind_ == HandleKind::member && other.kind_ != HandleKind::member;
  require(!replaced || this->tensor_.get() == other.tensor_.get(), "parameter", "a new one for ",
          this->has_value() ? "'" + name() + "'" : "an empty handle",
          ", which a module has registered; change its "
          "values by assign(), or give the module's constructor a parameter to share");
  this->tensor_ = std::move(other.tensor_);
  if (!replaced) this->kind_ = other.kind_;
  return *this;
}

template <class T> void Parameter<T>::assign(Array<T> array) {
  const Shape given(array.shape());
  require(given == this->shape(), "assign", "parameter '", name(), "' has shape ", this->shape(),
          "; the array given has ", given);
  Tensor<T>& tensor = *this->tensor_;
  tensor.buffer = std::move(array.storage());
  if (Array<T>* seen = tensor.array.load(std::memory_order_acquire))
    seen->storage() = tensor.buffer.share(0, tensor.size());
  tensor.parameter->assigned();
}

template <class T> std::span<T> Parameter<T>::own_elements() {
  state();
  Tensor<T>& tensor = *this->tensor_;
  Array<T>* const seen = tensor.array.load(std::memory_order_acquire);
  if (seen) seen->storage() = Buffer<T>();
  if (!tensor.buffer.unique()) tensor.buffer = Buffer<T>(tensor.buffer);
  if (seen) seen->storage() = tensor.buffer.share(0, tensor.size());
  tensor.parameter->assigned();
  return {tensor.buffer.data(), tensor.size()};
}

template class Parameter<float>;
template class Parameter<double>;

}  // namespace unroll

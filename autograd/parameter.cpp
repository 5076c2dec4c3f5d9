#include "parameter.hpp"

#include <tuple>
#include <unordered_map>

namespace unroll {

using namespace detail;

// The clones made so far by this thread, by their originals.
struct Clones {
  template <class T> using Map = std::unordered_map<const Tensor<T>*, Parameter<T>>;
  std::tuple<Map<float>, Map<double>> parameters;
  std::unordered_map<std::shared_ptr<void>, std::shared_ptr<void>> others;
  Clones* outer = nullptr;

  template <class T> Parameter<T>& of(const Tensor<T>* original) { return std::get<Map<T>>(parameters)[original]; }
};

namespace {
thread_local Clones* clones = nullptr;
}

Cloning::Cloning() : clones_(new Clones) { clones_->outer = std::exchange(clones, clones_.get()); }
Cloning::~Cloning() { clones = clones_->outer; }

template <class T>
Cloning::Cloning(const std::vector<Parameter<T>>& parameters, const std::vector<Variable<T>>& variables) : Cloning() {
  require(parameters.size() == variables.size(), "with", variables.size(), " variables for a model of ",
          parameters.size(), " parameters; there must be one for each");
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const Parameter<T>& parameter = parameters[k];
    require(variables[k].shape() == parameter.shape(), "with", "a variable of shape ", variables[k].shape(),
            " for parameter ", k, ", '", parameter.name(), "'; it must be ", parameter.shape());
    clones_->of<T>(parameter.shared().get()) = Parameter<T>(variables[k]);
  }
}

bool Cloning::active() { return clones != nullptr; }

std::shared_ptr<void> Cloning::counterpart(const std::shared_ptr<void>& original) {
  std::shared_ptr<void>& clone = clones->others[original];
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
  Parameter& clone = clones->of<T>(other.tensor_.get());
  if (!clone.has_value()) {
    const ParameterState* const original = other.tensor().parameter.get();
    clone = Parameter(Array<T>(other.value()), original ? original->name : std::string());
    clone.freeze(original && original->frozen);
  }
  this->refer_to(clone.tensor_, clone.slot());
}

template <class T> Parameter<T>& Parameter<T>::operator=(Parameter&& other) {
  // A module that is assigned to lets go of its parameters first, and its members are assigned members then.
  const bool replaced = this->kind_ == HandleKind::member && other.kind_ != HandleKind::member;
  require(!replaced || this->tensor_.get() == other.tensor_.get(), "parameter", "a new one for ",
          this->has_value() ? "'" + name() + "'" : "an empty handle",
          ", which a module has registered; change its "
          "values by assign(), or give the module's constructor a parameter to share");
  this->refer_to(std::move(other.tensor_), other.slot());
  if (!replaced) this->kind_ = other.kind_;
  return *this;
}

template <class T> void Parameter<T>::assign(Array<T> array) {
  const Shape given(array.shape());
  require(given == this->shape(), "assign", "parameter '", name(), "' has shape ", this->shape(),
          "; the array given has ", given);
  ParameterState& changed = state();
  Tensor<T>& tensor = *this->tensor_;
  tensor.buffer = std::move(array.storage());
  if (Array<T>* seen = tensor.array.load(std::memory_order_acquire))
    seen->storage() = tensor.buffer.share(0, tensor.size());
  changed.assigned();
}

template <class T> void Parameter<T>::refuse_variable() const {
  fail("parameter",
       "it is a Variable that stands for a parameter, in a model that with() made; change the parameters of "
       "the model itself, or of a clone()");
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
template Cloning::Cloning(const std::vector<Parameter<float>>&, const std::vector<Variable<float>>&);
template Cloning::Cloning(const std::vector<Parameter<double>>&, const std::vector<Variable<double>>&);

}  // namespace unroll

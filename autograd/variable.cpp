#include "variable.hpp"

#include <ostream>
#include <sstream>
#include <unordered_map>

#include "xtensor_io.hpp"

namespace unroll {

template <class T>
Variable<T>::Variable(Array<T> array) : tensor_(new Tensor<T>(Shape(array.shape()), Buffer<T>())) {
  tensor_->buffer = std::move(array.storage());
}

namespace {

template <class T>
Buffer<T> packed(const Tensor<T>& x) {
  if (x.contiguous()) return x.buffer.share(0, x.size());
  Buffer<T> copy(x.size());
  for (std::size_t k = 0; k < x.size(); k += x.run) std::copy_n(x.data() + x.stride(k), x.run, copy.data() + k);
  return copy;
}

template <class T>
void fill(Array<T>& array, const Tensor<T>& from) {
  array.storage() = packed(from);
  array.resize(xt::dynamic_shape<std::size_t>(from.shape.begin(), from.shape.end()));
}

}  // namespace

template <class T>
const Array<T>& Variable<T>::value() const& {
  auto& cached = const_cast<Tensor<T>&>(tensor()).array;
  if (Array<T>* array = cached.load(std::memory_order_acquire)) return *array;
  auto made = std::make_unique<Array<T>>();
  fill(*made, *tensor_);
  Array<T>* other = nullptr;  // of a thread that was faster
  if (cached.compare_exchange_strong(other, made.get(), std::memory_order_acq_rel)) return *made.release();
  return *other;
}

template <class T>
T Variable<T>::item() const {
  require(size() == 1, "item", "the shape is ", shape(), "; it must hold one element");
  return *tensor_->data();
}

template <class T>
std::ostream& operator<<(std::ostream& out, const Variable<T>& x) {
  if (!x) return out << "empty";
  out << x.value() << " shape " << x.shape();
  if (x.slot().tape) out << " slot " << x.slot().index;
  return out;
}

// The clones made so far by this thread, by their originals.
struct Clones {
  std::unordered_map<const Tensor<float>*, Parameter<float>> of_float;
  std::unordered_map<const Tensor<double>*, Parameter<double>> of_double;
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

template <class T>
Parameter<T>::Parameter(Array<T> array, std::string name) : Variable<T>(std::move(array)) {
  this->tensor_->identity = std::make_unique<Identity>(Identity{.name = std::move(name)});
}

template <class T>
Parameter<T>::Parameter(const Parameter& other) : Variable<T>(other) {
  if (!clones || !other) return;
  Parameter& clone = clones->of(other.tensor_.get())[other.tensor_.get()];
  if (!clone) {
    clone = Parameter(Array<T>(other.value()), other.name());
    clone.freeze(other.frozen());
  }
  this->tensor_ = clone.tensor_;
}

template <class T>
void Parameter<T>::assign(Array<T> array) {
  const Shape given(array.shape());
  require(given == this->shape(), "assign", "parameter '", name(), "' has shape ", this->shape(),
          "; the array given has ", given);
  Tensor<T>& tensor = *this->tensor_;
  tensor.buffer = std::move(array.storage());
  if (Array<T>* seen = tensor.array.load(std::memory_order_acquire)) fill(*seen, tensor);
  ++tensor.identity->version;
}

template class Variable<float>;
template class Variable<double>;
template class Parameter<float>;
template class Parameter<double>;
template std::ostream& operator<<(std::ostream&, const Variable<float>&);
template std::ostream& operator<<(std::ostream&, const Variable<double>&);

}  // namespace unroll

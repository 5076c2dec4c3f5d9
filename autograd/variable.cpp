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

template class Variable<float>;
template class Variable<double>;
template std::ostream& operator<<(std::ostream&, const Variable<float>&);
template std::ostream& operator<<(std::ostream&, const Variable<double>&);

}  // namespace unroll

#include "variable.hpp"

#include <ostream>

#include "instantiate.hpp"
#include "xtensor_io.hpp"

namespace unroll {

using namespace detail;

template <class T> Variable<T>::Variable(Array<T> array) {
  const Shape shape(array.shape());
  require(shape.checked_elements() == array.storage().size(), "variable", "an array of shape ", shape, " that holds ",
          array.storage().size(), " elements; it was moved from");
  tensor_ = Shared<Tensor<T>>(new Tensor<T>(shape, std::move(array.storage())));
}

namespace {

template <class T> Buffer<T> packed(const Tensor<T>& x) {
  Buffer<T> copy(x.size());
  for (std::size_t k = 0; k < x.size(); k += x.layout.run)
    std::copy_n(x.data() + x.layout.at(k), x.layout.run, copy.data() + k);
  return copy;
}

template <class T> Buffer<T> shared_or_packed(const Tensor<T>& x) {
  return x.gapless() ? x.buffer.share(0, x.size()) : packed(x);
}

}  // namespace

template <class T> const Array<T>& Variable<T>::value() const& {
  auto& cached = const_cast<Tensor<T>&>(tensor()).array;
  if (Array<T>* array = cached.load(std::memory_order_acquire)) return *array;
  auto made = std::make_unique<Array<T>>();
  made->storage() = shared_or_packed(*tensor_);
  made->resize(xt::dynamic_shape<std::size_t>(shape().begin(), shape().end()));
  Array<T>* other = nullptr;  // of a thread that was faster
  if (cached.compare_exchange_strong(other, made.get(), std::memory_order_acq_rel)) return *made.release();
  return *other;
}

template <class T> T Variable<T>::item() const {
  require(size() == 1, "item", "the shape is ", shape(), "; it must hold one element");
  return *tensor_->data();
}

template <class T> Variable<T>::operator bool() const {
  require(size() == 1, "condition", "an array of shape ", shape(),
          "; it must hold one element - where() chooses for each element, has_value() asks whether a handle is empty");
  return *tensor_->data() != 0;
}

template <class T> void Variable<T>::refuse_empty() const {
  if (kind_ == HandleKind::member)
    fail("parameter", "the handle is empty; the module that it belongs to was moved from");
  if (kind_ == HandleKind::parameter) fail("parameter", "the handle is empty; assign a parameter to it first");
  fail("variable", "the handle is empty; assign a value to it first");
}

template <class T> void Variable<T>::refuse_assignment() const {
  const std::string name = tensor_ ? "'" + tensor_->parameter->name + "'" : "an empty parameter";
  fail("variable", "assigned to ", name, ", which is a Parameter; its values are changed by assign()");
}

template <class T> std::ostream& detail::operator<<(std::ostream& out, const Array<T>& array) {
  return xt::operator<<(out, array);
}

template <class T> std::ostream& operator<<(std::ostream& out, const Variable<T>& x) {
  if (!x.has_value()) return out << "empty";
  out << x.value() << " shape " << x.shape();
  if (x.slot().tape) out << " slot " << x.slot().index;
  return out;
}

template <class T> Variable<T> detach(const Variable<T>& x) {
  return Variable<T>(Shared<Tensor<T>>(new Tensor<T>(x.shape(), shared_or_packed(x.tensor()))));
}

template <class T> Variable<T> copy_of(const Variable<T>& x) {
  return Variable<T>(Shared<Tensor<T>>(new Tensor<T>(x.shape(), packed(x.tensor()))));
}

template <class T> Variable<T> full(const Shape& shape, T value) {
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  std::fill_n(result->buffer.data(), result->size(), value);
  return Variable<T>(std::move(result));
}

template class Variable<float>;
template class Variable<double>;
template std::ostream& detail::operator<<(std::ostream&, const Array<float>&);
template std::ostream& detail::operator<<(std::ostream&, const Array<double>&);
template std::ostream& detail::operator<<(std::ostream&, const Indices&);
template std::ostream& operator<<(std::ostream&, const Variable<float>&);
template std::ostream& operator<<(std::ostream&, const Variable<double>&);
extern const auto arrays =
    for_float_and_double([]<class T>() { return std::tuple(&detach<T>, &copy_of<T>, &full<T>); });

}  // namespace unroll

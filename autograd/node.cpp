#include "node.hpp"

#include "kernels.hpp"
#include "ops.hpp"
#include "parts.hpp"
#include "primitive.hpp"

namespace unroll {

template <class T>
void Adjoint<T>::add_rows(const RowTerm<T>& term) {
  if (deferred_ && deferred_->products.empty() && !sum_ && !part_) return deferred_->rows.push_back(term);
  const Memory memory = open(false);
  scatter_into(memory.data, memory.run, memory.pitch, term.x, *term.indices);
}

template <class T>
bool Adjoint<T>::defer(const ProductTerm<T>& term) {
  constexpr std::size_t enough = 512;  // steps at once, for a product to run at full speed
  const std::size_t height = term.a.shape()[0];
  if (!deferred_ || part_ || height >= enough) return false;
  deferred_->products.push_back(term);
  deferred_->height += height;
  if (deferred_->height >= enough) finish();
  return true;
}

template <class T>
void Adjoint<T>::finish() {
  if (!deferred_ || deferred_->products.empty()) return;
  const std::vector<ProductTerm<T>> products = std::exchange(deferred_->products, {});
  deferred_->height = 0;
  Adjoint whole(sum_, whole_, nullptr, whole_);  // this may be that of a part
  add_products<T>(whole, products);
}

// Adds all that was kept for later.
template <class T>
void Adjoint<T>::add_deferred() {
  finish();
  if (deferred_->rows.empty()) return;
  sum_ = zeros<T>(whole_);
  Tensor<T>& sum = *sum_.shared();
  for (const RowTerm<T>& term : std::exchange(deferred_->rows, {}))
    scatter_into(sum.buffer.data(), sum.run, sum.pitch, term.x, *term.indices);
}

template <class T>
Variable<T> Adjoint<T>::value() {
  settle();
  if (!part_ || !sum_) return sum_;
  const Variable<T> whole = contiguous(sum_);
  return Variable<T>(Shared<Tensor<T>>(
      new Tensor<T>(shape_, part_->run, part_->pitch, whole.tensor().buffer.share(part_->offset, shape_.elements()))));
}

template <class T>
auto Adjoint<T>::open(bool overwrites) -> Memory {
  settle();
  const bool all = !part_ || shape_.elements() == whole_.elements();
  const bool fresh = !sum_ && all && overwrites;
  if (!sum_) {
    Shared<Tensor<T>> zeros(new Tensor<T>(part_ ? whole_ : shape_));
    if (!fresh) std::fill_n(zeros->buffer.data(), zeros->size(), T(0));
    sum_ = Variable<T>(std::move(zeros));
  } else if (!sum_.tensor().unique() || (part_ && !sum_.tensor().contiguous())) {
    sum_ = packed_copy(sum_);
  }
  Tensor<T>& tensor = *sum_.shared();
  if (all) return {tensor.buffer.data(), tensor.run, tensor.pitch, fresh};
  return {tensor.buffer.data() + part_->offset, part_->run, part_->pitch, false};
}

template <class T>
void Adjoint<T>::operator+=(const Variable<T>& x) {
  settle();
  if (Tape<T>::innermost()) {
    const bool larger = broadcast("adjoint", x.shape(), shape_) == x.shape();
    const Variable<T> term = larger ? sum_to(x, shape_) : broadcast_to(x, shape_);
    sum_ = sum_ ? sum_ + term : term;
  } else if (!sum_ && !part_ && x.shape() == shape_ && !x.tensor().identity) {
    sum_ = Variable<T>(x.shared());
  } else {
    const Variable<T>* const operand = &x;
    accumulate<T>(*this, vector_loops<T>(functions::copy).value, &functions::copy, {&operand, 1});
  }
}

template class Adjoint<float>;
template class Adjoint<double>;

}  // namespace unroll

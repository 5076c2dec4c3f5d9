#include "node.hpp"

#include "kernels.hpp"
#include "ops.hpp"
#include "parts.hpp"
#include "primitive.hpp"

namespace unroll {

template <class T>
void Adjoint<T>::add_rows(const RowTerm<T>& term) {
  if (rows_ && !sum_ && !part_) return rows_->push_back(term);
  const Memory memory = open(false);
  scatter_into(memory.data, memory.run, memory.pitch, term.x, *term.indices);
}

// Adds the terms of rows that were kept.
template <class T>
void Adjoint<T>::settle() const {
  if (!rows_ || rows_->empty()) return;
  sum_ = Variable<T>(Shared<Tensor<T>>(zeros<T>(whole_).shared()));
  const Tensor<T>& sum = sum_.tensor();
  for (const RowTerm<T>& term : std::exchange(*rows_, {}))
    scatter_into(sum_.shared()->buffer.data(), sum.run, sum.pitch, term.x, *term.indices);
}

template <class T>
Variable<T> Adjoint<T>::value() const {
  settle();
  if (!part_ || !sum_) return sum_;
  const Variable<T> whole = contiguous(sum_);
  const auto buffer = whole.tensor().buffer.share(part_->offset, shape_.elements());
  return Variable<T>(Shared<Tensor<T>>(new Tensor<T>(shape_, part_->run, part_->pitch, buffer)));
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

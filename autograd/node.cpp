#include "node.hpp"

#include "kernels/kernels.hpp"
#include "operations/ops.hpp"
#include "operations/parts.hpp"
#include "primitive.hpp"

namespace unroll {

template <class T>
void Adjoint<T>::add_rows(const RowTerm<T>& term) {
  if (deferred_ && !sum_.value.has_value() && !part_) return deferred_->rows.push_back(term);
  const Memory memory = open(false);
  scatter_into<T>(memory.data, memory.run, memory.pitch, {&term, 1});
}

template <class T>
bool Adjoint<T>::defer(const ProductTerm<T>& term) {
  constexpr std::size_t enough = 512;  // steps at once, for a product to run at full speed
  const std::size_t height = term.a.shape()[0];
  if (!deferred_ || part_ || height >= enough) return false;
  deferred_->products.push_back(term);
  deferred_->height += height;
  if (deferred_->height >= enough) add_products();
  return true;
}

template <class T>
void Adjoint<T>::add_products() {
  fill_untouched();
  if (!deferred_ || deferred_->products.empty()) return;
  add_rows_kept();
  const std::vector<ProductTerm<T>> products = std::exchange(deferred_->products, {});
  deferred_->height = 0;
  Adjoint whole(sum_, whole_, nullptr, sum_, whole_, deferred_);  // this may be that of a part
  unroll::add_products<T>(whole, products);
}

// All that it is of the memory, which nobody else has.
template <class T>
auto Adjoint<T>::memory() -> Memory {
  fill_untouched();
  if (!sum_.value.tensor().unique() || (part_ && !sum_.value.tensor().contiguous()))
    sum_.value = packed_copy(sum_.value);
  Tensor<T>& tensor = *sum_.value.shared();
  if (!part_ || shape_.elements() == whole_.elements()) return {tensor.buffer.data(), tensor.run, tensor.pitch, false};
  return {tensor.buffer.data() + part_->offset, part_->run, part_->pitch, false};
}

// Calls f(elements of the memory, their number, the first of them in the adjoint) for its runs.
template <class Memory, class F>
void for_runs(const Memory& memory, std::size_t size, const F& f) {
  for (std::size_t first = 0; first < size; first += memory.run)
    f(memory.data + first / memory.run * memory.pitch, std::min(memory.run, size - first), first);
}

// Begins another part of a long sum.
template <class T>
void Adjoint<T>::collect() {
  const std::size_t size = shape_.elements();
  if (!own_.parts) own_.parts = std::make_unique<Parts<T>>(size);
  T* const part = own_.parts->part();
  for_runs(memory(), size, [&](T* x, std::size_t n, std::size_t first) {
    std::copy_n(x, n, part + first);
    std::fill_n(x, n, T(0));
  });
  own_.parts->fold();
  own_.terms = 0;
}

template <class T>
void Adjoint<T>::finish() {
  add_products();
  if (!own_.parts) return;
  collect();
  const T* const sum = own_.parts->sum();
  for_runs(memory(), shape_.elements(),
           [&](T* x, std::size_t n, std::size_t first) { std::copy_n(sum + first, n, x); });
  own_.parts.reset();
}

template <class T>
auto Adjoint<T>::columns() const -> Columns {
  const std::size_t size = shape_.elements(), all = part_ ? whole_.elements() : size;
  if (size == all) return {0, all, all};
  if (part_->run == part_->pitch) return {part_->offset, size, all};
  const bool every_row = part_->run > 0 && size / part_->run * part_->pitch == all;
  if (every_row && part_->offset + part_->run <= part_->pitch) return {part_->offset, part_->run, part_->pitch};
  return {0, 0, all};
}

// Zeros in columns of memory that is seen in rows.
template <class T>
void clear(Tensor<T>& memory, std::size_t pitch, std::size_t first, std::size_t last) {
  if (first < last)
    for (std::size_t row = 0; row < memory.size(); row += pitch)
      std::fill(memory.buffer.data() + row + first, memory.buffer.data() + row + last, T(0));
}

template <class T>
void Adjoint<T>::fill_untouched() {
  if (sum_.untouched) clear(*sum_.value.shared(), sum_.pitch, 0, std::exchange(sum_.untouched, 0));
}

// Rows are only kept while there is nothing else.
template <class T>
void Adjoint<T>::add_rows_kept() {
  if (deferred_->rows.empty()) return;
  sum_.value = zeros<T>(whole_);
  Tensor<T>& sum = *sum_.value.shared();
  scatter_into<T>(sum.buffer.data(), sum.run, sum.pitch, std::exchange(deferred_->rows, {}));
}

// Adds all that was kept for later.
template <class T>
void Adjoint<T>::add_deferred() {
  add_products();
  add_rows_kept();
}

template <class T>
Variable<T> Adjoint<T>::value() {
  settle();
  finish();
  if (!part_ || !sum_.value.has_value()) return sum_.value;
  const Variable<T> whole = contiguous(sum_.value);
  return Variable<T>(Shared<Tensor<T>>(
      new Tensor<T>(shape_, part_->run, part_->pitch, whole.tensor().buffer.share(part_->offset, shape_.elements()))));
}

template <class T>
auto Adjoint<T>::open(bool overwrites) -> Memory {
  settle();
  const Columns own = columns();
  if (!sum_.value.has_value()) {
    sum_.value = Variable<T>(Shared<Tensor<T>>(new Tensor<T>(part_ ? whole_ : shape_)));
    sum_.untouched = sum_.pitch = own.pitch;
  }
  const std::size_t end = own.first + own.count, rows = own.pitch ? sum_.value.size() / own.pitch : 0;
  if (overwrites && own.count > 0 && own.pitch == sum_.pitch && end <= sum_.untouched) {
    // A sweep comes by the last parts first.
    Tensor<T>& memory = *sum_.value.shared();
    clear(memory, own.pitch, end, std::exchange(sum_.untouched, own.first));
    return {memory.buffer.data() + own.first, own.count, rows == 1 ? own.count : own.pitch, true};
  }
  if (++own_.terms >= few) collect();
  return memory();
}

template <class T>
void Adjoint<T>::operator+=(const Variable<T>& x) {
  settle();
  if (Tape<T>::innermost()) {
    const bool larger = broadcast("adjoint", x.shape(), shape_) == x.shape();
    const Variable<T> term = larger ? sum_to(x, shape_) : broadcast_to(x, shape_);
    sum_.value = sum_.value.has_value() ? sum_.value + term : term;
  } else if (!sum_.value.has_value() && x.shape() == shape_ && !x.tensor().identity && !part_) {
    sum_.value = Variable<T>(x.shared());
  } else if (!sum_.value.has_value() && x.shape() == shape_ && !x.tensor().identity && x.tensor().contiguous() &&
             x.size() == whole_.elements()) {
    sum_.value = Variable<T>(Shared<Tensor<T>>(new Tensor<T>(whole_, x.tensor().buffer.share(0, x.size()))));
  } else {
    const Variable<T>* const operand = &x;
    accumulate<T>(*this, vector_loops<T>(functions::copy).value, &functions::copy, {&operand, 1});
  }
}

template <class T>
void Adjoint<T>::pass(Variable<T>& x, bool last) {
  if (last && takes_memory() && x.shape() == shape_ && !x.tensor().identity && !Tape<T>::innermost()) return take(x);
  settle();
  const Columns own = columns();
  const std::size_t all = whole_.elements(), end = own.first + own.count;
  const bool alone = !last && part_ && own.count > 0 && own.pitch == all && own.count < all &&
                     (!sum_.value.has_value() || (sum_.pitch == all && end <= sum_.untouched)) && x.shape() == shape_ &&
                     !Tape<T>::innermost();
  *this += x;
  if (!alone) return;
  x = Variable<T>(Shared<Tensor<T>>(new Tensor<T>(shape_, sum_.value.tensor().buffer.share(own.first, own.count))));
}

template class Adjoint<float>;
template class Adjoint<double>;

}  // namespace unroll

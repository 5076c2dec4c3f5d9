#include "adjoint.hpp"

#include <algorithm>

#include "kernels/kernels.hpp"

namespace unroll {

using namespace detail;

namespace {

// Zeros in the columns from one to another of memory that is seen in rows.
template <class T> void clear(Tensor<T>& memory, std::size_t pitch, std::size_t first, std::size_t last) {
  if (first < last)
    for (std::size_t row = 0; row < memory.size(); row += pitch)
      std::fill(memory.buffer.data() + row + first, memory.buffer.data() + row + last, T(0));
}

// Calls f(elements in memory, their number, the first of them in the array) for the runs of an array.
template <class T, class F> void for_runs(const View<T>& x, const F& f) {
  const std::size_t size = x.shape->elements();
  for (std::size_t first = 0; first < size; first += x.layout.run)
    f(x.data + x.layout.at(first), std::min(x.layout.run, size - first), first);
}

}  // namespace

template <class T> auto Adjoint<T>::columns() -> Columns {
  const std::size_t size = shape_.elements(), all = owner().shape_.elements();
  if (size == all) return {0, all, all};
  const auto& [whole, offset, layout] = *place_;
  if (layout.gapless()) return {offset, size, all};
  const bool every_row = layout.run > 0 && size / layout.run * layout.pitch == all;
  if (every_row && offset + layout.run <= layout.pitch) return {offset, layout.run, layout.pitch};
  return {0, 0, all};
}

template <class T> void Adjoint<T>::write_zeros() {
  Adjoint& all = owner();
  if (all.unwritten_) clear(*all.sum_.shared(), all.pitch_, 0, std::exchange(all.unwritten_, 0));
}

// All that it is of the memory, which nobody else has.
template <class T> View<T> Adjoint<T>::view() {
  write_zeros();
  Variable<T>& sum = owner().sum_;
  // An array with gaps may have been read: then it has a copy that would not change.
  if (!sum.tensor().unique() || !sum.tensor().gapless()) sum = copy_of(sum);
  Tensor<T>& tensor = *sum.shared();
  if (shape_.elements() == tensor.size()) return {tensor.buffer.data(), &shape_, tensor.layout};
  return {tensor.buffer.data() + place_->offset, &shape_, place_->layout};
}

// Begins another part of a long sum.
template <class T> void Adjoint<T>::fold() {
  if (!folded_) folded_ = std::make_unique<Parts<T>>(shape_.elements());
  T* const part = folded_->part();
  for_runs(view(), [&](T* x, std::size_t n, std::size_t first) {
    std::copy_n(x, n, part + first);
    std::fill_n(x, n, T(0));
  });
  folded_->fold();
  terms_ = 0;
}

template <class T> void Adjoint<T>::add_postponed() {
  for (auto terms = std::move(owner().postponed_); terms; terms = std::move(terms->others)) terms->add_to(owner());
}

// Puts all that was kept apart into the memory.
template <class T> void Adjoint<T>::unite() {
  settle();
  write_zeros();
  if (!folded_) return;
  fold();
  const T* const sum = folded_->sum();
  for_runs(view(), [&](T* x, std::size_t n, std::size_t first) { std::copy_n(sum + first, n, x); });
  folded_.reset();
}

template <class T> Variable<T> Adjoint<T>::value() {
  unite();
  if (!place_ || !owner().sum_.has_value()) return owner().sum_;
  const Variable<T> all = detach(owner().sum_);
  return Variable<T>(Shared<Tensor<T>>(
      new Tensor<T>(shape_, place_->layout, all.tensor().buffer.share(place_->offset, shape_.elements()))));
}

template <class T> auto Adjoint<T>::open(bool all_will_be_written) -> Memory {
  settle();
  Adjoint& all = owner();
  const Columns own = columns();
  if (!all.sum_.has_value()) {
    all.sum_ = Variable<T>(Shared<Tensor<T>>(new Tensor<T>(all.shape_)));
    all.unwritten_ = all.pitch_ = own.pitch;
  }
  const std::size_t end = own.first + own.count;
  if (all_will_be_written && own.count > 0 && own.pitch == all.pitch_ && end <= all.unwritten_) {
    // A sweep comes by the last parts first.
    Tensor<T>& memory = *all.sum_.shared();
    clear(memory, own.pitch, end, std::exchange(all.unwritten_, own.first));
    return {{memory.buffer.data() + own.first, &shape_, {shape_.elements(), own.count, own.pitch}}, true};
  }
  if (++terms_ >= few) fold();
  return {view(), false};
}

template <class T> void Adjoint<T>::operator+=(const Variable<T>& x) {
  settle();
  if (records()) {
    sum_ = recorded_sum(sum_, x, shape_);
    return;
  }
  Adjoint& all = owner();
  const bool first = !all.sum_.has_value() && x.shape() == shape_ && !x.tensor().parameter;
  if (first && !place_)
    sum_ = Variable<T>(x.shared());
  else if (first && x.tensor().gapless() && x.size() == all.shape_.elements())
    all.sum_ = Variable<T>(Shared<Tensor<T>>(new Tensor<T>(all.shape_, x.tensor().buffer.share(0, x.size()))));
  else {
    const Variable<T>* const operand = &x;
    add(vector_loops<T>(functions::copy).value, &functions::copy.value, {&operand, 1});
  }
}

template <class T> void Adjoint<T>::add(Loop<T> loop, const void* function, Handles<T> operands) {
  Inputs<T> in;
  for (const Variable<T>* operand : operands) in.views[in.count++] = operand->tensor().view();
  const bool dense = in.dense(shape_);
  if (dense && sweep_ == Sweep::frees && !keeps_next_ && !place_ && empty()) {
    for (const Variable<T>* operand : operands) {
      if (!operand->tensor().unique()) continue;
      run_dense(loop, function, shape_.elements(), in, operand->shared()->buffer.data(), Write::assign);
      sum_ = Variable<T>(operand->shared());
      return;
    }
  }
  const Shape shape = dense ? shape_ : broadcast("adjoint", in.common_shape("adjoint"), shape_);
  const Memory memory = open(shape == shape_);
  const Write write = memory.fresh ? Write::assign : Write::add;
  if (dense && memory.view.layout.gapless())
    run_dense(loop, function, shape_.elements(), in, memory.view.data, write);
  else
    traverse(shape, loop, function, in, memory.view, write);
}

template <class T> void Adjoint<T>::pass(Variable<T>& x) {
  const bool whole = x.shape() == shape_;
  if (!place_ && !keeps_next_ && sweep_ == Sweep::frees && whole && empty()) {
    sum_ = std::move(x);
    return;
  }
  if (!place_ || !keeps_next_ || !whole) return *this += x;
  settle();
  const Columns own = columns();
  const bool in_a_row = own.count > 0 && own.pitch == owner().shape_.elements() && own.count < own.pitch;
  const bool alone = in_a_row && (!owner().sum_.has_value() ||
                                  (owner().pitch_ == own.pitch && own.first + own.count <= owner().unwritten_));
  *this += x;
  if (alone)
    x = Variable<T>(Shared<Tensor<T>>(new Tensor<T>(shape_, owner().sum_.tensor().buffer.share(own.first, own.count))));
}

template class Adjoint<float>;
template class Adjoint<double>;

}  // namespace unroll

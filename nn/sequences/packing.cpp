#include "packing.hpp"

#include <algorithm>
#include <numeric>

#include "../../autograd/instantiate.hpp"

namespace unroll::nn {

Packing::Packing(std::size_t time, std::size_t batch, const std::optional<Indices>& lengths)
    : time_(time), batch_(batch) {
  if (lengths) {
    require(Shape(lengths->shape()) == Shape{batch}, "lengths", "shape ", Shape(lengths->shape()), " for a batch of ",
            batch, "; there must be one for each sequence");
    for (std::size_t k = 0; k < batch; ++k) {
      const std::int64_t length = lengths->flat(k);
      require(0 <= length && length <= static_cast<std::int64_t>(time), "lengths", "length ", length, " of sequence ",
              k, "; it must be between 0 and ", time);
      even_ &= length == static_cast<std::int64_t>(time);
    }
  }
  if (even_) {
    sizes_.assign(std::max<std::size_t>(time, 1), time ? batch : 0);
    rows_ = time * batch;
    return;
  }
  lengths_ = *lengths;
  std::vector<std::size_t> order(batch);
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lengths_(a) > lengths_(b); });
  std::vector<std::int64_t> rows;
  for (std::size_t t = 0; t < static_cast<std::size_t>(lengths_(order[0])); ++t) {
    const std::size_t before = rows.size();
    for (std::size_t k = 0; k < batch && lengths_(order[k]) > static_cast<std::int64_t>(t); ++k)
      rows.push_back(static_cast<std::int64_t>(t * batch + order[k]));
    sizes_.push_back(rows.size() - before);
  }
  if (sizes_.empty()) sizes_.push_back(0);
  rows_ = rows.size();
  rows_of_padded_ = indices(rows);
  order_ = inverse_ = indices(order);
  for (std::size_t k = 0; k < batch; ++k) inverse_(order[k]) = static_cast<std::int64_t>(k);
}

void Packing::require_not_moved() const {
  require(!sizes_.empty(), "packing", "it was moved from; use the one that it was moved to");
}

std::size_t Packing::length(std::size_t sequence) const {
  require_not_moved();
  return even_ ? time_ : static_cast<std::size_t>(lengths_(sequence));
}

template <class T> Variable<T> Packing::pack(const Variable<T>& x) const {
  require_not_moved();
  Shape shape = x.shape();
  shape.erase(0);
  shape[0] *= time_;
  const Variable<T> flat = reshape(x, shape);
  return even_ ? flat : take(flat, rows_of_padded_);
}

template <class T> Variable<T> Packing::unpack(const Variable<T>& x) const {
  require_not_moved();
  Shape shape = x.shape();
  shape[0] = batch_;
  shape.insert(0, time_);
  return reshape(even_ ? x : scatter(x, rows_of_padded_, time_ * batch_), shape);
}

template <class T> Variable<T> Packing::sort(const Variable<T>& x) const {
  require_not_moved();
  return even_ ? x : take(x, order_);
}

template <class T> Variable<T> Packing::unsort(const Variable<T>& x) const {
  require_not_moved();
  return even_ ? x : take(x, inverse_);
}

template <class T>
Variable<T> Packing::final_state(const std::vector<Variable<T>>& steps, const Variable<T>& start, bool reverse) const {
  std::vector<Variable<T>> parts;
  std::size_t ended = 0;
  const auto take_rows = [&](const Variable<T>& from, std::size_t end) {
    if (end > ended || parts.empty())
      parts.push_back(slice(from, 0, static_cast<std::int64_t>(ended), static_cast<std::int64_t>(end)));
    ended = std::max(ended, end);
  };
  for (std::size_t t = reverse ? std::min<std::size_t>(steps.size(), 1) : steps.size(); t-- > 0;)
    take_rows(steps[t], sizes_[t]);
  take_rows(start, batch_);
  return unsort(parts.size() == 1 ? parts[0] : concatenate(parts));
}

extern const auto packings = unroll::detail::for_float_and_double([]<class T>() {
  return std::tuple(&Packing::pack<T>, &Packing::unpack<T>, &Packing::sort<T>, &Packing::unsort<T>,
                    &Packing::final_state<T>);
});

}  // namespace unroll::nn

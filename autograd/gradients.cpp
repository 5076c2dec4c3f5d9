#include "gradients.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "adjoint.hpp"

namespace unroll {

using namespace detail;

namespace {

template <class T> Rows<T> rows_of(const typename Gradients<T>::Entry& entry) {
  return {entry.gradient, std::make_shared<Indices>(entry.rows)};
}

}  // namespace

template <class T> void Gradients<T>::add(const Variable<T>& of, Adjoint<T>& adjoint) {
  if (const auto rows = adjoint.rows()) {
    entries_.push_back({of, rows->values, true, *rows->indices});
    return;
  }
  const Variable<T> g = adjoint.finish();
  entries_.push_back({of, g.has_value() ? g : zeros<T>(of.shape()), g.has_value()});
}

template <class T> Variable<T> Gradients<T>::whole(const Entry& entry) const {
  if (!entry.of_rows()) return entry.gradient;
  const Variable<T> all = zeros<T>(entry.of.shape());
  const Rows<T> rows = rows_of<T>(entry);
  add_rows<T>(all.shared()->place(), {&rows, 1});
  return all;
}

template <class T> auto Gradients<T>::find(const Variable<T>& x) const -> const Entry* {
  for (const Entry& entry : entries_) {
    const bool same = x.tensor().parameter ? entry.of.shared().get() == x.shared().get()
                                           : x.slot().tape && entry.of.slot().tape == x.slot().tape &&
                                                 entry.of.slot().index == x.slot().index;
    if (same) return &entry;
  }
  return nullptr;
}

template <class T> const Array<T>& Gradients<T>::operator[](const Variable<T>& x) const& {
  const Entry* entry = find(x);
  if (!entry && x.tensor().parameter)
    fail("gradients", "parameter '", x.tensor().parameter->name, "' was not recorded",
         x.tensor().parameter->frozen ? ": it is frozen" : "; ask contains() first");
  require(entry, "gradients", "the handle is no parameter and was not watched by the tape of this sweep");
  if (!entry->of_rows()) return entry->gradient.value();
  static std::mutex mutex;  // several threads may read the same gradients
  const std::lock_guard lock(mutex);
  Variable<T>& all = const_cast<Entry*>(entry)->all_rows;
  if (!all.has_value()) all = whole(*entry);
  return all.value();
}

template <class T> bool Gradients<T>::contains(const Variable<T>& x) const {
  const Entry* entry = find(x);
  return entry && entry->reached;
}

template <class T> Gradients<T>& Gradients<T>::operator+=(const Gradients& other) {
  for (const Entry& entry : other.entries_) {
    Entry* const mine = const_cast<Entry*>(find(entry.of));
    if (!mine) {
      entries_.push_back(entry);
    } else if (mine->of_rows() && entry.of_rows()) {
      const Rows<T> both[] = {rows_of<T>(*mine), rows_of<T>(entry)};
      const Shape& shape = mine->of.shape();
      const Rows<T> sum = sum_of_rows<T>(Shape(shape.begin() + 1, shape.end()), both);
      *mine = {mine->of, sum.values, true, *sum.indices};
    } else {
      Adjoint<T> sum(mine->of.shape());
      sum += whole(*mine);
      sum += other.whole(entry);
      *mine = {mine->of, sum.finish(), mine->reached || entry.reached};
    }
  }
  return *this;
}

template <class T> Gradients<T>& Gradients<T>::operator*=(double factor) {
  require(std::abs(factor) <= std::numeric_limits<T>::max(), "gradients", "a factor of ", factor,
          "; it must be finite");
  transform([factor](const Variable<T>& g) {
    const Variable<T> scaled = copy_of(g);
    for (T& x : scaled.shared()->buffer) x *= T(factor);
    return scaled;
  });
  return *this;
}

template <class T> double Gradients<T>::norm() const {
  using Limits = std::numeric_limits<double>;
  const auto sum_of_squares = [&](const auto& scaled) {
    double sum = 0;
    for (const Entry& entry : entries_)
      for (const T g : entry.gradient.value()) sum += scaled(g) * scaled(g);
    return sum;
  };
  const double plain = sum_of_squares([](double g) { return g; });
  // Some squares of a smaller sum may have been lost.
  if (Limits::min() / (Limits::epsilon() * Limits::epsilon()) < plain && plain <= Limits::max())
    return std::sqrt(plain);
  double largest = 0;
  for (const Entry& entry : entries_)
    for (const T g : entry.gradient.value()) largest = std::max(largest, std::abs(double(g)));
  if (!(0 < largest && largest <= Limits::max())) return std::sqrt(plain);
  const double scale = std::ldexp(1.0, std::ilogb(largest));
  return scale * std::sqrt(sum_of_squares([scale](double g) { return g / scale; }));
}

template class Gradients<float>;
template class Gradients<double>;

}  // namespace unroll

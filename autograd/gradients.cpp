#include "gradients.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "operations/ops.hpp"
#include "operations/parts.hpp"
#include "tape.hpp"

namespace unroll {

namespace {

// The gradient of a table that has only the rows that were taken, each once and in order.
template <class T>
typename Gradients<T>::Entry of_rows(const Variable<T>& of, const std::vector<RowTerm<T>>& terms) {
  std::vector<std::int64_t> taken;
  for (const RowTerm<T>& term : terms) taken.insert(taken.end(), term.indices->begin(), term.indices->end());
  std::sort(taken.begin(), taken.end());
  taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
  Shape shape = of.shape();
  shape[0] = taken.size();
  const Variable<T> sum = zeros<T>(shape);
  std::vector<RowTerm<T>> packed;
  for (const RowTerm<T>& term : terms) {
    const auto places = std::make_shared<Indices>(*term.indices);
    for (std::int64_t& index : *places) index = std::lower_bound(taken.begin(), taken.end(), index) - taken.begin();
    packed.push_back({term.x, places});
  }
  scatter_into<T>(sum.shared()->buffer.data(), sum.tensor().run, sum.tensor().pitch, packed);
  Indices rows = Indices::from_shape({taken.size()});
  std::copy(taken.begin(), taken.end(), rows.begin());
  return {of, sum, true, std::move(rows)};
}

}  // namespace

template <class T>
void Gradients<T>::add(const Leaf<T>& leaf) {
  if (!leaf.reported) return;
  const bool reached = leaf.adjoint.value.has_value();
  if (leaf.deferred.rows.empty())
    entries_.push_back({leaf.handle, reached ? leaf.adjoint.value : zeros<T>(leaf.shape), reached});
  else
    entries_.push_back(of_rows(leaf.handle, leaf.deferred.rows));
}

template <class T>
Variable<T> Gradients<T>::whole(const Entry& entry) const {
  return entry.of_rows() ? scatter(entry.gradient, entry.rows, entry.of.shape()[0]) : entry.gradient;
}

template <class T>
auto Gradients<T>::find(const Variable<T>& x) const -> const Entry* {
  for (const Entry& entry : entries_) {
    const bool same = x.tensor().identity ? entry.of.shared().get() == x.shared().get()
                                          : x.slot().tape && entry.of.slot().tape == x.slot().tape &&
                                                entry.of.slot().index == x.slot().index;
    if (same) return &entry;
  }
  return nullptr;
}

template <class T>
const Array<T>& Gradients<T>::operator[](const Variable<T>& x) const& {
  const Entry* entry = find(x);
  if (!entry && x.tensor().identity)
    fail("gradients", "parameter '", x.tensor().identity->name, "' was not recorded",
         x.tensor().identity->frozen ? ": it is frozen" : "; ask contains() first");
  require(entry, "gradients", "the handle is no parameter and was not watched by the tape of this sweep");
  if (!entry->of_rows()) return entry->gradient.value();
  static std::mutex mutex;  // several threads may read the same gradients
  const std::lock_guard lock(mutex);
  Variable<T>& all = const_cast<Entry*>(entry)->all_rows;
  if (!all.has_value()) all = whole(*entry);
  return all.value();
}

template <class T>
bool Gradients<T>::contains(const Variable<T>& x) const {
  const Entry* entry = find(x);
  return entry && entry->reached;
}

template <class T>
Gradients<T>& Gradients<T>::operator+=(const Gradients& other) {
  for (const Entry& entry : other.entries_) {
    Entry* const mine = const_cast<Entry*>(find(entry.of));
    const auto term = [](const Entry& of) { return RowTerm<T>{of.gradient, std::make_shared<Indices>(of.rows)}; };
    if (!mine)
      entries_.push_back(entry);
    else if (mine->of_rows() && entry.of_rows())
      *mine = of_rows<T>(mine->of, {term(*mine), term(entry)});
    else
      *mine = {mine->of, whole(*mine) + other.whole(entry), mine->reached || entry.reached};
  }
  return *this;
}

template <class T>
Gradients<T>& Gradients<T>::operator*=(double factor) {
  require(std::abs(factor) <= std::numeric_limits<T>::max(), "gradients", "a factor of ", factor,
          "; it must be finite");
  transform([factor](const Variable<T>& g) { return g * factor; });
  return *this;
}

template <class T>
double Gradients<T>::norm() const {
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

#include "gradients.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>
#include <mutex>
#include <numeric>

#include "adjoint.hpp"
#include "operations/ops.hpp"

namespace unroll {

using namespace detail;

namespace {

template <class T> Rows<T> rows_of(const typename Gradients<T>::Entry& entry) {
  return {entry.gradient, std::make_shared<Indices>(entry.rows)};
}

// The bits of a parameter's first byte in an outline.
constexpr std::uint8_t recorded = 1, reached = 2, complete = 4;

// A scalar is one row.
std::size_t count_of_rows(const Shape& shape) { return shape.empty() ? 1 : shape[0]; }

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
  transform([factor](const Variable<T>& g) { return g * factor; });
  return *this;
}

template <class T> std::vector<std::uint8_t> Gradients<T>::outline(const std::vector<Parameter<T>>& parameters) const {
  std::vector<std::uint8_t> outline;
  std::size_t found = 0;
  for (const Parameter<T>& p : parameters) {
    const Entry* const entry = find(p);
    const bool of_rows = entry && entry->of_rows();
    outline.push_back(!entry ? 0 : recorded | (entry->reached ? reached : 0) | (of_rows ? 0 : complete));
    const std::size_t first = outline.size();
    outline.resize(first + count_of_rows(p.shape()), entry && !of_rows);
    for (std::size_t k = 0; of_rows && k < entry->rows.size(); ++k) outline[first + std::size_t(entry->rows(k))] = 1;
    found += entry != nullptr;
  }
  require(found == entries_.size(), "flat gradients", found, " of ", entries_.size(), " gradients are by one of the ",
          parameters.size(), " parameters; all must be");
  return outline;
}

template <class T>
Gradients<T> Gradients<T>::nothing(const std::vector<Parameter<T>>& parameters, std::span<const std::uint8_t> outline) {
  std::size_t size = parameters.size();
  for (const Parameter<T>& p : parameters) size += count_of_rows(p.shape());
  require(outline.size() == size, "flat gradients", "an outline of ", outline.size(), " bytes; ", parameters.size(),
          " such parameters have ", size);
  Gradients gradients;
  auto byte = outline.begin();
  for (const Parameter<T>& p : parameters) {
    const std::uint8_t bits = *byte++;
    Shape shape = p.shape();
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < count_of_rows(p.shape()); ++row)
      if (*byte++) rows.push_back(row);
    if (!(bits & recorded)) continue;
    const bool of_rows = !(bits & complete) && !shape.empty();
    if (of_rows) shape[0] = rows.size();
    gradients.entries_.push_back({p, full<T>(shape, T(-0.0)), (bits & reached) != 0});
    if (of_rows) gradients.entries_.back().rows = indices(rows);
  }
  return gradients;
}

template <class T>
Variable<T> Gradients<T>::flat(const std::vector<Parameter<T>>& parameters,
                               std::span<const std::uint8_t> outline) const {
  const Gradients all = nothing(parameters, outline) += *this;
  require(std::ranges::equal(all.outline(parameters), outline), "flat gradients",
          "an outline that lacks a part of them; join it with that of these gradients");
  std::vector<Variable<T>> parts{zeros<T>({0})};
  for (const Entry& entry : all.entries_) parts.push_back(reshape(entry.gradient, {-1}));
  return concatenate(parts);
}

template <class T>
Gradients<T> Gradients<T>::from_flat(const std::vector<Parameter<T>>& parameters, std::span<const std::uint8_t> outline,
                                     const Variable<T>& flat) {
  const Scope scope("flat gradients");
  Gradients gradients = nothing(parameters, outline);
  std::vector<std::size_t> sizes;
  for (const Entry& entry : gradients.entries_) sizes.push_back(entry.gradient.size());
  const std::vector<Variable<T>> parts = split(detach(flat), sizes, 0);
  for (std::size_t k = 0; k < parts.size(); ++k) {
    Variable<T>& gradient = gradients.entries_[k].gradient;
    gradient = reshape(parts[k], gradient.shape());
  }
  return gradients;
}

template <class T> double Gradients<T>::norm() const {
  using Limits = std::numeric_limits<double>;
  const auto sum_of_squares = [&](const auto& scaled) {
    std::vector<double> sums(entries_.size());  // added by size, so that their order on a tape does not matter
    for (std::size_t k = 0; k < sums.size(); ++k)
      for (const T g : entries_[k].gradient.value()) sums[k] += scaled(g) * scaled(g);
    std::sort(sums.begin(), sums.end(), [](double a, double b) { return std::strong_order(a, b) < 0; });  // NaN too
    return std::accumulate(sums.begin(), sums.end(), 0.0);
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

#include "gradients.hpp"

#include <cmath>

#include "ops.hpp"
#include "tape.hpp"

namespace unroll {

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
const Array<T>& Gradients<T>::operator[](const Variable<T>& x) const {
  const Entry* entry = find(x);
  if (!entry && x.tensor().identity)
    fail("gradients", "parameter '", x.tensor().identity->name, "' was not recorded",
         x.tensor().identity->frozen ? ": it is frozen" : "; ask contains() first");
  require(entry, "gradients", "the handle is no parameter and was not watched by the tape of this sweep");
  return entry->gradient.value();
}

template <class T>
bool Gradients<T>::contains(const Variable<T>& x) const {
  const Entry* entry = find(x);
  return entry && entry->reached;
}

template <class T>
Gradients<T>& Gradients<T>::operator+=(const Gradients& other) {
  for (const Entry& entry : other.entries_) {
    if (Entry* mine = const_cast<Entry*>(find(entry.of))) {
      mine->gradient = mine->gradient + entry.gradient;
      mine->reached |= entry.reached;
    } else {
      entries_.push_back(entry);
    }
  }
  return *this;
}

template <class T>
Gradients<T>& Gradients<T>::operator*=(double factor) {
  transform([factor](const Variable<T>& g) { return g * factor; });
  return *this;
}

template <class T>
double Gradients<T>::norm() const {
  double squares = 0;
  for (const Entry& entry : entries_)
    for (const T g : entry.gradient.value()) squares += double(g) * double(g);
  return std::sqrt(squares);
}

template class Gradients<float>;
template class Gradients<double>;

}  // namespace unroll

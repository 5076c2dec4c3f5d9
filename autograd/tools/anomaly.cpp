#include "anomaly.hpp"

#include <algorithm>
#include <cmath>

#include "../tape.hpp"

namespace unroll {

namespace {

// "nan at (0, 2)", or nothing if there is no anomaly.
template <class T> std::string first_anomaly(const Variable<T>& x, const AnomalyOptions& counts) {
  const auto& elements = x.value().storage();
  const auto bad = std::find_if(elements.begin(), elements.end(), [&](T element) {
    if (std::isnan(element)) return counts.nan;
    return std::isinf(element) && (element > 0 ? counts.infinity : counts.minus_infinity);
  });
  if (bad == elements.end()) return {};
  const T unsigned_nan = std::isnan(*bad) ? std::abs(*bad) : *bad;
  return detail::text_of(unsigned_nan, " at ", x.shape().position(static_cast<std::size_t>(bad - elements.begin())));
}

}  // namespace

template <class T> void AnomalyMode<T>::recorded(const Node<T>& node, const Variable<T>& result) {
  const std::string found = first_anomaly(result, options_);
  if (found.empty()) return;
  Tape<T>& tape = *Tape<T>::innermost();
  std::string operands;
  for (const auto [k, rule] : node.operands())
    operands +=
        (operands.empty() ? "" : ", ") + (k == Node<T>::constant ? "a constant" : detail::text_of(tape.node(k).shape));
  const std::string name = node.name;
  const Shape shape = node.shape;
  tape.roll_back(tape.size() - 1);
  fail(name, "the result of shape ", shape, " holds ", found, ", from ", operands, "; it must be finite");
}

template <class T> void AnomalyMode<T>::pulled(const Node<T>& node, std::size_t operand, Adjoint<T>& into) {
  const std::string found = first_anomaly(into.value(), {options_.nan, options_.infinity, options_.infinity});
  if (found.empty()) return;
  fail(node.name, "the gradient by operand ", operand, " of shape ", into.shape(), " holds ", found,
       "; it must be finite (recorded in ", node.path ? node.path->text() : "no scope", ")");
}

template class AnomalyMode<float>;
template class AnomalyMode<double>;

}  // namespace unroll

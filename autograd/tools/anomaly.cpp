#include "anomaly.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

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
  std::ostringstream text;
  if (std::isnan(*bad))
    text << "nan";
  else
    text << *bad;
  text << " at " << x.shape().position(static_cast<std::size_t>(bad - elements.begin()));
  return text.str();
}

}  // namespace

template <class T> void AnomalyMode<T>::recorded(const Node<T>& node, const Variable<T>& result) {
  const std::string found = first_anomaly(result, options_);
  if (found.empty()) return;
  Tape<T>& tape = *Tape<T>::innermost();
  std::ostringstream text;
  for (const std::uint32_t operand : node.operands) {
    text << (text.tellp() ? ", " : "");
    if (operand == Node<T>::constant)
      text << "a constant";
    else
      text << tape.node(operand).shape;
  }
  const std::string name = node.name;
  const Shape shape = node.shape;
  tape.roll_back(tape.size() - 1);
  fail(name, "the result of shape ", shape, " holds ", found, ", from ", text.str(), "; it must be finite");
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

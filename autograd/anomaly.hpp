#pragma once

#include "observer.hpp"

namespace unroll {

/// While it lives, the first operation of this thread whose result, or whose rule in a backward sweep, is not finite
/// throws. The Error has its name, the shapes, the first bad index, and the scopes in which it was recorded.
template <class T>
class AnomalyMode final : public Observer<T> {
 private:
  void recorded(const Node<T>& node, const Variable<T>& result) override;
  void pulled(const Node<T>& node, std::size_t operand, Adjoint<T>& into) override;
};

}  // namespace unroll

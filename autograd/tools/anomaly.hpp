#pragma once

#include "../observer.hpp"

namespace UNROLL_PUBLIC unroll {

/// What counts as an anomaly.
struct AnomalyOptions {
  bool nan = true;              ///< not a number
  bool infinity = true;         ///< +∞, as of what overflows
  bool minus_infinity = false;  ///< −∞ masks attention, and what a CRF must not do; in a gradient it counts as +∞ does
};

/// While it lives, the first operation of this thread whose result, or whose rule in a backward sweep, holds an anomaly
/// throws. The Error has its name, the shapes, the first bad index, and the scopes in which it was recorded.
template <class T> class AnomalyMode final : public Observer<T> {
 public:
  /// From here on, until it goes out of scope.
  explicit AnomalyMode(const AnomalyOptions& options = {}) : options_(options) {}

 private:
  void recorded(const Node<T>& node, const Variable<T>& result) override;
  void pulled(const Node<T>& node, std::size_t operand, Adjoint<T>& into) override;

  AnomalyOptions options_;
};

}  // namespace unroll

#include "clipping.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "../../autograd/instantiate.hpp"
#include "../../autograd/operations/ops.hpp"

namespace unroll::nn {

template <class T> void require_finite(const char* where, const Gradients<T>& gradients) {
  for (const auto& entry : gradients.entries()) {
    const auto& g = entry.gradient.value().storage();
    const auto odd = [](T x) { return !(std::abs(x) <= std::numeric_limits<T>::max()); };
    std::uint32_t any = 0;
    for (const T x : g) any |= odd(x);  // unlike a search, this is vectorised
    if (!any) continue;
    const T* const bad = std::find_if(g.begin(), g.end(), odd);
    const auto& parameter = entry.of.tensor().parameter;
    fail(where, "the gradient of ", parameter ? "'" + parameter->name + "'" : "a watched variable", " holds ", *bad,
         "; it must be finite");
  }
}

template <class T> double clip_norm(Gradients<T>& gradients, double most) {
  require(most >= 0, "clip_norm", "a limit of ", most, "; it must be 0 or more");
  const double norm = gradients.norm();
  if (!std::isfinite(norm)) require_finite("clip_norm", gradients);
  require(std::isfinite(norm), "clip_norm", "the norm of finite gradients is larger than a double can be");
  if (norm <= most) return norm;
  // As PyTorch, but near the limit for a small norm too.
  const double divisor = norm + 1e-6 * std::min(norm, 1.0), factor = most / divisor;
  if (most == 0 || factor >= std::numeric_limits<T>::min()) {
    gradients *= factor;
  } else {
    // What is too small for T is the square of what is not.
    const double root = std::sqrt(most) / std::sqrt(divisor);
    (gradients *= root) *= root;
  }
  return norm;
}

template <class T> void clip_value(Gradients<T>& gradients, double limit) {
  require(limit >= 0, "clip_value", "a limit of ", limit, "; it must be 0 or more");
  require_finite("clip_value", gradients);
  gradients.transform([limit](const Variable<T>& g) { return clamp(g, -limit, limit); });
}

extern const auto clippings = unroll::detail::for_float_and_double(
    []<class T>() { return std::tuple(&clip_norm<T>, &clip_value<T>, &require_finite<T>); });

}  // namespace unroll::nn

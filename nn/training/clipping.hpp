#pragma once

#include "../../autograd/gradients.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Scales the gradients so that their norm, over all of them, is at most this; returns the norm before.
/// A norm that is not finite is an Error that names a parameter, and nothing changes; so is a limit below 0. Pascanu et
/// al. (2013)
template <class T> double clip_norm(Gradients<T>& gradients, double most);

/// Moves every element of the gradients into [−limit, limit]. One that is not finite is an Error that names its
/// parameter, and nothing changes; so is a limit below 0.
template <class T> void clip_value(Gradients<T>& gradients, double limit);

/// Throws an Error that names the parameter if a gradient is not finite.
template <class T> void require_finite(const char* where, const Gradients<T>& gradients);

}  // namespace nn
}  // namespace unroll

#pragma once

#include "../autograd/array.hpp"
#include "../autograd/random.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// U(−1/√fan_in, 1/√fan_in), as PyTorch's Linear and recurrent layers do; throws where fan_in is 0.
template <class T> Array<T> uniform_by_fan_in(const Shape& shape, std::size_t fan_in, Random& random);

/// U(−a, a) with a = √(6 / (fan_in + fan_out)) for a matrix of shape (fan_out, fan_in): Glorot and Bengio (2010),
/// eq. 16. Throws unless the shape is a matrix's.
template <class T> Array<T> glorot_uniform(const Shape& shape, Random& random);

/// A matrix with orthonormal rows or columns, whichever are fewer, uniformly distributed: Saxe et al. (2014).
/// Throws unless the shape is a matrix's.
template <class T> Array<T> orthogonal(const Shape& shape, Random& random);

}  // namespace nn
}  // namespace unroll

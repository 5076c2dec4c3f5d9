#include "initialisers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "../autograd/instantiate.hpp"

namespace unroll::nn {

namespace {

void require_matrix(const char* where, const Shape& shape) {
  require(shape.size() == 2, where, "shape ", shape, "; it must be that of a matrix");
}

}  // namespace

template <class T> Array<T> uniform_by_fan_in(const Shape& shape, std::size_t fan_in, Random& random) {
  require(fan_in > 0, "uniform_by_fan_in", "a fan-in of 0; it must be positive");
  const double bound = 1 / std::sqrt(double(fan_in));
  return random.uniform<T>(shape, -bound, bound);
}

template <class T> Array<T> glorot_uniform(const Shape& shape, Random& random) {
  require_matrix("glorot_uniform", shape);
  const double bound = std::sqrt(6 / std::max(double(shape[0]) + double(shape[1]), 1.0));
  return random.uniform<T>(shape, -bound, bound);
}

template <class T> Array<T> orthogonal(const Shape& shape, Random& random) {
  require_matrix("orthogonal", shape);
  const std::size_t count = std::min(shape[0], shape[1]), size = std::max(shape[0], shape[1]);
  std::vector<std::vector<double>> vectors;
  while (vectors.size() < count) {
    std::vector<double> v(size);
    for (double& x : v) x = random.normal();
    // Gram and Schmidt's process, twice, since once leaves a remainder of the size of the rounding errors before it.
    for (int round = 0; round < 2; ++round) {
      for (const auto& u : vectors) {
        const double projection = std::inner_product(u.begin(), u.end(), v.begin(), 0.0);
        for (std::size_t k = 0; k < size; ++k) v[k] -= projection * u[k];
      }
    }
    const double norm = std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
    if (norm == 0) continue;
    for (double& x : v) x /= norm;
    vectors.push_back(std::move(v));
  }
  Array<T> result = uninitialised<T>(shape);
  for (std::size_t i = 0; i < shape[0]; ++i)
    for (std::size_t j = 0; j < shape[1]; ++j)
      result(i, j) = static_cast<T>(shape[0] <= shape[1] ? vectors[i][j] : vectors[j][i]);
  return result;
}

extern const auto initialisers = unroll::detail::for_float_and_double(
    []<class T>() { return std::tuple(&uniform_by_fan_in<T>, &glorot_uniform<T>, &orthogonal<T>); });

}  // namespace unroll::nn

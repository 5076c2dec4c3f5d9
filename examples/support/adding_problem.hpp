#pragma once

#include <unroll/nn/nn.hpp>

/// The adding problem: of numbers in [0, 1] one in each half is marked, and the sum of these two is wanted at the end.
/// Hochreiter and Schmidhuber (1997), in the form of Arjovsky et al. (2016)
template <class T>
struct AddingProblem {
  unroll::Array<T> x;       ///< (time, batch, 2), a number and its mark
  unroll::Array<T> target;  ///< (batch, 1)

  AddingProblem(std::size_t time, std::size_t batch, unroll::Random& random)
      : x(unroll::zeros<T>({time, batch, 2}).value()), target(unroll::zeros<T>({batch, 1}).value()) {
    for (std::size_t k = 0; k < batch; ++k) {
      for (std::size_t t = 0; t < time; ++t) x(t, k, 0) = T(random.uniform());
      for (const std::size_t t : {random.below(time / 2), time / 2 + random.below(time - time / 2)}) {
        x(t, k, 1) = 1;
        target(k, 0) += x(t, k, 0);
      }
    }
  }
};

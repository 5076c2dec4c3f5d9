// What every model that a user writes must pass.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <unroll/nn/nn.hpp>

namespace unroll {

// The model's derivatives agree with differences to second order, and it gives the same in float.
template <template <class> class Model, class... Sizes, class Loss> void check(const Loss& loss, Sizes... sizes) {
  Random random(5);
  const Model<double> model(sizes..., random);
  const auto report = gradient_check([&] { return loss(model); }, model.parameters(), {.order = 2});
  CHECK_MESSAGE(report, report);
  Model<float> single(sizes..., random);
  single.copy_from(model);
  Tape<float> tape;
  const auto in_float = loss(single);
  CHECK(std::abs(in_float.item() - loss(model).item()) < 1e-5 * (1 + std::abs(in_float.item())));
  CHECK(tape.backward(in_float).norm() > 0);
}

}  // namespace unroll

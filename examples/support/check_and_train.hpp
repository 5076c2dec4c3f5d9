#pragma once

#include <iostream>
#include <string>
#include <unroll/nn/nn.hpp>

#include "command_line.hpp"

namespace unroll::examples {

/// The program of a model in which something is one's own: checks the derivatives of a small one in double, to second
/// order, and trains a larger one in float. A Model<T>(hidden, random) has draw(size, random), which makes a batch,
/// loss(batch), the text found(batch), and the sizes of batches for the check and for tests.
template <template <class> class Model>
int check_and_train(int argc, char** argv, const std::string& program, const std::string& description) {
  CommandLine line(program, description);
  std::size_t steps = 1000;
  std::uint64_t seed = 1;
  line.add("--steps", steps, "batches to train on", natural);
  line.add("--seed", seed, "of all random numbers", seed_number);
  return line.run(argc, argv, [&] {
    std::cout << "seed " << seed << std::endl;
    Random random(seed);
    const Model<double> exact(3, random);
    const auto checked = exact.draw(exact.checked, random);
    const auto report = gradient_check([&] { return exact.loss(checked); }, exact, {.order = 2});
    std::cout << report << '\n';
    require(bool(report), program, "the derivatives are wrong");

    random = Random(seed);
    const Model<float> model(16, random);
    nn::Adam<float> optimizer(model.parameters());
    const auto test = model.draw(model.tested, random);
    for (std::size_t step = 0;; ++step) {
      if (step % 200 == 0 || step == steps) std::cout << "step " << step << ": " << model.found(test) << std::endl;
      if (step == steps) break;
      const auto batch = model.draw(32, random);
      optimizer.learning_rate = 1e-2 * (1 - double(step) / double(steps));
      Tape<float> tape;
      auto gradients = tape.backward(model.loss(batch));
      nn::clip_norm(gradients, 1.0);
      optimizer.step(gradients);
    }
  });
}

}  // namespace unroll::examples

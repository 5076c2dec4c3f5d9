// A model with Variables as its parameters, layers that run step by step, and what is drawn from the stream of a tape.
#include <iostream>
#include <unroll/nn/nn.hpp>
#include <vector>

using namespace unroll;

bool learning() {
  Random random(9);
  const nn::LSTM<float> encoder({.input = 2, .hidden = 3, .layers = 2}, random),
      decoder({.input = 3, .hidden = 3}, random);
  nn::LSTM<float>::Steps step = encoder.steps();
  Random draws(10);
  Tape<float> tape(draws);
  Variable<float> x = zeros<float>({4, 2});
  x += normal_like(x, 0, 1);
  x *= uniform_like(x, -1, 1) + bernoulli(full<float>({4, 2}, 0.5f));
  x -= sign(x), x /= 2;
  Variable<float> h = step(x);
  h = step(squeeze(unsqueeze(select(unsqueeze(x, 0), 0, -1) + h[0][0], -1), -1) + swap_axes(transpose(x), 0, 1));
  const std::optional<nn::LSTM<float>::State> state = step.state;
  const Indices words = categorical(h), rows = take(indices({1, 0}, {2, 1}), indices(std::vector{0, 1}));
  const Variable<float> shares = masked_softmax(h, xt::ones<float>({3})), products = cumulative_prod(shares);
  const Indices least = argmin(products);

  const std::vector<Parameter<float>> all = nn::parameters(encoder, decoder);
  std::vector<Variable<float>> weights;
  for (const Parameter<float>& parameter : encoder.parameters()) weights.push_back(2 * parameter);
  const nn::LSTM<float> other = nn::with(encoder, weights);
  const Variable<float> y = mean(other(unsqueeze(x, 0), {}, state).output);
  const bool constant = [&] {
    const Pause<float> pause;
    return (y + 1).slot().tape == 0;
  }();
  const Gradients<float> gradients = tape.backward(y + sum(products));
  nn::Adam<float>(all).step(gradients);
  nn::Average<float>(all).update();
  std::cout << gradients[all[0]] << words << rows << least << '\n';
  return constant && gradients.contains(all[0]) && words.size() == 4 && rows(0, 0) == 1;
}

// first: an LSTM learns to count, and its derivatives are held against finite differences
#include <iostream>
#include <unroll/nn/nn.hpp>
using namespace unroll;

template <class T> struct Counter : nn::Module<T> {
  nn::LSTM<T> lstm;
  nn::Linear<T> count;

  Counter(std::size_t hidden, Random& random)
      : lstm({.input = 1, .hidden = hidden, .layers = 2}, random), count({.input = hidden, .output = 1}, random) {
    this->add("lstm", lstm);
    this->add("count", count);
  }
  Variable<T> operator()(const Variable<T>& x) const { return count(lstm(x).output); }
};

int main() {
  Random random(1);
  Counter<float> model(16, random);
  nn::Adam<float> optimizer(model.parameters(), {.learning_rate = 3e-3});
  std::cout.precision(2);
  for (int step = 0; step <= 160; ++step) {
    const Array<float> x = xt::round(random.uniform<float>({12, 32, 1}));  // time, batch, features
    const Array<float> ones = xt::cumsum(x, 0);                            // so far

    Tape<float> tape;  // records from here on
    const Variable<float> loss = nn::mean_squared_error(model(x), ones);
    Gradients<float> gradients = tape.backward(loss);  // backpropagation through time
    nn::clip_norm(gradients, 1.0);
    optimizer.step(gradients);
    if (step % 40 == 0) std::cout << "step " << step << ": loss " << loss.item() << '\n';
  }

  const Counter<double> small(3, random);
  const Variable<double> x = random.uniform<double>({5, 2, 1});
  const auto report = gradient_check([&] { return mean(square(small(x))); }, small, {.order = 2});
  std::cout << report.entries << (report ? " derivatives agree" : " derivatives differ") << '\n';
}

// rnn_by_hand: the network of the textbook, h = g(U h + W x), y = f(V h), from Variables alone; it learns to spell
#include <iostream>
#include <string>
#include <unroll/autograd/autograd.hpp>
using namespace unroll;

const std::string text = "the same weights at every step, unrolled over time. ", letters = "adeghilmnoprstuvwy ,.";

struct Network {  // as in the textbook without biases: the column of a letter in W is as good as one
  Random random{1};
  Parameter<float> W{random.normal<float>({32, letters.size()}, 0, 0.3)};   // [hidden, letters]
  Parameter<float> U{random.normal<float>({32, 32}, 0, 0.18)};              // [hidden, hidden]
  Parameter<float> V{random.normal<float>({letters.size(), 32}, 0, 0.18)};  // [letters, hidden]
};

/// The probabilities of the letter after each of x, which are the numbers of letters.
std::vector<Variable<float>> forward(const Network& network, const std::vector<std::size_t>& x) {
  std::vector<Variable<float>> y;
  Variable<float> h = zeros<float>({32});  // h₀ ← 0
  for (const std::size_t x_i : x) {        // for i ← 1 to n
    const Array<float> one_hot = xt::equal(xt::arange(letters.size()), x_i);
    h = tanh(matmul(network.U, h) + matmul(network.W, one_hot));  //   hᵢ ← g(U hᵢ₋₁ + W xᵢ)
    y.push_back(softmax(matmul(network.V, h)));                   //   yᵢ ← f(V hᵢ)
  }
  return y;
}

int main() {
  Network network;
  std::vector<std::size_t> x;
  for (const char letter : text) x.push_back(letters.find(letter));
  for (int step = 0; step <= 100; ++step) {
    Tape<float> tape;
    const auto y = forward(network, x);
    Variable<float> loss = 0.f;
    for (std::size_t i = 0; i + 1 < x.size(); ++i) loss = loss - log(slice(y[i], 0, int(x[i + 1]), int(x[i + 1] + 1)));
    const Gradients<float> gradients = tape.backward(loss);  // backpropagation through time
    for (Parameter<float>* w : {&network.W, &network.U, &network.V}) w->assign(w->value() - 0.01f * gradients[*w]);
    if (step % 25 != 0) continue;
    std::cout << "step " << step << ", loss " << loss.item() << ": ";
    for (const auto& y_i : y) std::cout << letters[std::size_t(argmax(y_i)())];
    std::cout << '\n';
  }
}

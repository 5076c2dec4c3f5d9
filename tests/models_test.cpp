// Models as a user writes them, from public names alone: each does what it must, has the derivatives that differences
// have, to second order, and runs in float.
#include "models.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

/// softmax(Q Kᵀ / √size) V over each memory's true length: Vaswani et al. (2017), eq. 1. Padding may hold anything.
template <class T> struct Attention : nn::Module<T> {
  nn::Linear<T> queries, keys, values;

  Attention(std::size_t size, Random& random)
      : queries({.input = size, .output = size}, random),
        keys({.input = size, .output = size, .bias = false}, random),
        values({.input = size, .output = size}, random) {
    this->add("queries", queries);
    this->add("keys", keys);
    this->add("values", values);
  }
  /// shapes: (batch, n, size), (batch, m, size), (batch,) → (batch, n, size)
  Variable<T> operator()(const Variable<T>& x, const Variable<T>& memory, const Indices& lengths) const {
    const std::size_t batch = memory.shape()[0], m = memory.shape()[1], size = memory.shape()[2];
    const Variable<T> inside = xt::arange<T>(T(m)) < reshape(Variable<T>(lengths), {batch, 1, 1});
    const auto known = where(transpose(inside, {0, 2, 1}), memory, 0);
    const auto scores = matmul(queries(x), keys(known), {.b = true}) / std::sqrt(double(size));
    return matmul(softmax(where(inside, scores, -std::numeric_limits<T>::infinity())), values(known));
  }
};

/// The child-sum Tree-LSTM: Tai et al. (2015), eq. 2 to 8
/// i, o = σ(W x + U Σh + b),  u = tanh(W x + U Σh + b),  f of a child = σ(W x + U h + b),  both sums over the children
/// c' = i ⊙ u + Σ f ⊙ c,  h' = o ⊙ tanh(c')
template <class T> struct TreeLSTM : nn::Module<T> {
  nn::Linear<T> input, forget, gates;  // of i, o, u and f; of f; of i, o, u

  TreeLSTM(std::size_t size, std::size_t hidden, Random& random)
      : input({.input = size, .output = 4 * hidden}, random),
        forget({.input = hidden, .output = hidden, .bias = false}, random),
        gates({.input = hidden, .output = 3 * hidden, .bias = false}, random) {
    this->add("input", input);
    this->add("forget", forget);
    this->add("gates", gates);
  }
  /// x (nodes, size), of each node its parent, which comes later; the root comes last → h (nodes, hidden)
  Variable<T> operator()(const Variable<T>& x, const std::vector<std::size_t>& parents) const {
    const auto projected = unstack(input(x));
    const auto zero = zeros<T>({forget.weight.shape()[0]});
    std::vector<Variable<T>> h(projected.size()), h_below(h.size(), zero), c_below(h.size(), zero);
    for (std::size_t node = 0; node < h.size(); ++node) {
      const auto [i, o, u] = split<3>(gates(h_below[node]));
      const auto [x_i, x_o, x_u, x_f] = split<4>(projected[node]);
      const auto c = sigmoid(x_i + i) * tanh(x_u + u) + c_below[node];
      h[node] = sigmoid(x_o + o) * tanh(c);
      if (node + 1 == h.size()) break;
      const std::size_t parent = parents[node];
      const auto f = sigmoid(split<4>(projected[parent])[3] + forget(h[node]));
      h_below[parent] = h_below[parent] + h[node];
      c_below[parent] = c_below[parent] + f * c;
    }
    return stack(h);
  }
};

/// A neural ODE: Chen et al. (2018).    dx/dt = V tanh(W x + b) + a
template <class T> struct Field : nn::Module<T> {
  nn::Linear<T> inner, outer;

  Field(std::size_t size, std::size_t hidden, Random& random)
      : inner({.input = size, .output = hidden}, random), outer({.input = hidden, .output = size}, random) {
    this->add("inner", inner);
    this->add("outer", outer);
  }
  Variable<T> operator()(const Variable<T>& x) const { return outer(tanh(inner(x))); }
};

/// x at time 1 from x at time 0
template <class F, class T> Variable<T> euler(const F& f, Variable<T> x, int steps) {
  for (int k = 0; k < steps; ++k) x = x + f(x) / steps;
  return x;
}

/// Kutta (1901), of order 4
template <class F, class T> Variable<T> runge_kutta(const F& f, Variable<T> x, int steps) {
  const double dt = 1.0 / steps;
  for (int k = 0; k < steps; ++k) {
    const auto a = f(x), b = f(x + dt / 2 * a), c = f(x + dt / 2 * b), d = f(x + dt * c);
    x = x + dt / 6 * (a + 2 * b + 2 * c + d);
  }
  return x;
}

/// A mixture density network's loss: Bishop (1994).    −ln Σₖ πₖ N(y; μₖ, σₖ² I), the mean over the batch
template <class T> struct MixtureHead : nn::Module<T> {
  nn::Linear<T> weights, means, scales;

  MixtureHead(std::size_t input, std::size_t components, std::size_t output, Random& random)
      : weights({.input = input, .output = components}, random),
        means({.input = input, .output = components * output}, random),
        scales({.input = input, .output = components}, random) {
    this->add("weights", weights);
    this->add("means", means);
    this->add("scales", scales);
  }
  /// shapes: (batch, input), (batch, output) → ()
  Variable<T> operator()(const Variable<T>& x, const Variable<T>& y) const {
    const std::size_t batch = y.shape()[0], output = y.shape()[1];
    const auto mu = reshape(means(x), {batch, -1, output});
    const auto log_sigma = scales(x);
    const auto distance = sum(square(reshape(y, {batch, 1, output}) - mu), -1);
    const auto log_normal =
        -distance / (2 * exp(2 * log_sigma)) - double(output) * (log_sigma + std::log(2 * std::numbers::pi) / 2);
    return -mean(logsumexp(log_softmax(weights(x)) + log_normal, -1));
  }
};

}  // namespace

TEST_CASE("a user's attention layer looks at each sequence's own keys alone") {
  const Indices lengths{4, 1, 2};
  Array<double> memory = Random(2).normal<double>({3, 4, 2});
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t t = std::size_t(lengths(k)); t < 4; ++t) memory(k, t, 0) = memory(k, t, 1) = not_a_number;
  const auto run = [&]<class T>(const Attention<T>& attention) {
    return weighted(attention(Variable<T>(numbers({3, 3, 2}, 1)), memory, lengths));
  };
  check<Attention>(run, std::size_t{2});

  Random random(5);
  const Attention<double> attention(2, random);
  const V x = numbers({3, 3, 2}, 1), together = attention(x, memory, lengths);
  for (std::int64_t k = 0; k < 3; ++k) {
    const auto alone = slice(slice(Variable<double>(memory), 0, k, k + 1), 1, 0, lengths(std::size_t(k)));
    const Indices length{lengths(std::size_t(k))};
    CHECK(difference(slice(together, 0, k, k + 1), attention(slice(x, 0, k, k + 1), alone, length)) < 1e-14);
  }
}

TEST_CASE("a user's Tree-LSTM over a chain is an LSTM") {
  const std::vector<std::size_t> tree{2, 2, 5, 4, 5};
  const auto run = [&]<class T>(const TreeLSTM<T>& model) {
    return weighted(model(Variable<T>(numbers({6, 2}, 1)), tree));
  };
  check<TreeLSTM>(run, std::size_t{2}, std::size_t{3});

  Random random(5);
  const TreeLSTM<double> model(2, 3, random);
  const nn::LSTM<double> lstm({.input = 2, .hidden = 3}, random);
  const auto in_order = [](const Variable<double>& i, const auto& f, const auto& g, const auto& o) {
    return concatenate({i, f, g, o}).value();
  };
  const auto [x_i, x_o, x_u, x_f] = split<4>(model.input.weight, 0);
  const auto [b_i, b_o, b_u, b_f] = split<4>(model.input.bias);
  const auto [h_i, h_o, h_u] = split<3>(model.gates.weight, 0);
  for (auto [name, parameter] : lstm.named_parameters())
    parameter.assign(name == "weight_ih_l0"   ? in_order(x_i, x_f, x_u, x_o)
                     : name == "weight_hh_l0" ? in_order(h_i, Variable<double>(model.forget.weight), h_u, h_o)
                     : name == "bias_ih_l0"   ? in_order(b_i, b_f, b_u, b_o)
                                              : zeros<double>({12}).value());
  const V x = numbers({5, 2}, 1);
  CHECK(difference(model(x, {1, 2, 3, 4}), reshape(lstm(reshape(x, {5, 1, 2})).output, {5, 3})) < 1e-14);
}

TEST_CASE("a user's neural ODE converges as its method must") {
  const auto by_euler = []<class T>(const Field<T>& field) {
    return weighted(euler(field, Variable<T>(numbers({3, 2}, 1)), 4));
  };
  const auto by_runge_kutta = []<class T>(const Field<T>& field) {
    return weighted(runge_kutta(field, Variable<T>(numbers({3, 2}, 1)), 2));
  };
  check<Field>(by_euler, std::size_t{2}, std::size_t{3});
  check<Field>(by_runge_kutta, std::size_t{2}, std::size_t{3});

  // Twice as many steps: half the error, and a sixteenth.
  Random random(5);
  const Field<double> field(2, 3, random);
  const V x = numbers({3, 2}, 1), exact = runge_kutta(field, x, 512);
  CHECK(difference(euler(field, x, 64), exact) / difference(euler(field, x, 128), exact) ==
        doctest::Approx(2).epsilon(0.05));
  CHECK(difference(runge_kutta(field, x, 8), exact) / difference(runge_kutta(field, x, 16), exact) ==
        doctest::Approx(16).epsilon(0.1));
}

TEST_CASE("a user's mixture density network gives the density that its formula gives") {
  const auto run = []<class T>(const MixtureHead<T>& head) {
    return head(Variable<T>(numbers({4, 3}, 1)), Variable<T>(numbers({4, 2}, 2)));
  };
  check<MixtureHead>(run, std::size_t{3}, std::size_t{2}, std::size_t{2});

  Random random(5);
  const MixtureHead<double> head(3, 2, 2, random);
  const V x = numbers({4, 3}, 1), y = numbers({4, 2}, 2);
  const Array<double> a = head.weights(x).value(), mu = head.means(x).value(), s = head.scales(x).value();
  double expected = 0;
  for (std::size_t n = 0; n < 4; ++n) {
    double density = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      const double pi = std::exp(a(n, k)) / (std::exp(a(n, 0)) + std::exp(a(n, 1))), sigma = std::exp(s(n, k));
      const double far = std::hypot(y.value()(n, 0) - mu(n, 2 * k), y.value()(n, 1) - mu(n, 2 * k + 1)) / sigma;
      density += pi * std::exp(-far * far / 2) / (2 * std::numbers::pi * sigma * sigma);
    }
    expected -= std::log(density) / 4;
  }
  CHECK(head(x, y).item() == doctest::Approx(expected).epsilon(1e-13));
}

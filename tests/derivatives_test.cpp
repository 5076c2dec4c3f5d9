// Jacobians, Hessians and their products with vectors.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

TEST_CASE("the Jacobian of a function has the shape of the function, then that of its argument") {
  const A w = numbers({4, 3}, 1), x = numbers({2, 3}, 2);
  const A j = jacobian([&](const V& v) { return tanh(linear(v, V(w))); }, x);
  CHECK(Shape(j.shape()) == Shape{2, 4, 2, 3});
  const A y = tanh(linear(V(x), V(w))).value();
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t k = 0; k < 4; ++k)
      for (std::size_t l = 0; l < 2; ++l)
        for (std::size_t m = 0; m < 3; ++m)
          CHECK(j(i, k, l, m) == doctest::Approx(i == l ? (1 - y(i, k) * y(i, k)) * w(k, m) : 0).epsilon(1e-13));
  CHECK(jacobian([](const V& v) { return sum(v); }, x) == A(xt::ones<double>({2, 3})));
  CHECK(jacobian([](const V&) { return V(A{1, 2}); }, x) == A(xt::zeros<double>({2, 2, 3})));
  CHECK(Shape(jacobian([](const V& v) { return slice(v, 0, 0, 0); }, x).shape()) == Shape{0, 3, 2, 3});
}

TEST_CASE("products with the Jacobian and the Hessian agree with the matrices") {
  const A x = numbers({3}, 3), v = numbers({3}, 4);
  const auto f = [](const auto& z) { return exp(z * z) * sum(sin(z)); };
  CHECK(difference(jacobian_vector(f, x, v), sum(V(jacobian(f, x)) * v, 1).value()) < 1e-13);
  const auto g = [&](const auto& z) { return sum(f(z)) + prod(z); };
  const A h = hessian(g, x);
  CHECK(difference(h, A(xt::transpose(h))) < 1e-13);
  CHECK(difference(hessian_vector(g, x, v), matmul(V(h), V(v)).value()) < 1e-13);
  CHECK(hessian([](const V& z) { return sum(z * z); }, A{1, 2}) == A{{2, 0}, {0, 2}});
  CHECK(hessian([](const V& z) { return sum(z); }, A{1, 2}) == A{{0, 0}, {0, 0}});
  CHECK(hessian([](const V&) { return V(1); }, A{1, 2}) == A{{0, 0}, {0, 0}});
  const Array<float> single = jacobian([](const auto& z) { return z * z; }, Array<float>{1, 2});
  CHECK(single == Array<float>{{2, 0}, {0, 4}});
}

TEST_CASE("functions of several arrays have a block for each, and each pair") {
  const std::vector<A> xs{numbers({2}, 5), numbers({3}, 6)}, vs{numbers({2}, 7), numbers({3}, 8)};
  const auto f = [](const std::vector<V>& z) { return sum(exp(z[0])) * sum(tanh(z[1])) + sum(z[0]); };
  const auto blocks = hessian(f, xs);
  CHECK(Shape(blocks[0][1].shape()) == Shape{2, 3});
  CHECK(difference(blocks[0][1], A(xt::transpose(blocks[1][0]))) < 1e-14);
  const auto products = hessian_vector(f, xs, vs);
  for (std::size_t i = 0; i < 2; ++i) {
    const V expected = matmul(V(blocks[i][0]), V(vs[0])) + matmul(V(blocks[i][1]), V(vs[1]));
    CHECK(difference(products[i], expected.value()) < 1e-13);
  }
  const auto rows = jacobian(f, xs);
  const V along = sum(V(rows[0]) * vs[0]) + sum(V(rows[1]) * vs[1]);
  CHECK(difference(jacobian_vector(f, xs, vs), along.value()) < 1e-13);
}

TEST_CASE("the Hessian of a model's loss times a vector agrees with differences of its gradient") {
  Random random(9);
  const nn::GRU<double> model({.input = 2, .hidden = 3, .bidirectional = true}, random);
  const A x = numbers({4, 2, 2}, 10);
  const auto loss = [&] { return sum(square(model(V(x)).output)); };
  std::vector<A> vs;
  for (const auto& parameter : model.parameters()) vs.push_back(random.normal<double>(parameter.shape()));
  const auto products = hessian_vector(loss, model.parameters(), vs);
  const double h = 1e-5;
  const auto gradients_at = [&](double step) {
    nn::GRU<double> moved = nn::clone(model);
    for (std::size_t k = 0; k < vs.size(); ++k) {
      auto parameter = moved.parameters()[k];
      parameter.assign(parameter.value() + step * vs[k]);
    }
    Tape<double> tape;
    const auto gradients = tape.backward(sum(square(moved(V(x)).output)));
    std::vector<A> result;
    for (const auto& parameter : moved.parameters()) result.push_back(gradients[parameter]);
    return result;
  };
  const auto up = gradients_at(h), down = gradients_at(-h);
  for (std::size_t k = 0; k < vs.size(); ++k) CHECK(difference(products[k], A((up[k] - down[k]) / (2 * h))) < 1e-8);
}

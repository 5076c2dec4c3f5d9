// Every public name of the engine, as a program outside the project would use it.
#include <cmath>
#include <iostream>
#include <type_traits>
#include <unroll/autograd/autograd.hpp>

using namespace unroll;

namespace {

template <class T> Variable<T> cube(const Variable<T>& x) {
  return elementwise<keep::first>(
      "cube", x, [](const auto& a) { return a * a * a; }, [](const auto& g, const auto& a) { return 3 * g * a * a; });
}

template <class T> Variable<T> inner(const Variable<T>& a, const Variable<T>& b) {
  return primitive(
      "inner", {a, b}, matmul(detach(a), detach(b)), [b](const Variable<T>& g) { return g * b; },
      [a](const Variable<T>& g) { return g * a; });
}

static_assert(std::is_base_of_v<Variable<float>, Parameter<float>>);
static_assert(std::is_same_v<decltype(std::declval<const Variable<double>&>().value()), const Array<double>&>);
static_assert(
    std::is_same_v<decltype(std::declval<Tape<float>&>().backward(std::declval<Variable<float>>())), Gradients<float>>);
static_assert(std::is_same_v<decltype(std::declval<Tape<float>&>().gradient(
                                 std::declval<Variable<float>>(), std::declval<std::vector<Parameter<float>>>())),
                             std::vector<Variable<float>>>);

}  // namespace

bool engine() {
  Random random(7);
  const Array<double> array = random.split().normal<double>({2, 3}, 0, 1);
  const Indices indices{0, 1, 1};
  Parameter<double> weight(Array<double>{{1, 2, 3}, {4, 5, 6}}, "weight");
  weight.assign(Array<double>(weight.value() * 0.1));
  weight.freeze();
  weight.freeze(false);

  const Scope scope("engine");
  Tape<double> tape(random);
  const Variable<double> x = tape.watch(array);
  const Variable<double> y = tanh(x * weight + 1.0) - xt::exp(array) / (2 + sigmoid(x));
  const Variable<double> z = where(y > 0, relu(y), -y) + exp(log(square(y) + 1)) * array;
  const Variable<double> shaped = concatenate({reshape(z, {3, 2}), transpose(z), flip(transpose(z), 0)}, 1);
  const Variable<double> taken =
      take(shaped, indices) + take_along(shaped, Indices{{0, 1, 2, 3, 4, 5}, {0, 0, 0, 0, 0, 0}, {5, 5, 5, 5, 5, 5}});
  const auto [left, right] = split<2>(taken);
  const Variable<double> rows =
      stack(unstack(left)) + slice(right, -1, -3, 3) + broadcast_to(Variable<double>(1), {3, 3});
  const Variable<double> reduced =
      sum(softmax(rows) + log_softmax(rows), -1) + mean(rows, {0}) + max(rows, 0) + logsumexp(rows, 1);
  const Variable<double> loss =
      sum(cube(reduced)) + inner(reduced, reduced) +
      sum(matmul(x, weight, {.b = true}) + linear(x, weight, Variable<double>(Array<double>{1, 2})));

  const std::vector<Variable<double>> slopes = tape.gradient(loss, {x, weight});
  const std::vector<Variable<double>> curvature = tape.gradient(slopes[0], {x}, Variable<double>(array));
  Gradients<double> gradients = tape.backward(loss);
  gradients += gradients;
  gradients *= 0.5;
  const bool same = std::abs(gradients[weight](1, 2) - slopes[1].value()(1, 2)) < 1e-9 && gradients.contains(x);

  const GradientReport report = gradient_check(
      [](const std::vector<Variable<double>>& in) { return sum(cube(in[0]) * in[0]); }, {array}, {.order = 2});
  std::cout << report << '\n' << curvature[0] << '\n' << loss.item() << ' ' << gradients.norm() << '\n';
  try {
    matmul(Variable<float>(Array<float>{{1, 2}}), Variable<float>(Array<float>{{1, 2}}));
  } catch (const Error& error) {
    std::cout << error.what() << '\n';
    return same && bool(report) && version() == UNROLL_VERSION;
  }
  return false;
}

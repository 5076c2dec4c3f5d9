// Norms and clipping are right where the squares of elements are no numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// norm(x) of 3 s and 4 s in two columns, its gradient, and that of the square of its gradient's first column.
template <class T> void check_norm(T s) {
  CAPTURE(s);
  const T tolerance = 8 * std::numeric_limits<T>::epsilon();
  Tape<T> tape;
  const Variable<T> x = tape.watch(Variable<T>(Array<T>{{3 * s, 1}, {4 * s, 0}}));
  const Variable<T> y = norm(x, 0);
  CHECK(y.value()(0) == doctest::Approx(double(5 * s)).epsilon(tolerance));
  CHECK(y.value()(1) == 1);
  const Variable<T> g = tape.gradient(sum(y), {x})[0];
  CHECK(g.value()(0, 0) == doctest::Approx(0.6).epsilon(tolerance));
  CHECK(g.value()(1, 0) == doctest::Approx(0.8).epsilon(tolerance));
  // ∂(x / y)₀ / ∂x = (e₀ − g₀ g) / y, here times y
  const Variable<T> second = tape.gradient(sum(slice(slice(g, 1, 0, 1), 0, 0, 1)) * (5 * s), {x})[0];
  CHECK(double(second.value()(0, 0)) == doctest::Approx(0.64).epsilon(tolerance));
  CHECK(double(second.value()(1, 0)) == doctest::Approx(-0.48).epsilon(tolerance));
}

template <class T> void check_no_norms() {
  constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const Array<T> y =
      norm(Variable<T>(Array<T>{{0, 0}, {1, infinity}, {-infinity, 0}, {nan, 1}, {infinity, nan}}), 1).value();
  CHECK(y(0) == 0);
  CHECK(y(1) == infinity);
  CHECK(y(2) == infinity);
  CHECK(std::isnan(y(3)));
  CHECK(std::isnan(y(4)));
  Tape<T> tape;
  const Variable<T> x = tape.watch(Variable<T>(Array<T>{0, 0})), g = tape.gradient(norm(x), {x})[0];
  CHECK(g.value() == Array<T>{0, 0});
  CHECK(tape.gradient(sum(g), {x})[0].value() == Array<T>{0, 0});
}

// Gradients of two parameters, 3 s and 4 s.
template <class T> struct Sloped {
  Parameter<T> a{Array<T>{1}, "a"}, b{Array<T>{1}, "b"};
  Gradients<T> gradients;

  explicit Sloped(T s) {
    Tape<T> tape;
    gradients = tape.backward(sum(a * (3 * s)) + sum(b * (4 * s)));
  }
};

template <class T> void check_clip(T s, double most) {
  CAPTURE(s);
  CAPTURE(most);
  Sloped<T> of(s);
  CHECK(nn::clip_norm(of.gradients, most) == doctest::Approx(5 * double(s)).epsilon(1e-6).scale(0));
  const double expected = std::min(most, 5 * double(s));
  // PyTorch's clip_grad_norm_ is that much below the limit.
  CHECK(double(of.gradients[of.a](0)) == doctest::Approx(0.6 * expected).epsilon(2e-6).scale(0));
  CHECK(double(of.gradients[of.b](0)) == doctest::Approx(0.8 * expected).epsilon(2e-6).scale(0));
}

}  // namespace

TEST_CASE("a norm is right wherever it is a number, and so are its derivatives") {
  for (const double s : {1.0, 1e-3, 1e150, 1e200, 3e307, 1e-150, 1e-200, 1e-300}) check_norm<double>(s);
  for (const float s : {1.f, 1e-3f, 1e18f, 1e22f, 5e37f, 1e-15f, 1e-23f, 1e-36f}) check_norm<float>(s);
  CHECK(norm(Variable<float>(Array<float>{3e-44f, 4e-44f})).item() == doctest::Approx(5e-44).epsilon(0.03));
  CHECK(norm(Variable<double>(Array<double>{5e-324})).item() == 5e-324);
  check_no_norms<double>();
  check_no_norms<float>();
}

TEST_CASE("clip_norm keeps its limit for gradients and limits of any size") {
  for (const double most : {1e-200, 1e-8, 1e-3, 1.0, 1e5, 1e250})
    for (const double s : {1e-300, 1e-200, 1e-9, 1e-3, 1.0, 1e9, 1e200, 3e307}) check_clip<double>(s, most);
  for (const double most : {1e-30, 1e-8, 1e-3, 1.0, 1e5, 1e30})
    for (const float s : {1e-36f, 1e-23f, 1e-9f, 1e-3f, 1.f, 1e9f, 1e22f, 5e37f}) check_clip<float>(s, most);
  Sloped<float> none(1);
  nn::clip_norm(none.gradients, 0);
  CHECK(none.gradients[none.a](0) == 0);
  Sloped<double> much(3.5e307);
  CHECK(much.gradients.norm() == doctest::Approx(1.75e308));
  Sloped<double> more(4.4e307);
  CHECK(error_of([&] { nn::clip_norm(more.gradients, 1); }) ==
        "clip_norm: the norm of finite gradients is larger than a double can be");
}

TEST_CASE("clip_norm agrees with PyTorch's to the last digits") {
  Sloped<double> of(1);
  nn::clip_norm(of.gradients, 0.5);
  CHECK(of.gradients[of.a](0) == doctest::Approx(3 * 0.5 / (5 + 1e-6)).epsilon(1e-14));
}

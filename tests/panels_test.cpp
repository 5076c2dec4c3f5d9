// Products that read a weight's panels agree with sums written out, for every size at which the kernels change.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <unroll/autograd/autograd.hpp>
#include <unroll/autograd/kernels/panels.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// start + a b, element by element, in double; b may be given transposed.
template <class T>
Array<double> written_out(const Array<T>& a, const Array<T>& b, bool transposed, const Array<T>& start) {
  const std::size_t m = a.shape()[0], k = a.shape()[1], n = b.shape()[transposed ? 0 : 1];
  Array<double> c = Array<double>::from_shape({m, n});
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = start.dimension() == 1 ? double(start(j)) : double(start(i, j));
      for (std::size_t l = 0; l < k; ++l) sum += double(a(i, l)) * double(transposed ? b(j, l) : b(l, j));
      c(i, j) = sum;
    }
  return c;
}

// What rounding may do to a sum of so many products of normal numbers.
template <class T> double rounding(std::size_t k) {
  return double(std::max<std::size_t>(k, 100)) * double(std::numeric_limits<T>::epsilon());
}

constexpr std::size_t columns[] = {1, 3, 4, 8, 9, 15, 16, 17, 31, 32, 33, 70}, depths[] = {0, 1, 5, 1024, 1030};

}  // namespace

TEST_CASE_TEMPLATE("a weight that is used again and again gives the same products", T, float, double) {
  const RepeatedProducts repeated;
  for (const std::size_t m : {2, 5, 6, 7, 8, 9, 17})
    for (const std::size_t n : columns)
      for (const std::size_t k : depths) {
        if (k > 5 && m != 9) continue;
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        const double tolerance = rounding<T>(k);
        const Array<T> a = numbers<T>({m, k}, 1), b = numbers<T>({k, n}, 2), none = xt::zeros<T>({n});
        const Parameter<T> weight(b), turned(Array<T>(xt::transpose(b)));
        const Array<double> expected = written_out<T>(a, b, false, none);
        CHECK(difference(matmul<T>(a, weight).value(), expected) <= tolerance);
        CHECK(difference(matmul<T>(a, turned, {.b = true}).value(), expected) <= tolerance);
        for (const Shape& shape : {Shape{n}, Shape{m, n}, Shape{1}}) {
          const Array<T> bias = numbers<T>(shape, 3);
          const Variable<T> spread = broadcast_to<T>(bias, {m, n});
          CHECK(difference(linear<T>(a, turned, bias).value(), written_out<T>(a, b, false, spread.value())) <=
                tolerance);
        }
      }
}

TEST_CASE_TEMPLATE("many rows read panels that are made for them alone", T, float, double) {
  for (const std::size_t n : columns) {
    const Array<T> a = numbers<T>({300, 7}, 1), b = numbers<T>({n, 7}, 2), bias = numbers<T>({n}, 3);
    const Parameter<T> weight(b);
    CHECK(difference(linear<T>(a, weight, bias).value(), written_out<T>(a, b, true, bias)) <= rounding<T>(7));
  }
}

TEST_CASE("every size of vector registers has its kernels") {
  const Array<double> a = numbers<double>({9, 6}, 1), b = numbers<double>({6, 11}, 2), none = xt::zeros<double>({11});
  const detail::PanelKernels<double>& kernels = detail::panel_kernels_for<double, 16>();
  Array<double> panels = xt::zeros<double>({6 * 12}), c = xt::zeros<double>({9, 11});
  kernels.pack({b.data(), 6, 11, 11}, panels.data());
  kernels.multiply({{a.data(), 9, 6, 6}, panels.data(), {}, {c.data(), 9, 11, 11}});
  CHECK(difference(c, written_out<double>(a, b, false, none)) <= 1e-14);
}

TEST_CASE("rows with gaps and columns of a larger array are multiplied where they are") {
  const RepeatedProducts repeated;
  const Variable<double> wide = numbers<double>({5, 9}, 1);
  const Parameter<double> weight(numbers<double>({4, 33}, 2));
  const Variable<double> part = slice(wide, 1, 2, 6);
  const Array<double> none = xt::zeros<double>({33});
  CHECK(difference(matmul(part, weight).value(), written_out<double>(part.value(), weight.value(), false, none)) <=
        1e-14);
}

TEST_CASE("a parameter that was assigned or updated is multiplied by as it is now") {
  const RepeatedProducts repeated;
  const Array<double> a = numbers<double>({3, 4}, 1), none = xt::zeros<double>({6});
  Parameter<double> weight(numbers<double>({4, 6}, 2));
  const auto right = [&] {
    return difference(matmul<double>(a, weight).value(), written_out<double>(a, weight.value(), false, none)) <= 1e-14;
  };
  CHECK(right());
  weight.assign(numbers<double>({4, 6}, 3));
  CHECK(right());
  weight.update([](std::span<double> x) { x[0] = 7; });
  CHECK(right());
}

TEST_CASE("gradients through panels agree with finite differences, to second order") {
  const RepeatedProducts repeated;
  const Parameter<double> x(numbers<double>({3, 5}, 1), "x"), w(numbers<double>({7, 5}, 2), "w"),
      u(numbers<double>({7, 7}, 3), "u"), b(numbers<double>({7}, 4), "b");
  const auto f = [&] {
    Variable<double> h = tanh(linear<double>(x, w, b));
    for (int t = 0; t < 3; ++t) h = tanh(matmul<double>(h, u) + linear<double>(x, w));
    return sum(h * numbers<double>({3, 7}, 5));
  };
  const auto report = gradient_check(f, {x, w, u, b}, {.order = 2});
  CAPTURE(report);
  CHECK(report);
}

TEST_CASE("what is repeated is so in its scope alone") {
  CHECK(!RepeatedProducts::here());
  {
    const RepeatedProducts outer;
    { const RepeatedProducts inner; }
    CHECK(RepeatedProducts::here());
  }
  CHECK(!RepeatedProducts::here());
}

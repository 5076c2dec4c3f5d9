// What tapes, variables, parameters and gradients promise.
#include <doctest/doctest.h>

#include <cmath>
#include <optional>
#include <sstream>
#include <thread>
#include <unroll/autograd/autograd.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// The gradient of weighted f(x) by both sweeps, which must agree.
template <class F> A gradient_of(const F& f, const A& x) {
  Tape<double> tape;
  const V watched = tape.watch(x), loss = weighted(f(watched));
  const V recorded = tape.gradient(loss, {watched})[0];
  const auto gradients = tape.backward(loss);
  CHECK(difference(gradients[watched], recorded.value()) <= 1e-13);
  return gradients[watched];
}

template <class F> void check_derivatives(const F& f, const std::vector<A>& inputs) {
  const auto report = gradient_check([&](const Many& x) { return weighted(f(x)); }, inputs, {.order = 2});
  CHECK_MESSAGE(report, report);
}

}  // namespace

TEST_CASE("a tape records until it goes out of scope; without one nothing is recorded") {
  CHECK(Tape<double>::innermost() == nullptr);
  const V before = exp(V(1));
  std::optional<Tape<double>> tape(std::in_place);
  CHECK(Tape<double>::innermost() == &*tape);
  CHECK(Tape<float>::innermost() == nullptr);
  const V x = tape->watch(3);
  exp(before) * 2 + before;
  CHECK(tape->size() == 1);
  const V y = x * before;
  CHECK(tape->size() == 2);
  tape.reset();
  CHECK(Tape<double>::innermost() == nullptr);
  CHECK(y.item() == doctest::Approx(3 * std::exp(1)));
}

TEST_CASE("a scope may be open longer than the tapes in it") {
  std::optional<Tape<double>> tape(std::in_place);
  const Parameter<double> p(A(2.), "p");
  CHECK_THROWS_AS(
      [&] {
        const Scope scope("outer");
        p * 2;
        tape.reset();
        tape.emplace();
        p * 2 * 3;
        throw Error("enough");
      }(),
      Error);
  CHECK(tape->size() == 3);  // recorded on a tape that the scope does not know
}

TEST_CASE("a handle outlives its tape, as a constant to every other tape") {
  V state = 1;
  const Parameter<double> p(A(2.), "p");
  std::vector<double> derivatives;
  for (int window = 0; window < 3; ++window) {  // truncated backpropagation through time
    Tape<double> tape;
    for (int step = 0; step < 2; ++step) state = state * p;
    derivatives.push_back(tape.backward(state)[p]());
    CHECK(state.item() == std::pow(4, window + 1));
  }
  CHECK(derivatives == std::vector<double>{4, 16, 64});
}

TEST_CASE("the first value that a tape takes back is a constant, as those after it are") {
  Tape<double> tape;
  const V x = tape.watch(2.), lost = x * 5;
  tape.roll_back(1);
  const V y = x * x;  // stands where `lost` stood
  CHECK(tape.gradient(y + lost, {x})[0].item() == 4);
}

TEST_CASE("gradients are a value") {
  const Parameter<double> p(A{1., 2.}, "p"), q(A{3., 4.}, "q"), frozen(A{5., 6.}, "frozen"), other(A{7.}, "other");
  Parameter<double>(frozen).freeze();
  const auto sweep = [&](bool with_q) {
    Tape<double> tape;
    const V unused = q * 2, y = sum(p * p * frozen);
    return tape.backward(with_q ? y + weighted(unused) : y);
  };
  Gradients<double> g = sweep(false);
  CHECK(g[p] == A{10., 24.});
  CHECK(g[q] == A{0., 0.});
  CHECK(g.contains(p));
  CHECK(!g.contains(q));
  CHECK(!g.contains(frozen));
  CHECK(!g.contains(other));
  CHECK(g.norm() == 26);
  const Gradients<double> copy = g;
  g += g;
  CHECK(g[p] == A{20., 48.});
  CHECK(copy[p] == A{10., 24.});
  g *= 0.5;
  g += sweep(true);
  CHECK(g[p] == A{20., 48.});
  CHECK(g.contains(q));
  CHECK(difference(g[q], 2 * numbers({2}, 99)) == 0);

  Tape<double> tape;
  const V x = tape.watch(3.);
  auto of_x = tape.backward(x * x);
  of_x += copy;
  CHECK(of_x[x] == A(6.));
  CHECK(of_x[p] == copy[p]);
  CHECK(Gradients<double>().norm() == 0);
}

TEST_CASE("a parameter that is frozen after its recording still has a gradient there") {
  Parameter<double> p(A(3.), "p");
  Tape<double> tape;
  const V y = p * p;
  p.freeze();
  CHECK(tape.backward(y)[p] == A(6.));
  Tape<double> later;
  const V x = later.watch(2.), z = p * x;
  CHECK(later.size() == 2);
  CHECK(!later.backward(z).contains(p));
}

TEST_CASE("gradient() can be applied to its own result, again and again") {
  Tape<double> tape;
  const V x = tape.watch(A{2., -1.});
  V y = x * x * x * x * x;
  double factor = 1;
  for (int order = 1; order <= 7; ++order) {
    y = tape.gradient(sum(y), {x})[0];
    factor *= 6 - order;
    CHECK(difference(y.value(), {factor * std::pow(2, 5 - order), factor * std::pow(-1, 5 - order)}) < 1e-11);
  }
}

TEST_CASE("gradient() takes a cotangent, and differentiates by it too") {
  const A a = numbers({3, 2}), v = numbers({3}, 2), u = numbers({2}, 3);
  Tape<double> tape;
  const V x = tape.watch(numbers({2}, 4)), y = exp(matmul(a, x)), w = tape.watch(v);
  const V g = tape.gradient(y, {x}, w)[0];
  CHECK(difference(g.value(), matmul(V(a), w * y, {.a = true}).value()) < 1e-14);
  const V forward = tape.gradient(sum(g * u), {w})[0];  // the Jacobian times u
  CHECK(difference(forward.value(), (y * matmul(V(a), V(u))).value()) < 1e-14);
}

TEST_CASE("gradient() by an intermediate value, by a view, and by what does not matter") {
  Tape<double> tape;
  const V x = tape.watch(numbers({2, 3})), y = exp(x), part = slice(y, -1, 1, 3), z = weighted(part * part);
  const V later = x * 2;
  const auto g = tape.gradient(z, {x, y, part, later, z});
  const A expected = 2 * part.value() * numbers({2, 2}, 99);
  CHECK(difference(g[2].value(), expected) < 1e-15);
  CHECK(difference(slice(g[1], -1, 1, 3).value(), expected) < 1e-15);
  CHECK(slice(g[1], -1, 0, 1).value() == zeros<double>({2, 1}).value());
  CHECK(difference(g[0].value(), (g[1] * y).value()) < 1e-15);
  CHECK(g[3].value() == zeros<double>({2, 3}).value());
  CHECK(g[4].item() == 1);
}

TEST_CASE("gradient() by a view passes through the views of it") {
  Tape<double> tape;
  const V x = tape.watch(numbers({4, 6})), y = slice(x * 1, -1, 1, 5), rows = slice(y, 0, 1, 3);
  const V z = weighted(exp(slice(rows, 1, 1, 3)) * reshape(slice(y, 0, 0, 1), {2, 2}));
  const auto g = tape.gradient(z, {x, y, rows});
  CHECK(difference(slice(g[0], 1, 1, 5), g[1]) == 0);
  const A cut = slice(rows, 1, 1, 3).value(), top = reshape(slice(y, 0, 0, 1), {2, 2}).value();
  const V inner = xt::exp(cut) * top * numbers({2, 2}, 99);
  CHECK(difference(slice(g[2], 1, 1, 3), inner) < 1e-15);
  CHECK(difference(sum(g[2]), sum(inner)) < 1e-14);
  CHECK(difference(slice(g[1], 0, 1, 3), g[2]) == 0);
}

TEST_CASE("gradient() records only what the derivatives asked for need") {
  Tape<double> tape;
  const V x = tape.watch(2), z = tape.watch(3);
  V y = z;
  for (int k = 0; k < 100; ++k) y = tanh(y * z);
  const V loss = x * y;
  const std::size_t size = tape.size();
  tape.gradient(loss, {x});
  CHECK(tape.size() <= size + 2);
}

TEST_CASE("a value may be used many times, also twice by one operation") {
  CHECK(gradient_of(
            [](const V& x) {
              V y = 0, shared = x * 1;
              for (int k = 0; k < 1000; ++k) y = y + shared;
              return y;
            },
            A{1.})() == doctest::Approx(1000 * numbers({1}, 99)()));
  Tape<double> tape;
  V x = tape.watch(1), y = x;
  for (int k = 0; k < 60; ++k) y = y + y;
  CHECK(tape.backward(y)[x]() == std::exp2(60));
}

TEST_CASE("views share gradients with what they are views of") {
  const A x = numbers({4, 6}), w = numbers({4, 6}, 99);
  const auto round_trip = [](const V& v) {
    Many parts = split(v, {1, 3, 2});
    for (V& part : parts) part = concatenate(unstack(part, 0), 0);
    Many rows;
    for (std::size_t k = 0; k < 4; ++k) {
      Many pieces;
      for (const V& part : parts) {
        const auto n = static_cast<std::int64_t>(part.size() / 4), i = static_cast<std::int64_t>(k);
        pieces.push_back(slice(part, 0, i * n, (i + 1) * n));
      }
      rows.push_back(concatenate(pieces));
    }
    return stack(rows);
  };
  CHECK(difference(gradient_of(round_trip, x), w) == 0);
  CHECK(difference(gradient_of([](const V& v) { return reshape(reshape(v, {2, -1}), {4, 6}); }, x), w) == 0);
  CHECK(difference(gradient_of(
                       [](const V& v) {
                         return concatenate({slice(v, 0, 0, 3), slice(v, 0, 1, 4)});
                       },
                       x),
                   A(concatenate({slice(V(numbers({6, 6}, 99)), 0, 0, 3), zeros<double>({1, 6})}).value() +
                     concatenate({zeros<double>({1, 6}), slice(V(numbers({6, 6}, 99)), 0, 3, 6)}).value())) == 0);
}

TEST_CASE("what is not finite stays where it is") {
  CHECK(gradient_of([](const V& x) { return where(x <= 1, x, 5); }, {1., not_a_number, 2.})(1) == 0);
  CHECK(where(V(A{not_a_number, 0.}), 1, 2).value() == A{1., 2.});  // NaN is not 0
  CHECK(log(V(A{0.})).value() == A{-infinity});
  CHECK(std::isnan(log(V(-1)).item()));
  CHECK(difference(log(V(A{infinity, 5e-324, 1e-310, not_a_number})).value(),
                   A{infinity, std::log(5e-324), std::log(1e-310), not_a_number}) < 1e-12);
  CHECK(difference(log(Variable<float>(1e-44f)).value(), xt::cast<double>(Array<float>(std::log(1e-44f)))) < 1e-4);
  CHECK(gradient_of([](const V& x) { return log(x); }, {0.})() == numbers({1}, 99)() * infinity);
  CHECK(gradient_of([](const V& x) { return relu(x); }, {0., -0., -1.}) == A{0., 0., 0.});
  CHECK(difference(relu(V(A{not_a_number, -infinity, infinity})).value(), {not_a_number, 0., infinity}) == 0);
  CHECK(difference(sigmoid(V(A{-800., 800., -infinity, infinity, not_a_number})).value(),
                   {0., 1., 0., 1., not_a_number}) == 0);
  CHECK(difference(tanh(V(A{-800., 800., -infinity, infinity, not_a_number})).value(),
                   {-1., 1., -1., 1., not_a_number}) == 0);
  CHECK(difference(exp(V(A{-800., 800., -infinity, infinity, not_a_number})).value(),
                   {0., infinity, 0., infinity, not_a_number}) == 0);
  CHECK((V(A{not_a_number, 1., infinity}) < A{1., not_a_number, infinity}).value() == A{0., 0., 0.});
  CHECK(unroll::equal(V(A{not_a_number, infinity}), A{not_a_number, infinity}).value() == A{0., 1.});
}

TEST_CASE("maxima and sums of exponentials of what is not finite") {
  const A ties{{2., 2., 1.}, {-infinity, -infinity, -infinity}};
  const auto w = numbers({2}, 99);
  const A g = gradient_of([](const V& x) { return max(x, 1); }, ties);
  CHECK(difference(g, {{w(0) / 2, w(0) / 2, 0.}, {w(1) / 3, w(1) / 3, w(1) / 3}}) < 1e-15);
  for (std::size_t size : {1, 7, 8, 9, 33})
    for (std::size_t k = 0; k < size; ++k) {  // wherever the NaN is
      A x = numbers({size});
      x(k) = not_a_number;
      CHECK(std::isnan(max(V(x)).item()));
      CHECK(std::isnan(max(reshape(V(x), {-1, 1}), 0).item()));
      CHECK(std::isnan(logsumexp(V(x)).item()));
    }
  CHECK(difference(logsumexp(V(ties), 1).value(), {2 + std::log(2 + std::exp(-1)), -infinity}) < 1e-15);
  CHECK(logsumexp(V(A{1000., 1000.})).item() == doctest::Approx(1000 + std::log(2)));
  CHECK(logsumexp(V(A{-1000., -1000.})).item() == doctest::Approx(-1000 + std::log(2)));
  CHECK(logsumexp(V(A{infinity, 1.})).item() == infinity);
  CHECK(logsumexp(zeros<double>({2, 0}), 1).value() == A{-infinity, -infinity});
  CHECK(difference(gradient_of([](const V& x) { return logsumexp(x, 1); }, {{0., -infinity}, {-infinity, -infinity}}),
                   {{w(0), 0.}, {0., 0.}}) == 0);
  CHECK(softmax(V(A{1000., -infinity})).value() == A{1., 0.});
  CHECK(log_softmax(V(A{1e5, 0.})).value() == A{0., -1e5});
  CHECK(sum(zeros<double>({0, 2}), 0).value() == A{0., 0.});
}

TEST_CASE("shapes broadcast as in NumPy") {
  const std::vector<std::array<Shape, 3>> triples{
      {{{}, {}, {}}},    {{{3}, {}, {3}}},        {{{2, 3}, {3}, {2, 3}}},    {{{2, 1}, {3}, {2, 3}}},
      {{{1}, {0}, {0}}}, {{{0, 3}, {3}, {0, 3}}}, {{{1, 3}, {2, 1}, {2, 3}}}, {{{2, 1, 1}, {1, 3, 1}, {2, 3, 1}}}};
  for (const auto& triple : triples) {
    const Shape &a = triple[0], &b = triple[1], &both = triple[2];
    INFO(a << " and " << b);
    CHECK((V(numbers(a)) + numbers(b)).shape() == both);
    CHECK((V(numbers(b)) * numbers(a)).shape() == both);
    CHECK(where(1, V(numbers(a)), V(numbers(b))).shape() == both);
  }
  const std::vector<std::array<Shape, 2>> pairs{
      {{{3}, {2}}}, {{{2, 3}, {2}}}, {{{0}, {2}}}, {{{2, 3}, {3, 2}}}, {{{2, 1, 3}, {2, 2}}}};
  for (const auto& pair : pairs) {
    const Shape &a = pair[0], &b = pair[1];
    INFO(a << " and " << b);
    CHECK_THROWS_AS(V(numbers(a)) + numbers(b), Error);
    CHECK_THROWS_AS(numbers(b) * V(numbers(a)), Error);
    CHECK_THROWS_AS(where(1, V(numbers(a)), V(numbers(b))), Error);
  }
}

TEST_CASE("operators take variables with numbers, arrays and expressions, in either order") {
  const A a{{1., 2.}, {3., 4.}}, b{{5., 6.}, {7., 8.}};
  const Parameter<double> p(b, "p");
  Tape<double> tape;
  const V x = tape.watch(b);
  const auto same = [](const V& y, const A& expected) { CHECK(difference(y.value(), expected) < 1e-13); };
  same(x + a, b + a);
  same(a - x, a - b);
  same(xt::exp(a) * x, xt::exp(a) * b);
  same(x / (xt::exp(a) + 1), b / (xt::exp(a) + 1));
  same(xt::transpose(a) + x, xt::transpose(a) + b);
  same(2 - x * 1.5f, 2 - b * 1.5f);
  same(std::size_t(2) / x - 1, 2 / b - 1);
  same(-x, -b);
  same(p * a + p, b * a + b);
  same((x < 6.5) + (6.5 < x) * 2, {{1., 1.}, {2., 2.}});
  same((p <= 5) + (a + 5 >= x) * 2, {{3., 2.}, {2., 2.}});
  same((a > p) + (p > a) * 2, {{2., 2.}, {2., 2.}});
  same(where(x < 6.5, a, 0), {{1., 2.}, {0., 0.}});
  same(where(a < 2, x, p), b);
  same(equal(x, a + 4), {{1., 1.}, {1., 1.}});
  same(matmul(a, x), {{19., 22.}, {43., 50.}});
  same(matmul(p, xt::transpose(a)), {{17., 39.}, {23., 53.}});
  same(linear(x, p), {{61., 83.}, {83., 113.}});
  same(x * Array<float>{1.f, 2.f}, {{5., 12.}, {7., 16.}});
  same(concatenate({V(p), x}), {{5., 6.}, {7., 8.}, {5., 6.}, {7., 8.}});
  same(exp(p), xt::exp(b));
}

TEST_CASE("a user's own operations have derivatives of every order") {
  const auto cube = [](const V& x) {
    return elementwise<keep::operands>(
        "cube", x, [](auto v) { return v * v * v; }, [](auto g, auto v) { return 3 * g * v * v; });
  };
  const auto root = [](const V& x) {
    return elementwise<keep::result>(
        "root", x, [](auto v) { return std::sqrt(v); }, [](auto g, auto y) { return g / (2 * y); });
  };
  const auto power = [](const V& a, const V& b) {  // aᵇ
    return elementwise<keep::result | keep::operands>(
        "power", a, b, [](auto u, auto v) { return std::pow(u, v); },
        [](auto g, auto y, auto u, auto v) { return g * y * v / u; },
        [](auto g, auto y, auto u, auto) { return g * y * log(u); });
  };
  const auto dot = [](const V& a, const V& b) {
    return primitive(
        "dot", {a, b}, sum(a * b), [b](const V& g) { return g * b; }, [a](const V& g) { return g * a; });
  };
  const auto inverse = [](const V& x) {
    return primitive("inverse", {x}, 1 / x, [](const V& g, const V& y) { return -g * y * y; });
  };
  const auto total = [](const Many& xs) {
    V y = xs[0];
    for (std::size_t k = 1; k < xs.size(); ++k) y = y + xs[k];
    return primitive("total", xs, y, [](std::size_t, const V& g) { return g; });
  };
  const A a = numbers({2, 3}), positive = Random(3).uniform<double>({2, 3}, 0.5, 2);
  check_derivatives([&](const Many& x) { return cube(x[0]); }, {a});
  check_derivatives([&](const Many& x) { return root(slice(x[0], -1, 1, 3)); }, {positive});
  check_derivatives([&](const Many& x) { return power(x[0], x[1]); }, {positive, numbers({3})});
  check_derivatives([&](const Many& x) { return inverse(x[0]) * x[0] * x[0]; }, {positive});
  check_derivatives([&](const Many& x) { return dot(x[0] * x[0], x[1]) * dot(x[0], x[0]); }, {a, positive});
  check_derivatives([&](const Many& x) { return total({x[0], x[1], x[0]}) * x[1]; }, {a, positive});
}

TEST_CASE("threads with tapes of their own over shared parameters find what one thread finds") {
  const Parameter<double> w(numbers({8, 8}), "w"), u(numbers({8}, 2), "u");
  const auto work = [&](std::uint64_t shard) {
    Gradients<double> sum_of_all;
    for (std::uint64_t step = 0; step < 20; ++step) {
      Tape<double> tape;
      V h = numbers({3, 8}, 100 * shard + step);
      for (int k = 0; k < 5; ++k) h = tanh(linear(h, w, u) + slice(V(w), 0, k, k + 1));
      sum_of_all += tape.backward(weighted(h) * w.value()(0, 0));
    }
    return sum_of_all;
  };
  std::vector<Gradients<double>> alone, together(4);
  for (std::uint64_t shard = 0; shard < 4; ++shard) alone.push_back(work(shard));
  std::vector<std::thread> threads;
  for (std::uint64_t shard = 0; shard < 4; ++shard) threads.emplace_back([&, shard] { together[shard] = work(shard); });
  for (auto& thread : threads) thread.join();
  for (std::size_t shard = 0; shard < 4; ++shard)
    for (const auto& p : {w, u}) CHECK(alone[shard][p] == together[shard][p]);
}

TEST_CASE("variables print themselves; an array is not taken for a shape") {
  CHECK(!std::is_convertible_v<A, Shape>);
  std::ostringstream text;
  Tape<double> tape;
  tape.watch(1);
  text << V() << '\n' << V(2.5) << '\n' << tape.watch(A{1., 2.});
  CHECK(text.str() == "empty\n 2.5 shape ()\n{ 1.,  2.} shape (2,) slot 1");
}

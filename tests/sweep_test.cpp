// A sweep takes memory over, hands it on and fills it part by part: nobody may see that.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <unroll/autograd/autograd.hpp>
#include <vector>

#include "support.hpp"

using namespace unroll;

TEST_CASE("a sweep changes no array that a handle still shows") {
  const Parameter<double> p(numbers({3, 4}), "p");
  Tape<double> tape;
  const V a = tanh(V(p)), b = sigmoid(a), c = a * b, d = exp(c - b), part = slice(d, 0, 1, 2), flat = reshape(c, {12});
  const std::vector<V> all{a, b, c, d, part, flat};
  std::vector<A> before;
  for (const V& x : all) before.push_back(x.value());
  tape.backward(weighted(d) + weighted(part) + weighted(flat));
  for (std::size_t k = 0; k < all.size(); ++k) CHECK(all[k].value() == before[k]);
}

TEST_CASE("two values with the same gradient keep it each for itself") {
  const A x = numbers({3, 4});
  Tape<double> tape;
  const V watched = tape.watch(x), a = exp(watched), b = exp(2 * watched), c = exp(3 * watched);
  const A slope = tape.backward(weighted(a + b - c * 1))[watched];
  const A expected = numbers({3, 4}, 99) * (xt::exp(x) + 2 * xt::exp(2 * x) - 3 * xt::exp(3 * x));
  CHECK(difference(slope, expected) < 1e-14);
}

TEST_CASE("columns of an array get their gradients in whatever order a sweep comes by") {
  const A x = numbers({3, 8});
  const auto slope = [&](std::array<std::size_t, 4> order) {
    // Memory that will be taken again holds NaN.
    std::vector<A>(50, x * not_a_number);
    Tape<double> tape;
    const V watched = tape.watch(x);
    const auto parts = split<4>(tanh(watched));
    std::array<V, 4> results;
    for (const std::size_t k : order) results[k] = k == 2 ? V(0) : parts[k] * parts[k];  // one is never used
    return A(tape.backward(weighted(results[0]) + weighted(results[1]) + weighted(results[3]))[watched]);
  };
  const A expected = slope({0, 1, 2, 3});
  for (const auto& order : {std::array<std::size_t, 4>{3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}})
    CHECK(difference(slope(order), expected) == 0);
}

TEST_CASE("rows, products and other terms of a table add up in whatever order a sweep comes by") {
  const Parameter<double> table(numbers({5, 3}), "table");
  const V x = numbers({4, 3});
  const std::vector<std::function<V()>> kinds{[&] {
                                                return weighted(take(table, {1, 4, 1}));
                                              },
                                              [&] { return weighted(matmul(x, table, {.b = true})); },
                                              [&] { return weighted(exp(table)); }};
  std::array order{0, 0, 1, 1, 2};
  do {
    Tape<double> tape;
    V loss = 0;
    for (const int kind : order) loss = loss + kinds[std::size_t(kind)]();
    const V recorded = tape.gradient(loss, {table})[0];
    CHECK(difference(A(tape.backward(loss)[table]), recorded.value()) < 1e-13);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("what an observer has read of a gradient does not hide what is added afterwards") {
  struct Reader final : Observer<double> {
    void pulled(const Node<double>&, std::size_t, Adjoint<double>& into) override { (void)into.value().value(); }
  };
  const Reader reader;
  Tape<double> tape;
  const V x = tape.watch(ones<double>({4, 3}));
  const V first = sum(x * full<double>({4, 3}, 5));  // recorded first, so that the sweep comes by last
  const V beside = concatenate({x, ones<double>({4, 3})}, 1);
  CHECK(tape.backward(first + sum(beside * full<double>({4, 6}, 2)))[x] == full<double>({4, 3}, 7).value());
}

TEST_CASE("a rule that gives a number gives it to every element") {
  Tape<double> tape;
  const V x = tape.watch(numbers({3, 4}));
  const V y = primitive("constant slope", {x}, detach(x), [](const V&) { return 0.5; });
  CHECK(tape.backward(sum(y))[x] == full<double>({3, 4}, 0.5).value());
}

// What parameters promise: assignment, updates in place, ties, and the gradients of tables and of weights used often.
#include <doctest/doctest.h>

#include <unroll/autograd/autograd.hpp>

#include "support.hpp"

using namespace unroll;

TEST_CASE("assigning to a parameter changes its handles and value(), but no variable computed from it") {
  Parameter<double> p(A{{1., 2.}, {3., 4.}}, "p"), tied = p;
  const V handle = p, part = slice(V(p), 0, 1, 2), flat = reshape(p, {4}), sums = sum(p, 0);
  const A& value = p.value();
  const A copy = p.value();
  tied.assign(A{{5., 6.}, {7., 8.}});
  CHECK(p.value()(0, 0) == 5);
  CHECK(value(0, 0) == 5);
  CHECK(handle.value()(0, 0) == 5);
  CHECK(copy(0, 0) == 1);
  CHECK(part.value() == A{{3., 4.}});
  CHECK(flat.value() == A{1., 2., 3., 4.});
  CHECK(sums.value() == A{4., 6.});
}

TEST_CASE("a parameter is updated in place; what was made of it before stays as it was") {
  Parameter<double> p(A{{1., 2.}, {3., 4.}}, "p");
  const V view = slice(p, 0, 1, 2), flat = reshape(p, {-1}), copy = detach<double>(p);
  const A& seen = p.value();
  const auto doubled = [](std::span<double> x) {
    for (double& element : x) element *= 2;
  };
  p.update(doubled);
  CHECK(seen == A{{2., 4.}, {6., 8.}});
  CHECK(p.value() == seen);
  CHECK(view.value() == A{{3., 4.}});
  CHECK(flat.value() == A{1., 2., 3., 4.});
  CHECK(copy.value() == A{{1., 2.}, {3., 4.}});
  const double* const memory = p.value().data();
  p.update(doubled);
  CHECK(p.value().data() == memory);
  Tape<double> tape;
  const V y = sum(p * p);
  p.update(doubled);
  CHECK(error_of([&] { tape.backward(y); }) ==
        "backward: parameter 'p' was assigned after this tape recorded it; step the optimizer after the sweep");
}

TEST_CASE("the gradient of a table has the rows that were taken, and looks like all of it") {
  const Parameter<double> table(numbers({6, 2}), "table"), other(numbers({2, 2}), "other");
  const Indices first{4, 1, 4}, second{{1, 5}};
  const auto loss = [&] { return weighted(take(table, first) * 2) + weighted(tanh(take(table, second))); };
  const auto sweep = [&](bool dense) {
    Tape<double> tape;
    return tape.backward(dense ? loss() + 0 * sum(table) + sum(other) : loss() + sum(other));
  };
  auto sparse = sweep(false), dense = sweep(true);
  const auto& entry = *sparse.find(table);
  CHECK(entry.rows == Indices{1, 4, 5});
  CHECK(entry.gradient.shape() == Shape{3, 2});
  CHECK(!dense.find(table)->of_rows());
  CHECK(difference(sparse[table], dense[table]) < 1e-15);
  CHECK(sparse.norm() == doctest::Approx(dense.norm()));
  sparse *= 3;
  CHECK(difference(sparse[table], 3 * dense[table]) < 1e-15);
  sparse += dense;
  CHECK(difference(sparse[table], 4 * dense[table]) < 1e-15);
  CHECK_MESSAGE(gradient_check(loss, {table}, {.order = 2}), "by rows");
  for (const bool first_part : {true, false}) {
    const auto mixed = [&] {
      const V lower = slice(table, 0, 2, 5);
      const V direct = sum(exp(lower)), taken = loss() + weighted(take(lower, Indices{2, 0}) * 3);
      return first_part ? direct + taken : taken + direct;
    };
    CHECK_MESSAGE(gradient_check(mixed, {table}), "by rows and by parts");
  }
}

TEST_CASE("a weight that is used at many steps, and in parts, has the sum of all its gradients") {
  const Parameter<double> weight(numbers({3, 3}), "weight");
  const V x = numbers({2, 3}, 5);
  const auto loss = [&] {
    V h = x, total = weighted(slice(weight, 0, 0, 1) * 2);
    for (int step = 0; step < 600; ++step) {
      h = tanh(matmul(h, weight) + x);
      if (step % 150 == 100) total = total + weighted(exp(slice(weight, 1, 1, 3))) + sum(take(weight, {2}));
    }
    return total + weighted(h) + sum(weight * weight);
  };
  CHECK_MESSAGE(gradient_check(loss, {weight}), "by products that are put off");
  Tape<double> tape;
  const V y = loss(), slope = tape.gradient(y, {weight})[0];
  CHECK(difference(tape.backward(y)[weight], slope.value()) < 1e-13);
}

TEST_CASE("copies of a parameter are tied: one gradient, one name, one state") {
  Parameter<double> p(A{2.}, "p"), tied = p, assigned;
  assigned = tied;
  assigned.rename("renamed");
  assigned.freeze();
  CHECK(p.name() == "renamed");
  CHECK(p.frozen());
  p.freeze(false);
  Tape<double> tape;
  const auto gradients = tape.backward(sum(p * tied * assigned));
  CHECK(gradients.entries().size() == 1);
  CHECK(gradients[tied] == A{12.});
}

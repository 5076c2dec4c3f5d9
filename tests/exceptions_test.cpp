// What an exception leaves, and what a spent tape does.
#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <unroll/autograd/autograd.hpp>

#include "allocations.hpp"
#include "refusals.hpp"

using namespace unroll;

TEST_CASE("an operation that throws leaves the tape as it was") {
  const Parameter<double> weight(numbers({4, 3}), "weight"), wrong(numbers({5}), "wrong");
  Tape<double> tape;
  const V x = tape.watch(of({2, 3})), y = exp(x), part = slice(y, -1, 0, 2), box = tape.watch(of({2, 3, 4}));
  const V turned = transpose(part), loss = sum(y * y);
  const Many several{x, y, box}, mixed{x, wrong};
  const std::vector<std::size_t> sizes{1, 2};
  const auto fails = [&](const char* what, const std::function<void()>& f) {
    INFO(std::string(what));
    const std::size_t size = tape.size();
    CHECK_THROWS_AS(f(), Error);
    CHECK(tape.size() == size);
    CHECK(Scope::path().empty());
  };
  fails("add", [&] { x + wrong; });
  fails("where", [&] { where(wrong, x, x); });
  fails("matmul", [&] { matmul(x, wrong); });
  fails("matmul of batches", [&] { matmul(box, wrong); });
  fails("matmul of batches that differ", [&] { matmul(box, of({3, 4, 2})); });
  fails("matmul of a vector", [&] { matmul(wrong, weight); });
  fails("linear", [&] { linear(x, wrong, weight); });
  fails("linear with a wrong bias", [&] { linear(x, weight, wrong); });
  fails("sum", [&] { sum(part, 7); });
  fails("mean", [&] { mean(part, 2); });
  fails("logsumexp", [&] { logsumexp(part, 2); });
  fails("softmax", [&] { softmax(part, 2); });
  fails("log_softmax", [&] { log_softmax(part, -3); });
  fails("reshape", [&] { reshape(part, {5}); });
  fails("slice", [&] { slice(part, 0, 1, 3); });
  fails("split", [&] { split(part, sizes, 0); });
  fails("unstack", [&] { unstack(part, 2); });
  fails("stack", [&] { stack(several); });
  fails("concatenate", [&] { concatenate(mixed); });
  fails("take", [&] { take(wrong, {5}); });
  fails("gradient without a cotangent", [&] { tape.gradient(y, {x}); });
  fails("gradient by a constant", [&] { tape.gradient(loss, mixed); });
  fails("backward", [&] { tape.backward(y); });
  const auto gradients = tape.backward(loss);
  CHECK(!gradients.contains(wrong));
  CHECK(gradients.entries().size() == 2);  // x, box
}

TEST_CASE("a parameter for whose recording there is no memory is as it was, and so is the tape") {
  const Parameter<double> p(of({3}).value(), "p");
  Tape<double> tape;
  std::int64_t step = 0;
  for (const bool in_scope : {false, true}) {
    const auto record = [&] {
      std::optional<Scope> scope;
      if (in_scope) scope.emplace("step", ++step);  // whose path needs memory, too
      tape.index_of(p);
    };
    const auto as_before = [&] {
      CHECK(p.tensor().references == 1);
      CHECK(tape.size() == 0);
    };
    tape.roll_back(0);
    record();
    CHECK(fail_each_allocation([&] { tape.roll_back(0); }, record, as_before) >= 1);
    CHECK(tape.size() == 1);
  }
}

TEST_CASE("a rule that throws in the recorded sweep leaves the tape as it was") {
  Tape<double> tape;
  const V x = tape.watch(of({3}));
  const V y = primitive("mine", {x}, x, [](const V& g) { return g + of({2}); });
  const V loss = sum(y * y);
  const std::size_t size = tape.size();
  CHECK_THROWS_AS(tape.gradient(loss, {x}), Error);
  CHECK(tape.size() == size);
  CHECK(tape.gradient(loss, {y})[0].value() == (2 * y).value());
  CHECK_THROWS_AS(tape.backward(loss), Error);
}

TEST_CASE("an exception that leaves a scope takes back what was recorded in it, and its handles are constants") {
  Tape<double> tape;
  const Parameter<double> p(A(3.), "p");
  const V x = tape.watch(2.), y = x * x;
  V lost;
  CHECK_THROWS_AS(([&] {
                    const Scope outer("outer");
                    const V before = x * 5;
                    const Scope inner("inner");
                    CHECK(Scope::path() == "outer/inner");
                    lost = p * before;
                    throw 1;
                  }()),
                  int);
  CHECK(tape.size() == 2);
  CHECK(Scope::path().empty());
  const V a = y + 1, b = a * 7, c = b + lost * y;  // these stand where what was taken back stood
  CHECK(error_of([&] { tape.gradient(c, {lost}); }).starts_with("gradient: x was not recorded on this tape"));
  CHECK(tape.gradient(c, {x})[0].item() == 4 * (7 + 30));
  const Scope scope("caught inside");
  try {
    x * 2 * p;
    throw 1;
  } catch (int) {
  }
  const auto gradients = tape.backward(c);
  CHECK(gradients[x]() == 4 * (7 + 30));
  CHECK(!gradients.contains(p));
}

TEST_CASE("a spent tape refuses to record and to be swept") {
  Tape<double> tape;
  const Parameter<double> p(A(3.), "p");
  const V x = tape.watch(A{2.}), y = sum(x * x);
  tape.backward(y);
  CHECK(tape.size() == 0);
  for (const std::function<void()>& use : std::vector<std::function<void()>>{
           [&] { tape.backward(y); }, [&] { tape.gradient(y, {x}); }, [&] { tape.watch(1.); }})
    CHECK(error_of(use).find("spent") != std::string::npos);
  CHECK((V(2) * 3).item() == 6);
  Tape<double> next;
  const V z = next.watch(y);
  CHECK(next.backward(z * x)[z]() == 2);
}

TEST_CASE("a sweep refuses a parameter that was assigned since it was recorded, if it matters") {
  Parameter<double> p(A{2.}, "p"), q(A{3.}, "q");
  Tape<double> tape;
  const V x = tape.watch(A{1.}), y = sum(p * x), z = sum(q * x);
  q.assign({4.});
  CHECK(tape.gradient(y, {p})[0].value() == A{1.});
  CHECK(error_of([&] { tape.gradient(z, {x}); }).find("parameter 'q' was assigned") != std::string::npos);
  CHECK(error_of([&] { tape.backward(y + z); }).find("parameter 'q' was assigned") != std::string::npos);
  CHECK(tape.backward(y)[x] == A{2.});
  Tape<double> later;
  CHECK(later.backward(sum(q * q))[q] == A{8.});
}

TEST_CASE("a rule whose result has another shape than its operand is an error that says so") {
  const auto sweep = [](const Shape& shape, const Shape& of_rule, bool recorded) {
    Tape<double> tape;
    const V x = tape.watch(numbers(shape)),
            y = primitive("mine", {x}, x, [&](const V&) { return zeros<double>(of_rule); });
    return error_of([&] { recorded ? void(tape.gradient(sum(y), {x})) : void(tape.backward(sum(y))); });
  };
  for (bool recorded : {false, true})
    for (const auto& pair : std::vector<std::pair<Shape, Shape>>{
             {{3}, {}}, {{3}, {1, 3}}, {{}, {3}}, {{3}, {2, 3}}, {{2, 3}, {2, 1}}, {{2, 3}, {3, 2}}, {{1}, {0}}}) {
      const Shape &shape = pair.first, &of_rule = pair.second;
      INFO(shape << " and " << of_rule << std::string(recorded ? ", recorded" : ""));
      CHECK(sweep(shape, of_rule, recorded).find("mine") != std::string::npos);
    }
}

TEST_CASE("what a spent tape recorded is a constant") {
  Tape<double> tape;
  const V x = tape.watch(A{2., 3.}), y = x * x;
  tape.backward(sum(y));
  CHECK(slice(y, 0, 0, 1).value() == A{4.});
  CHECK(reshape(y, {2, 1}).shape() == Shape{2, 1});
  CHECK((x + 1).value() == A{3., 4.});
  CHECK(tape.size() == 0);
}

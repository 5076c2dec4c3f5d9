// What the library and its user share must be one: tapes, observers, memory, scopes and types, however both were built.
#include <iostream>
#include <unroll/autograd/kernels/panels.hpp>
#include <unroll/nn/nn.hpp>

using namespace unroll;

namespace {

bool one(const char* what, bool holds) {
  if (!holds) std::cout << "state: the library and its user do not share " << what << '\n';
  return holds;
}

struct Count : Observer<double> {
  int nodes = 0;
  void recorded(const Node<double>&, const Variable<double>&) override { ++nodes; }
};

}  // namespace

bool state() {
  bool good = true;
  const Parameter<double> p(Array<double>{1, 2, 3}, "p");
  {
    const Count count;
    const Trace<double> trace;
    Tape<double> tape;
    const auto cube = elementwise<keep::first>(
        "cube", p, [](const auto& x) { return x * x * x; }, [](const auto& g, const auto& x) { return 3 * g * x * x; });
    const auto y = sum(2 * cube);
    good &= one("observers", count.nodes == int(tape.size()) && trace.entries().size() == tape.size());
    good &= one("leaves", tape.node(0).leaf != nullptr);
    good &= one("tapes", Tape<double>::innermost() == &tape && tape.backward(y)[p](1) == 24);
  }
  {
    const RepeatedProducts repeated;
    const Parameter<double> weight(Array<double>{{1, 2}, {3, 4}});
    matmul(ones<double>({2, 2}), weight);
    good &= one("repeated products", weight.tensor().parameter->panels[0] || weight.tensor().parameter->panels[1]);
  }
  good &= one("memory", detail::FreeBlocks::mine != nullptr);
  try {
    const Scope scope("outer");
    in_parallel(2, 2, [](std::size_t) { require(false, "here", "an error"); });
  } catch (const Error& error) {
    good &= one("scopes", std::string(error.what()).starts_with("here: an error"));
  }
  try {
    const Scope scope("outer");
    fail("here", "an error");
  } catch (const Error& error) {
    good &= one("scopes", error.what() == std::string("here: an error (in outer)"));
  }
  return good;
}

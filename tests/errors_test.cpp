// What the engine refuses: in which words, and that nothing has changed then.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <unroll/autograd/autograd.hpp>
#include <unroll/autograd/kernels/blas.hpp>
#include <unroll/autograd/kernels/instruction_set.hpp>
#include <unroll/autograd/kernels/threads.hpp>
#include <unroll/nn/module.hpp>

#include "refusals.hpp"

using namespace unroll;

namespace {

struct Owner : nn::Module<double> {
  Parameter<double> w{A{1.}};
  Owner() { add("w", w); }
};

// Makes things go wrong in every way, and gives what was said.
std::vector<std::string> refuse_all() {
  Random random(1);
  const Parameter<double> held(numbers({3}), "held");
  Refusals says([&] {
    const Tape<double>* const tape = Tape<double>::innermost();
    std::vector<double> all{tape ? double(tape->size()) : 0};
    for (const std::uint64_t word : random.state()) all.push_back(double(word));
    all.insert(all.end(), held.value().begin(), held.value().end());
    return all;
  });
  const V x = of({2, 3}), y = of({3, 2}), v = of({3}), s = 1;
  const Indices pair{0, 1}, matrix{{0, 1}}, far{0, 2}, negative{-1};

  says("shape: more than 6 axes; at most 6 are supported", [] { Shape{1, 1, 1, 1, 1, 1, 1}; });
  says("shape: more than 6 axes; at most 6 are supported (in stack)", [] { stack({of({1, 1, 1, 1, 1, 1})}); });
  says("variable: the handle is empty; assign a value to it first", [] { V().shape(); });
  says("variable: the handle is empty; assign a value to it first", [&] { x + V(); });
  says("parameter: the handle is empty; assign a parameter to it first", [] { Parameter<double>().name(); });
  says("item: the shape is (2, 3); it must hold one element", [&] { x.item(); });
  says("item: the shape is (0,); it must hold one element", [] { of({0}).item(); });
  says("assign: parameter 'w' has shape (2,); the array given has (3,)", [] {
    Parameter<double>(A{1., 2.}, "w").assign({1., 2., 3.});
  });

  says("add: (2, 3) and (3, 2) do not broadcast: the sizes 3 and 2 differ and neither is 1", [&] { x + y; });
  says("multiply: (3, 2) and (3,) do not broadcast: the sizes 2 and 3 differ and neither is 1", [&] { y* v; });
  says("subtract: (3,) and (0,) do not broadcast: the sizes 3 and 0 differ and neither is 1", [&] { v - of({0}); });
  says("where: (3,) and (3, 2) do not broadcast: the sizes 3 and 2 differ and neither is 1", [&] { where(v, y, y); });
  const auto differ = [&](const std::string& name, const std::function<void(const V&, const V&)>& f) {
    says(name + ": (4,) and (2, 3) do not broadcast: the sizes 4 and 3 differ and neither is 1",
         [&] { f(of({4}), x); });
  };
  differ("less", [](const V& a, const V& b) { void(a < b); });
  differ("less_equal", [](const V& a, const V& b) { void(a <= b); });
  differ("greater", [](const V& a, const V& b) { void(a > b); });
  differ("greater_equal", [](const V& a, const V& b) { void(a >= b); });
  differ("equal", [](const V& a, const V& b) { void(a == b); });
  differ("not_equal", [](const V& a, const V& b) { void(a != b); });
  differ("logical_and", [](const V& a, const V& b) { void(a && b); });
  differ("logical_or", [](const V& a, const V& b) { void(a || b); });
  differ("maximum", [](const V& a, const V& b) { maximum(a, b); });
  differ("minimum", [](const V& a, const V& b) { minimum(a, b); });
  differ("select", [](const V& a, const V& b) { select(a, b, V(0)); });
  differ("lerp", [](const V& a, const V& b) { lerp(a.value(), 1, b); });
  says("clamp: from 2 to 1; the former must not be larger", [&] { clamp(x, 2, 1); });
  says("slice: a step of 0; it must be at least 1", [&] { slice(x, 0, 0, 2, 0); });
  says("variance: 3 elements with a correction of 3; there must be more", [&] { variance(v, {}, false, 3); });
  says("pad: 1 widths for an array with 2 axes; each must have its own", [&] { pad(x, {{1, 1}}); });
  says("one_hot: index 2 at position (1,); the axis has 2 rows", [&] { one_hot<double>(far, 2); });
  says("top_k: 4 of an axis of size 3; there are not so many", [&] { top_k(x, 4); });
  says("argmax: the shape is (2, 0); there is nothing to choose from", [] { argmax(of({2, 0})); });
  const auto squares = [](const V& z) { return z * z; };
  says("hessian: f has shape (3,); it must be a scalar", [&] { hessian(squares, numbers({3})); });
  says("hessian_vector: f has shape (3,); it must be a scalar",
       [&] { hessian_vector(squares, numbers({3}), numbers({3})); });
  says("jacobian_vector: a vector of shape (2,) for an array of shape (3,); they must be equal",
       [&] { jacobian_vector(squares, numbers({3}), numbers({2})); });
  says("hessian_vector: 0 vectors for 1 arrays; each needs one",
       [&] { hessian_vector([](const Many& z) { return sum(z[0]); }, {numbers({3})}, {}); });
  says("hessian_vector: parameter 'p' is frozen; thaw it or leave it out", [&] {
    Parameter<double> p(A{1.}, "p");
    p.freeze();
    hessian_vector([&] { return sum(p); }, {p}, {A{1.}});
  });
  says("divide: the result of shape (3,) holds inf at (1,), from (3,), a constant; it must be finite", [&] {
    const AnomalyMode<double> mode;
    Tape<double> tape;
    tape.watch(A{1., 3., 2.}) / A{1., 0., 1.};
  });
  says("sqrt: the gradient by operand 0 of shape (1,) holds inf at (0,); it must be finite (recorded in no scope)", [] {
    const AnomalyMode<double> mode;
    Tape<double> tape;
    tape.backward(sum(sqrt(tape.watch(A{0.}))));
  });
  says("to_dot: the tape is spent; draw it before the sweep", [] {
    Tape<double> tape;
    tape.backward(tape.watch(A{1.}));
    to_dot(tape);
  });
  says("checkpoint: the function gave nothing; there must be at least one Variable", [&] {
    Tape<double> tape;
    checkpoint([](const Many&) { return Many(); }, {x});
  });
  says("broadcast_to: (2, 3) does not broadcast to (3,)", [&] { broadcast_to(x, {3}); });
  says("broadcast_to: (3,) and (2,) do not broadcast: the sizes 3 and 2 differ and neither is 1",
       [&] { broadcast_to(v, {2}); });
  says("sum_to: (2, 3) to (2, 2, 3): the latter must broadcast to the former", [&] { sum_to(x, {2, 2, 3}); });

  says("matmul: (2, 3) times (2, 3): the inner sizes 3 and 2 differ", [&] { matmul(x, x); });
  says("matmul: (2, 3)ᵀ times (3, 2): the inner sizes 2 and 3 differ", [&] { matmul(x, y, {.a = true}); });
  says("matmul: (3,) times (2, 3): the inner sizes 3 and 2 differ", [&] { matmul(v, x); });
  says("matmul: () times (2, 3): an operand has no axes; use *", [&] { matmul(s, x); });
  says("matmul: (2, 3) times (3,)ᵀ: a vector cannot be transposed", [&] { matmul(x, v, {.b = true}); });
  says("matmul: (4,) and (5,) do not broadcast: the sizes 4 and 5 differ and neither is 1", [] {
    matmul(of({4, 2, 3}), of({5, 3, 2}));
  });
  says("matmul: (2, 3) times (3, 2)ᵀ: the inner sizes 3 and 2 differ (in linear)", [&] { linear(x, y); });
  says("linear: x of shape (2, 3) and a weight of shape (3, 2); the last sizes must be equal",
       [&] { linear(x, y, v); });
  says("linear: a bias of shape (2, 2) for a result of shape (2,); the former must broadcast to the latter", [&] {
    linear(v, x, of({2, 2}));
  });
  says("linear: (2, 2) and (3,) do not broadcast: the sizes 2 and 3 differ and neither is 1", [&] { linear(x, x, v); });

  says("sum: axis 2 of an array with 2 axes; it must be between -2 and 1", [&] { sum(x, 2); });
  says("sum: axis -1 is given twice", [&] { sum(x, {1, -1}); });
  says("mean: axis -3 of an array with 2 axes; it must be between -2 and 1", [&] { mean(x, -3); });
  says("mean: the shape is (0, 3); there is nothing to average", [] { mean(of({0, 3}), 0); });
  says("max: the shape is (2, 0); there is nothing to choose from", [] { max(of({2, 0}), 1); });
  says("min: the shape is (2, 0); there is nothing to choose from", [] { min(of({2, 0}), 1); });
  says("logsumexp: axis 2 of an array with 2 axes; it must be between -2 and 1", [&] { logsumexp(x, 2); });
  says("logsumexp_above: x has shape (2, 3), the shift (1, 1, 3); the latter must broadcast to the former", [&] {
    logsumexp_above(x, of({1, 1, 3}));
  });
  says("softmax: axis 2 of an array with 2 axes; it must be between -2 and 1", [&] { softmax(x, 2); });
  says("log_softmax: axis 2 of an array with 2 axes; it must be between -2 and 1", [&] { log_softmax(x, 2); });
  says("softmax: axis -1 of an array with 0 axes; there is none", [&] { softmax(s); });

  says("reshape: (2, 3) to (4, 2): 6 elements cannot become 8", [&] { reshape(x, {4, 2}); });
  says("reshape: 6 elements do not fill an axis of -1 beside sizes of 4 together", [&] { reshape(x, {4, -1}); });
  says("reshape: size -1 at axis 1; a size is not negative, except for one -1", [&] { reshape(x, {-1, -1}); });
  says("reshape: size -2 at axis 0; a size is not negative, except for one -1", [&] { reshape(x, {-2, 3}); });
  says("reshape: (2305843009213693952, 8) has more elements than memory can hold; at most " +
           std::to_string(Shape::most_elements),
       [&] {
         reshape(x, {std::size_t(1) << 61, 8});
       });
  says("transpose: 1 axes for an array with 2; all must be given", [&] { transpose(x, {0}); });
  says("transpose: axis -2 is given twice", [&] { transpose(x, {0, -2}); });
  says("transpose: axis 2 of an array with 2 axes; it must be between -2 and 1", [&] { transpose(x, {0, 2}); });
  says("slice: [1, 4) of an axis of size 3; it must lie within the axis", [&] { slice(x, -1, 1, 4); });
  says("slice: [2, 1) of an axis of size 3; it must lie within the axis", [&] { slice(x, 1, 2, 1); });
  says("slice: [-4, 3) of an axis of size 3; it must lie within the axis", [&] { slice(x, 1, -4, 3); });
  says("slice: axis 2 of an array with 2 axes; it must be between -2 and 1", [&] { slice(x, 2, 0, 1); });
  says("split: the parts add up to 4; the axis has size 3", [&] { split(x, {1, 3}); });
  says("split: the axis has size 3; it must be a multiple of 2", [&] { split<2>(x); });
  says("unstack: axis 2 of an array with 2 axes; it must be between -2 and 1", [&] { unstack(x, 2); });
  says("concatenate: there are no arrays; there must be at least one", [] { concatenate(Many{}); });
  says("concatenate: (2, 3) and (3, 2) along axis 0: the other sizes must be equal", [&] { concatenate({x, y}); });
  says("concatenate: (2, 3) and (3,) along axis -1: the other sizes must be equal", [&] { concatenate({x, v}, -1); });
  says("stack: there are no arrays; there must be at least one", [] { stack(Many{}); });
  says("stack: (2, 3) and (3, 2): the shapes must be equal", [&] { stack({x, y}); });
  says("stack: axis 3 of a result with 3 axes; it must be between -3 and 2", [&] { stack({x}, 3); });
  says("flip: axis 0 is given twice", [&] { flip(x, {0, 0}); });

  says("take: index 2 at position (1,); the table has 2 rows", [&] { take(x, far); });
  says("take: index -1 at position (0,); the table has 2 rows", [&] { take(x, negative); });
  says("take: the table has no axes; it must have rows", [&] { take(s, pair); });
  says("embedding: index 2 at position (1,); the table has 2 rows", [&] { take(x, far, "embedding"); });
  says("scatter: values of shape (3, 2) for indices of shape (2,); the former must begin with the latter",
       [&] { scatter(y, pair, 5); });
  says("scatter: index 2 at position (1,); the result has 2 rows", [&] { scatter(x, far, 2); });
  says("take_along: indices of shape (2,) for an array of shape (2, 3); both must have as many axes",
       [&] { take_along(x, pair); });
  says("take_along: indices of shape (1, 2) for an array of shape (2, 3); only the sizes along axis -1 may differ",
       [&] { take_along(x, matrix); });
  says("take_along: index 3 at position (0, 1); the axis has 3 rows", [&] { take_along(of({1, 3}), {{0, 3}}); });
  says("scatter_along: values of shape (2, 3) for indices of shape (1, 2); they must be equal", [&] {
    scatter_along(x, matrix, -1, {1, 5});
  });

  {
    Tape<double> tape;
    const V a = tape.watch(x), b = primitive("mine", {a}, a, [=](const V&) { return v; });
    const V total_of_b = sum(b);
    says("mine: the rule of operand 0 gave shape (3,); the operand has (2, 3) (in gradient)",
         [&] { tape.gradient(total_of_b, {a}); });
    says("mine: the rule of operand 0 gave shape (3,); the operand has (2, 3)", [&] { tape.backward(total_of_b); });
  }
  {
    Tape<double> tape;
    const V a = tape.watch(x), b = a * 2, c = tape.watch(v);
    Parameter<double> w(A{1., 2., 3.}, "w"), frozen(A{1., 2., 3.}, "frozen"), stale(A{1.}, "stale");
    frozen.freeze();
    const V loss = sum(c * frozen) * sum(stale);
    const char* foreign = "gradient: x was not recorded on this tape; make it with tape.watch() or use a Parameter";
    const char* unused =
        "gradient: parameter 'w' was not recorded on this tape; nothing that was computed on it depends on the "
        "parameter";
    says("backward: the loss has shape (2, 3); it must be a scalar - reduce it with sum() or mean()",
         [&] { tape.backward(b); });
    says("backward: the loss was not recorded on this tape; make it with tape.watch() or use a Parameter",
         [&] { tape.backward(s); });
    says("gradient: y was not recorded on this tape; make it with tape.watch() or use a Parameter",
         [&] { tape.gradient(s, {a}); });
    says(foreign, [&] { tape.gradient(loss, {x}); });
    says(unused, [&] { tape.gradient(loss, {w}); });
    says("gradient: y has shape (2, 3); it must be a scalar, or a cotangent of its shape must be given",
         [&] { tape.gradient(b, {a}); });
    says("gradient: the cotangent has shape (3,); y has (2, 3)", [&] { tape.gradient(b, {a}, v); });
    stale.assign({2.});
    says("backward: parameter 'stale' was assigned after this tape recorded it; step the optimizer after the sweep",
         [&] { tape.backward(loss); });
    says("gradient: parameter 'stale' was assigned after this tape recorded it; step the optimizer after the sweep",
         [&] { tape.gradient(loss, {a}); });
    const auto gradients = tape.backward(sum(b) + sum(c));
    says("gradients: parameter 'w' was not recorded; ask contains() first", [&] { gradients[w]; });
    const std::vector<Parameter<double>> parameters{held, w};
    const Gradients<double> none;
    const auto outline = none.outline(parameters);
    says("flat gradients: 0 of 1 gradients are by one of the 0 parameters; all must be",
         [&] { static_cast<void>(Tape<double>().backward(sum(held)).outline({})); });
    says("flat gradients: an outline of 0 bytes; 2 such parameters have 8",
         [&] { Gradients<double>::from_flat(parameters, {}, {}); });
    says("split: the parts add up to 0; the axis has size 1 (in flat gradients)",
         [&] { Gradients<double>::from_flat(parameters, outline, ones<double>({1})); });
    says("flat gradients: an outline that lacks a part of them; join it with that of these gradients", [&] {
      Tape<double> inner;
      static_cast<void>(inner.backward(sum(held)).flat(parameters, outline));
    });
    says("gradients: parameter 'frozen' was not recorded: it is frozen", [&] { gradients[frozen]; });
    says("gradients: the handle is no parameter and was not watched by the tape of this sweep", [&] { gradients[b]; });
    says("watch: this tape is spent; record on a new one", [&] { tape.watch(s); });
    says("mine: the rule of operand 0 gave shape (2, 3); the operand has (3,)", [] {
      Tape<double> other;
      const V z = other.watch(numbers({3}));
      other.backward(sum(primitive("mine", {z}, z, [](const V&) { return zeros<double>({2, 3}); })));
    });
    says("backward: this tape is spent; record again, or use gradient() for several derivatives",
         [&] { tape.backward(b); });
    says("gradient: this tape is spent; record again, or use gradient() for several derivatives",
         [&] { tape.gradient(b, {a}); });
    says("add: (2, 3) and (3, 2) do not broadcast: the sizes 3 and 2 differ and neither is 1 (in tagger/lstm)", [&] {
      const Scope outer("tagger"), inner("lstm");
      x + y;
    });
  }

  const auto checks = [](const std::function<V(const Many&)>& f, const GradientCheckOptions& options) {
    return [=] { gradient_check(f, {A{1., 2.}}, options); };
  };
  const auto total = [](const Many& inputs) { return sum(inputs[0]); };
  says("gradient_check: f has shape (2,); it must be a scalar - contract it with a fixed random array",
       checks([](const Many& inputs) { return inputs[0]; }, {}));
  says("gradient_check: there are no parameters, or they have no entries; there must be some to check",
       [&] { gradient_check(total, {A::from_shape({0})}); });
  says(
      "gradient_check: f gave 1.0000000000000000 and then 2.0000000000000000 for the same parameters; it must be "
      "deterministic - draw from the random "
      "stream of the tape",
      checks([calls = std::make_shared<int>(0)](const Many&) { return V(++*calls); }, {}));
  says("gradient_check: tolerance 0; it must be positive and finite", checks(total, {.tolerance = 0}));
  says("gradient_check: a share of kinks of -1; it must be in [0, 1]", checks(total, {.kinks = -1}));
  says("gradient_check: 18446744073709551615 directions; there is no memory for so many",
       checks(total, {.directions = most}));
  says("gradient_check: parameter 'w' is frozen; thaw it with freeze(false) or leave it out", [] {
    Parameter<double> w(A{1.}, "w");
    w.freeze();
    gradient_check([&] { return sum(w); }, {w});
  });

  const std::vector<detail::InstructionSet> sets{{"narrow", 16, true}, {"wide", 32, false}};
  says("UNROLL_INSTRUCTION_SET: none; the kernels are built for narrow, wide", [&] { detail::choose(sets, "none"); });
  says("UNROLL_INSTRUCTION_SET: wide; this processor and its operating system have narrow",
       [&] { detail::choose(sets, "wide"); });
  says("product of matrices: a size of 2147483648; OpenBLAS takes at most 2147483647", [] {
    detail::transpose_matrix<double>({nullptr, std::size_t{1} << 31, 1, 1}, {nullptr, 1, std::size_t{1} << 31, 1});
  });

  for (const double order : {0, 3})
    says("gradient_check: order " + std::to_string(int(order)) + "; it must be 1 or 2",
         checks(total, {.order = int(order)}));
  for (const auto& [given, text] : {std::pair(not_a_number, "nan"), {infinity, "inf"}, {-1.0, "-1"}}) {
    const double bad = given;
    const std::string is = text;
    says("gradient_check: tolerance " + is + "; it must be positive and finite", checks(total, {.tolerance = bad}));
    says("gradient_check: a share of kinks of " + is + "; it must be in [0, 1]", checks(total, {.kinks = bad}));
    says("uniform: from " + is + " to -2; both must be finite, the smaller one first",
         [&] { random.uniform<double>({2}, bad, -2); });
    says("normal: mean 0, deviation " + is + "; both must be finite, the deviation not negative",
         [&] { random.normal<double>({2}, 0, bad); });
    if (bad == -1) continue;
    says("uniform: from 0 to " + is + "; both must be finite, the smaller one first",
         [&] { random.uniform<double>({2}, 0, bad); });
    says("normal: mean " + is + ", deviation 1; both must be finite, the deviation not negative",
         [&] { random.normal<double>({2}, bad, 1); });
    says("clamp: from " + is + " to 1; the former must not be larger", [&] { clamp(x, bad, 1); });
    Tape<double> tape;
    Gradients<double> gradients = tape.backward(sum(held));
    says("gradients: a factor of " + is + "; it must be finite", [&] { gradients *= bad; });
    CHECK(gradients[held] == A{1, 1, 1});
  }
  says("uniform: from -1e+308 to 1e+308; their difference must be finite",
       [&] { random.uniform<double>({2}, -1e308, 1e308); });
  says("uniform: from 0 to 1e+39; both must be finite, the smaller one first",
       [&] { random.uniform<float>({2}, 0, 1e39); });
  says("normal: mean 1e+39, deviation 1; both must be finite, the deviation not negative",
       [&] { random.normal<float>({2}, 1e39); });
  says("below: the bound is 0; it must be at least 1", [&] { random.below(0); });
  says("permutation: 18446744073709551615 numbers; there is no memory for so many", [&] { random.permutation(most); });

  // Handles: what they hold, and what is assigned to them.
  says("shape: (2305843009213693952, 8) has more elements than memory can hold; at most " +
           std::to_string(Shape::most_elements),
       [] {
         zeros<double>({std::size_t(1) << 61, 8});
       });
  says(
      "condition: an array of shape (2, 3); it must hold one element - where() chooses for each element, has_value() "
      "asks whether a handle is empty",
      [&] { (void)bool(x > 0); });
  A array{1., 2.};
  const A taken(std::move(array));
  says("variable: an array of shape () that holds 0 elements; it was moved from", [&] { V(std::as_const(array)); });
  Parameter<double> parameter(A{1.}, "p"), empty;
  says("variable: assigned to 'p', which is a Parameter; its values are changed by assign()",
       [&] { static_cast<V&>(parameter) = 2 * parameter; });
  says("variable: assigned to an empty parameter, which is a Parameter; its values are changed by assign()",
       [&] { static_cast<V&>(empty) = V(1); });
  Owner owner;
  const std::string anew =
      ", which a module has registered; change its values by assign(), or give the module's constructor a parameter to "
      "share";
  says("parameter: a new one for 'w'" + anew, [&] { owner.w = Parameter<double>(A{2.}); });
  const Owner moved(std::move(owner));
  says("parameter: a new one for an empty handle" + anew, [&] { owner.w = Parameter<double>(A{2.}); });
  says("parameter: the handle is empty; the module that it belongs to was moved from", [&] { owner.w.name(); });
  {
    Tape<double> outer;
    const V a = outer.watch(v);
    V swept;
    {
      Tape<double> inner;
      swept = a * inner.watch(v);
      inner.backward(sum(swept));
    }
    says(
        "tape: a value that an inner tape recorded before its backward() freed it, used within the outer tape; take "
        "its "
        "gradient() instead, or detach() the value if it is a constant",
        [&] { a* swept; });
  }
  says("checkpoint: the function gave other shapes when it was called again; it must not depend on what changes", [&] {
    Tape<double> tape;
    const auto changing = [calls = std::make_shared<int>(0)](const Many& z) {
      return ++*calls > 1 ? z[0] : concatenate({z[0], z[0]});
    };
    tape.backward(sum(checkpoint(changing, {tape.watch(v)})));
  });

  // Axes, and other numbers of operations.
  const auto no_axis = [&](const std::string& name, const std::function<void()>& f) {
    says(name + ": axis 2 of an array with 2 axes; it must be between -2 and 1", f);
  };
  no_axis("min", [&] { min(x, 2); });
  no_axis("prod", [&] { prod(x, 2); });
  no_axis("variance", [&] { variance(x, 2); });
  no_axis("cumulative_sum", [&] { cumulative_sum(x, 2); });
  no_axis("flip", [&] { flip(x, 2); });
  no_axis("split", [&] { split(x, {3}, 2); });
  no_axis("split", [&] { split<2>(x, 2); });
  no_axis("concatenate", [&] { concatenate({x, x}, 2); });
  no_axis("take_along", [&] { take_along(x, matrix, 2); });
  no_axis("scatter_along", [&] { scatter_along(x, matrix, 2, {2, 3}); });
  no_axis("top_k", [&] { top_k(x, 1, 2); });
  no_axis("argmax", [&] { argmax(x, 2); });
  no_axis("cumulative_prod", [&] { cumulative_prod(x, 2); });
  no_axis("argmin", [&] { argmin(x, 2); });
  no_axis("select", [&] { select(x, 2, 0); });
  no_axis("squeeze", [&] { squeeze(x, 2); });
  no_axis("swap_axes", [&] { swap_axes(x, 0, 2); });
  says("select: index 3 of an axis of size 3; it must be less, or negative and counted from the end",
       [&] { select(x, 1, 3); });
  says("select: index -3 of an axis of size 2; it must be less, or negative and counted from the end", [&] { x[-3]; });
  says("squeeze: the shape is (2, 3); the axes that go must have size 1", [&] { squeeze(x, {0, 1}); });
  says("unsqueeze: axis 3 of a result with 3 axes; it must be between -3 and 2", [&] { unsqueeze(x, 3); });
  says("masked_softmax: x has shape (2, 3), the mask (2, 2, 3); the latter must broadcast to the former", [&] {
    masked_softmax(x, of({2, 2, 3}));
  });
  says("indices: 2 values for the shape (3,); they must be as many", [&] { indices({1, 2}, {3}); });
  says("take: the table has no axes; it must have rows", [&] { take(Indices(1), pair); });
  says("take: index 2 at position (0,); the table has 1 rows", [&] { take(matrix, Indices{2}); });
  says("uniform_like: there are no random numbers; record on a tape that has some: Tape<T> tape(random)",
       [&] { uniform_like(x); });
  says("bernoulli: a probability of 2; it must be in [0, 1]", [&] { bernoulli(V(2)); });
  says("with: 0 variables for a model of 1 parameters; there must be one for each", [&] { nn::with(Owner(), {}); });
  says("with: a variable of shape (3,) for parameter 0, 'w'; it must be (1,)", [&] { nn::with(Owner(), {v}); });
  says(
      "parameter: it is a Variable that stands for a parameter, in a model that with() made; change the parameters of "
      "the model itself, or of a clone()",
      [&] { nn::with(Owner(), {V(A{1.})}).w.assign(A{2.}); });
  says("split: the parts add up to 18446744073709551615; the axis has size 3", [&] { split(x, {most, 4}); });
  says("top_k: 18446744073709551615 of an axis of size 3; there are not so many", [&] { top_k(x, most); });
  says("variance: 6 elements with a correction of 18446744073709551615; there must be more",
       [&] { variance(x, {}, false, most); });
  says("scatter: index 1 at position (1,); the result has 1 rows", [&] { scatter(x, pair, 1); });
  says("one_hot: index 0 at position (0,); the axis has 0 rows", [&] { one_hot<double>(pair, 0); });
  says("slice: [-9223372036854775808, 3) of an axis of size 3; it must lie within the axis",
       [&] { slice(x, 1, std::numeric_limits<std::int64_t>::min(), 3); });
  says("slice: [0, 9223372036854775807) of an axis of size 3; it must lie within the axis",
       [&] { slice(x, 1, 0, std::numeric_limits<std::int64_t>::max(), 2); });
  return says.texts();
}

// The texts in quotes in all calls of require() and fail() of a source.
std::vector<std::string> quoted_in_refusals(const std::string& source) {
  std::vector<std::string> texts;
  for (const std::string name : {" require(", " fail(", " refuse("})
    for (std::size_t k = source.find(name); k < source.size(); k = source.find(name, k + 1)) {
      const std::string call = source.substr(k, source.find(");\n", k) - k);
      for (std::size_t i = call.find('"'); i < call.size();) {
        const std::size_t end = call.find('"', i + 1);
        texts.push_back(call.substr(i + 1, end - i - 1));
        i = call.find('"', end + 1);
      }
    }
  return texts;
}

}  // namespace

TEST_CASE("every error says what was given and what must hold, word for word, and changes nothing") {
  const auto rows = refuse_all();
  std::size_t count = 0;
  for (const auto& path : sources("../autograd")) {
    const std::string source = contents(path.string());
    for (const std::string& text : quoted_in_refusals(source)) {
      const auto has_it = [&](const std::string& row) { return row.find(text) != std::string::npos; };
      CHECK_MESSAGE(std::any_of(rows.begin(), rows.end(), has_it), path.filename() << ": " << text);
      ++count;
    }
  }
  CHECK(count > 100);
}

TEST_CASE("every number in options has a row in the table") {
  for (const std::string& number :
       numbers_without_a_row("../autograd", {"errors_test.cpp"},
                             {{"GradientCheck", "checks"}, {"GradientCheck.seed", ""}, {"Drawing.steps", ""}}))
    FAIL_CHECK("no row gives " << number);
}

TEST_CASE("a step or a number of threads that is larger than needed is as large as needed") {
  for (const std::size_t step : {std::size_t(3), most / 2 + 1, most})
    CHECK(slice(V(A{{1, 2, 3}, {4, 5, 6}}), 1, 0, 3, step).value() == reshape(V(A{1, 4}), {2, 1}).value());
  CHECK(slice(of({0, 2}), 0, 0, 0, most).shape() == Shape{0, 2});
  std::atomic<int> calls = 0;
  in_parallel(3, most, [&](std::size_t) { ++calls; });
  CHECK(calls == 3);
}

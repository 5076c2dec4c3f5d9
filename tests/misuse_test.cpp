// Programs that would compute something else than they say: they do not compile, or throw.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>
#include <utility>

#include "numbers.hpp"

using namespace unroll;

namespace {

template <class X, class... More>
concept HasMax = requires(X x, More... more) {
  max(x, more...);
};
template <class X, class... More>
concept HasMin = requires(X x, More... more) {
  min(x, more...);
};
template <std::size_t n>
concept HasSplit = requires(Variable<double> x) {
  split<n>(x);
};
template <class X, class... More>
concept HasSum = requires(X x, More... more) {
  sum(x, more...);
};
template <class X, class... More>
concept HasVariance = requires(X x, More... more) {
  variance(x, more...);
};
template <class X, class... More>
concept HasSoftmax = requires(X x, More... more) {
  softmax(x, more...);
};
template <class X, class Size>
concept HasReshape = requires(X x, Size size) {
  reshape(x, {size, size});
};

// An axis is an integer, and to keep axes is a matter of true or false.
static_assert(HasMax<V, int> && HasMax<V, std::size_t> && HasMax<V, Axes> && HasMax<V, int, bool>);
static_assert(!HasMax<V, double> && !HasMin<V, double> && !HasMax<V, float> && !HasMax<V, bool> && !HasMax<V, A>);
static_assert(!HasMax<V, V> && !HasMin<V, V> && !HasMax<V, Parameter<double>>);
static_assert(HasSplit<1> && !HasSplit<0>);
static_assert(HasSum<V, int, bool> && !HasSum<V, int, int> && !HasSum<V, double> && !HasSum<V, int, double>);
static_assert(HasVariance<V, int, bool, int> && !HasVariance<V, int, int> && !HasVariance<V, int, int, bool>);
static_assert(HasSoftmax<V, int> && !HasSoftmax<V, double> && !HasSoftmax<V, bool>);
static_assert(HasReshape<V, int> && HasReshape<V, std::size_t> && !HasReshape<V, double> && !HasReshape<V, bool>);

// A comparison is a Variable, which is no bool by itself, and two types of numbers do not mix.
static_assert(!std::is_convertible_v<V, bool> && std::is_constructible_v<bool, V>);
static_assert(!std::is_convertible_v<Variable<float>, V>);
static_assert(!std::is_constructible_v<Parameter<double>, V>);

bool taken(const V& condition) { return condition ? true : false; }

}  // namespace

TEST_CASE("a parameter is made from a number or an expression, too") {
  const A x{1, 2};
  const Parameter<double> number(2.0), expression(2.0 * x), copied(expression.value() + 1, "w");
  CHECK(number.item() == 2);
  CHECK(copied.value() == A{3, 5});
}

TEST_CASE("a condition is the value of an array of one element") {
  const V loss = 10.0;
  CHECK_FALSE(taken(loss < 0.5));
  CHECK(taken(loss > 0.5));
  CHECK(taken(loss == 10 && loss != 9));
  CHECK(taken(ones<double>({1, 1})));
  CHECK(taken(not_a_number));  // as for numbers
  CHECK_FALSE(taken(V(-0.0)));
  CHECK_FALSE(taken(!loss));
  const std::string rest =
      "; it must hold one element - where() chooses for each element, has_value() asks whether a handle is empty";
  CHECK_THROWS_WITH_AS(taken(V(A{1, 2}) > 0), ("condition: an array of shape (2,)" + rest).c_str(), Error);
  CHECK_THROWS_WITH_AS(taken(zeros<double>({0})), ("condition: an array of shape (0,)" + rest).c_str(), Error);
  CHECK_THROWS_WITH_AS(taken(V()), "variable: the handle is empty; assign a value to it first", Error);
  CHECK_FALSE(V().has_value());
  CHECK(V(0).has_value());
}

TEST_CASE("comparisons and logic are elementwise, for Variables, numbers and arrays") {
  const V x = A{-1, 0, 1, 3};
  const A y{0, 0, 1, not_a_number};
  const auto is = [](const V& result, const A& wanted) { return result.value() == wanted; };
  CHECK(is(where(x > 0 && x < 2, x, 0), {0, 0, 1, 0}));
  CHECK(is(where(!(x > 0), 0, x), {0, 0, 1, 3}));
  CHECK(is(x < 0 || x > 2, {1, 0, 0, 1}));
  CHECK(is(x == y, {0, 1, 1, 0}));
  CHECK(is(y != x, {1, 0, 0, 1}));
  CHECK(is(1 == x, {0, 0, 1, 0}));
  CHECK(is(x != 1, {1, 1, 0, 1}));
  CHECK(is(!V(y), {1, 1, 0, 0}));
  CHECK(is(x && y, {0, 0, 1, 1}));
  CHECK(is(y || x, {1, 0, 1, 1}));
  CHECK(is(true && x, {1, 0, 1, 1}));
  CHECK(is(logical_and(x, y), {0, 0, 1, 1}));
  CHECK(is(logical_or(x, 0), {1, 0, 1, 1}));
  CHECK(is(logical_not(x), {0, 1, 0, 0}));
  CHECK(is(not_equal(0, x), {1, 0, 1, 1}));
  CHECK(is(reshape(V(A{1, 0}), {2, 1}) && A{1, 0}, {{1, 0}, {0, 0}}));
  Tape<double> tape;
  const V w = tape.watch(x);
  (void)(w == y);
  (void)(w != y && !w);
  CHECK(tape.size() == 1);  // all of it is constant
}

TEST_CASE("operations of several operands take numbers, arrays and Variables mixed") {
  const V x = A{1, 2};
  const A y{3, 5};
  const auto is = [](const V& result, const A& wanted) { return result.value() == wanted; };
  CHECK(is(add(x, 1), {2, 3}));
  CHECK(is(subtract(y, x), {2, 3}));
  CHECK(is(multiply(2u, x), {2, 4}));
  CHECK(is(divide(y, x), {3, 2.5}));
  CHECK(is(fma(x, y, 1), {4, 11}));
  CHECK(is(fma(2, xt::square(y), x), {19, 52}));
  CHECK(is(lerp(y, 1, V(0.5)), {2, 3}));
  CHECK(is(pow(x, 2), {1, 4}));
  CHECK(is(maximum(y, x), {3, 5}));
  CHECK(is(minimum(2u, x), {1, 2}));
  CHECK(is(where(A{0, 1}, x, y), {3, 2}));
  CHECK(is(less(x, 2), {1, 0}));
  CHECK(is(less_equal(y, x), {0, 0}));
  CHECK(is(exp_difference(A{1, 2}, x), {1, 1}));
  CHECK(is(scaled_exp(2, x, A{1, 2}), {2, 2}));
  CHECK(is(scaled_tanh(y, x - x), {0, 0}));
}

TEST_CASE("a parameter changes by assign alone, and a registered one is not replaced") {
  Random random(1);
  nn::Linear<double> layer({.input = 2, .output = 1}, random);
  const A before = layer.weight.value();
  const std::string given = "variable: assigned to 'weight', which is a Parameter; its values are changed by assign()";
  for (V& w : std::vector<Parameter<double>>{layer.weight}) CHECK_THROWS_WITH_AS(w = w * 0.5, given.c_str(), Error);
  V& weight = layer.weight;
  CHECK_THROWS_WITH_AS(weight = V(1), given.c_str(), Error);
  CHECK_THROWS_AS(std::swap(weight, static_cast<V&>(layer.bias)), Error);
  CHECK_THROWS_WITH_AS(layer.weight = Parameter<double>(A{{1, 2}}, "mine"),
                       "parameter: a new one for 'weight', which a module has registered; change its values by "
                       "assign(), or give the module's constructor a parameter to share",
                       Error);
  nn::Linear<double> other({.input = 2, .output = 1}, random);
  CHECK_THROWS_AS(layer.weight = other.weight, Error);
  CHECK(layer.weight.value() == before);
  CHECK(layer.weight.name() == "weight");
  layer.weight = layer.weight;

  // Handles of one's own may be handles to anything.
  Parameter<double> mine = layer.weight;
  mine = other.weight;
  mine = Parameter<double>(A{1.}, "new");
  V copy = layer.weight;
  copy = copy * 2;
  std::vector<Parameter<double>> all = layer.parameters();
  std::swap(all[0], all[1]);
  all.erase(all.begin());
  CHECK(layer.weight.value() == before);
}

TEST_CASE("a Variable copied from a parameter follows it; detach keeps what it was") {
  Parameter<double> p(A{1, 2}, "p");
  const V follows = p, kept = detach(p);
  p.assign({9, 9});
  p.update([](auto elements) { elements[1] = 8; });
  CHECK(follows.value() == A{9, 8});
  CHECK(kept.value() == A{1, 2});
}

namespace {

struct Model : nn::Module<double> {
  nn::Embedding<double> words;
  nn::LSTM<double> lstm;
  nn::Linear<double> scores;
  explicit Model(Random& random)
      : words({.count = 5, .size = 3}, random), lstm({.input = 3, .hidden = 3}, random), scores(words.weight) {
    add("words", words);
    add("lstm", lstm);
    add("scores", scores);
  }
};

}  // namespace

TEST_CASE("a layer that a model has registered is not replaced; a whole model may be") {
  Random random(1);
  Model model(random), clone = nn::clone(model);
  for (Model* one : {&model, &clone})
    CHECK_THROWS_WITH_AS(one->lstm = nn::LSTM<double>({.input = 3, .hidden = 3}, random),
                         "module: assigned to while another module has registered its 'weight_ih_l0', and would go on "
                         "with the parameters "
                         "that were here; use copy_from(), or make the whole model anew",
                         Error);
  CHECK(model.lstm.cells().size() == 1);
  model = Model(random);
  model = std::move(clone);
  CHECK(model.parameters().size() == 5);
  CHECK(model.words.weight.shared().get() == model.scores.weight.shared().get());
  std::vector<Model> several;
  for (int k = 0; k < 5; ++k) several.emplace_back(random);
  several.erase(several.begin());
  nn::Linear<double> alone({.input = 2, .output = 1}, random);
  alone = nn::Linear<double>({.input = 3, .output = 1}, random);
  CHECK(alone.weight.shape() == Shape{1, 3});
}

TEST_CASE("sizes whose product overflows are refused where an array would get them") {
  const std::size_t large = std::size_t(1) << 61;
  const V one = 1;
  const auto message = [](const std::string& shape) {
    return "shape: " + shape + " has more elements than memory can hold; at most 576460752303423488";
  };
  CHECK_THROWS_WITH_AS(zeros<double>({large + 1}), message("(2305843009213693953,)").c_str(), Error);
  CHECK_THROWS_WITH_AS(broadcast_to(one, {large}), message("(2305843009213693952,)").c_str(), Error);
  CHECK_THROWS_AS(full<float>({large / 2, 8}, 1), Error);
  CHECK_THROWS_AS(zeros<float>({large, large, 0}), Error);
  CHECK_THROWS_AS(reshape(one, {std::int64_t(1) << 32, std::int64_t(1) << 32}), Error);
  CHECK_THROWS_AS(reshape(one, Shape{most}), Error);
  CHECK_THROWS_AS(reshape(zeros<double>({0}), {std::int64_t(1) << 40, std::int64_t(1) << 40, std::int64_t(0)}), Error);
  CHECK_THROWS_AS(pad(V(A{1.}), {{large, large}}), Error);
  CHECK_THROWS_AS(one_hot<double>(Indices{0}, large), Error);
  CHECK_THROWS_AS(scatter(V(A{1.}), Indices{0}, large), Error);
  CHECK_THROWS_AS(Random(1).normal<double>({large}), Error);
  CHECK_THROWS_AS(A::from_shape({large}), std::bad_alloc);
  A moved{1, 2};
  const A taken = std::move(moved);
  CHECK_THROWS_AS(V(std::move(moved)), Error);
}

TEST_CASE("masks of −∞ are no anomaly, unless they are said to be") {
  const V inside = A{{1, 1, 0}, {1, 1, 1}};
  const auto attention = [&](const V& x) { return softmax(where(inside, x, -infinity)); };
  {
    const AnomalyMode<double> anomalies;
    Tape<double> tape;
    const V x = tape.watch(ones<double>({2, 3}));
    CHECK(tape.backward(sum(attention(x) * A{{1, 2, 3}, {4, 5, 6}}))[x](0, 2) == 0);
    Tape<double> other;
    CHECK_THROWS_AS(log(other.watch(-1.0)), Error);
    CHECK_THROWS_AS(exp(other.watch(1000.0)), Error);
    CHECK(log(other.watch(0.0)).item() == -infinity);
    CHECK_THROWS_AS(other.backward(log(other.watch(0.0))), Error);  // its slope is ∞
  }
  {
    const AnomalyMode<double> anomalies({.minus_infinity = true});
    Tape<double> tape;
    const V x = tape.watch(ones<double>({2, 3}));
    CHECK_THROWS_AS(attention(x), Error);
  }
  const AnomalyMode<double> anomalies({.infinity = false});
  Tape<double> tape;
  CHECK(exp(tape.watch(1000.0)).item() == infinity);
}

TEST_CASE("what a temporary lends outlives it") {
  const V x = A{3, 4};
  for (const std::size_t n : (x * x).shape()) CHECK(n == 2);
  for (const double y : (x * x).value()) CHECK(y >= 9);
  {
    Tape<double> tape;
    for (const auto& entry : tape.backward(sum(tape.watch(x))).entries()) CHECK(entry.reached);
  }
  Tape<double> tape;
  const V watched = tape.watch(x);
  for (const double slope : tape.backward(sum(watched))[watched]) CHECK(slope == 1);
}

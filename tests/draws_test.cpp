// Random constants from the stream of a tape, pauses in its recording, and arrays that are printed.
#include <doctest/doctest.h>

#include <sstream>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

TEST_CASE("constants are drawn from the stream of the tape, as dropout's are") {
  Random random(1), same(1);
  const V x = numbers({2, 3});
  Tape<double> tape(random);
  const V z = normal_like(x, 1, 2), u = uniform_like(x, -1, 2);
  CHECK(difference(z, V(same.normal<double>({2, 3}, 1, 2))) == 0);
  CHECK(difference(u, V(same.uniform<double>({2, 3}, -1, 2))) == 0);
  CHECK(tape.size() == 0);
  CHECK(random.state() == same.state());
}

TEST_CASE("bernoulli and categorical draw what is as probable as is said") {
  Random random(2);
  Tape<float> tape(random);
  const std::size_t n = 40000;
  const auto sampled = bernoulli(Variable<float>(xt::broadcast(Array<float>{0, 0.3f, 1}, {n, std::size_t(3)})));
  const auto shares = mean(sampled, 0).value();
  CHECK(shares(0) == 0);
  CHECK(shares(1) == doctest::Approx(0.3).epsilon(0.03));
  CHECK(shares(2) == 1);
  CHECK(sum(bernoulli(ones<float>({1 << 22}))).item() == 1 << 22);  // though a float of U(0, 1) may be rounded to 1

  // The first number of this stream is 0, the least there is.
  Random least = Random::from_state({0, 0xd9f19ce4d942a9da, 0xb1bae4950db3999c}), again = least;
  CHECK(again.uniform() == 0);
  {
    Tape<float> with_least(least);
    CHECK(bernoulli(zeros<float>({1})).item() == 0);
  }
  CHECK(error_of([&] { bernoulli(Variable<float>(not_a_number)); }) ==
        "bernoulli: a probability of nan; it must be in [0, 1]");

  const float impossible = -std::numeric_limits<float>::infinity();
  const Array<float> logits{1, impossible, 3, 2};
  const Indices drawn = categorical(Variable<float>(xt::broadcast(logits, {n, std::size_t(4)})));
  CHECK(Shape(drawn.shape()) == Shape{n});
  const auto found = mean(one_hot<float>(drawn, 4), 0).value(), wanted = softmax(Variable<float>(logits)).value();
  for (std::size_t k = 0; k < 4; ++k) CHECK(std::abs(found(k) - wanted(k)) < 0.01);
  CHECK(found(1) == 0);
  CHECK(categorical(Variable<float>(Array<float>{{0, impossible}, {impossible, 0}}), 0) == Indices{0, 1});
}

TEST_CASE("without a stream nothing is drawn") {
  const std::string none = ": there are no random numbers; record on a tape that has some: Tape<T> tape(random)";
  const V x = zeros<double>({2});
  CHECK(error_of([&] { normal_like(x); }) == "normal_like" + none);
  const Tape<double> tape;
  CHECK(error_of([&] { uniform_like(x); }) == "uniform_like" + none);
  CHECK(error_of([&] { bernoulli(x); }) == "bernoulli" + none);
  CHECK(error_of([&] { categorical(x); }) == "categorical" + none);
  CHECK(error_of([&] { bernoulli(x - 0.5); }) == "bernoulli: a probability of -0.5; it must be in [0, 1]");
}

TEST_CASE("what is computed during a pause is a constant") {
  const P w(A{2}, "w");
  Tape<double> tape;
  const V y = w * w;
  const V constant = [&] {
    const Pause<double> pause;
    const Tape<double> within;
    CHECK((w * y).slot().tape != 0);
    return V(5);
  }();
  const auto paused = [&] {
    const Pause<double> pause;
    return w * y * constant;
  }();
  CHECK(paused.slot().tape == 0);
  CHECK(paused.item() == 40);
  CHECK(tape.backward(sum(y * paused))[w](0) == 160);
}

TEST_CASE("arrays are printed as Variables are") {
  std::ostringstream out;
  out << A{{1, 2.5}, {-3, 0}} << ' ' << Indices{4, 5} << ' ' << Array<float>{0.5f};
  CHECK(out.str() == "{{ 1. ,  2.5},\n {-3. ,  0. }} {4, 5} { 0.5}");
  const P w(A{2, 3}, "w");
  Tape<double> tape;
  std::ostringstream gradient;
  gradient << tape.backward(sum(w * w))[w];
  CHECK(gradient.str() == "{ 4.,  6.}");
}

TEST_CASE("what is masked may be anything, and a line that is masked throughout is 0") {
  const P x(A{{1, not_a_number, 2}, {infinity, not_a_number, -infinity}}, "x");
  const A mask{{1, 0, 1}, {0, 0, 0}};
  Tape<double> tape;
  const V y = masked_softmax(x, mask);
  CHECK(difference(y, V(A{{sigma(-1), 0, sigma(1)}, {0, 0, 0}})) < 1e-15);
  const V slope = tape.gradient(weighted(y), {x})[0], curve = tape.gradient(weighted(slope), {x})[0];
  for (std::size_t k = 1; k < 6; ++k)
    if (k != 2) CHECK((slope.value().flat(k) == 0 && curve.value().flat(k) == 0));
  CHECK(std::isfinite(curve.value()(0, 0)));
  CHECK(error_of([&] {
          masked_softmax(x, zeros<double>({2, 1, 3}));
        }) == "masked_softmax: x has shape (2, 3), the mask (2, 1, 3); the latter must broadcast to the former");
}

TEST_CASE("a line that is masked throughout makes no NaN on the way") {
  const P x(A{{1, 2}}, "x");
  const AnomalyMode<double> anomalies;
  Tape<double> tape;
  CHECK(masked_softmax(x, A{0, 0}).value() == A{{0, 0}});
}

TEST_CASE("a sign is a constant, and a NaN stays one") {
  const P x(A{-2, -0.0, 0, 3, not_a_number, infinity}, "x");
  Tape<double> tape;
  const V y = sign(x);
  CHECK(difference(y, V(A{-1, 0, 0, 1, not_a_number, 1})) == 0);
  CHECK(y.slot().tape == 0);
}

TEST_CASE("a parameter is no target of +=") {
  P w(A{2, 3}, "w");
  CHECK(error_of([&] { w += 1; }) ==
        "variable: assigned to 'w', which is a Parameter; its values are changed by assign()");
  V x = w;
  const V before = x;
  x += 1;
  CHECK(difference(x, V(A{3, 4})) == 0);
  CHECK(difference(before, V(w)) == 0);
}

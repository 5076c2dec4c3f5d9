// Connectionist temporal classification against all alignments, one by one.
#include <doctest/doctest.h>

#include <cmath>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

using Labels = std::vector<std::int64_t>;

// What is left of an alignment: of equal neighbours one, and no blanks.
Labels collapsed(const Labels& alignment, std::int64_t blank) {
  Labels result;
  for (std::size_t t = 0; t < alignment.size(); ++t)
    if (alignment[t] != blank && (t == 0 || alignment[t] != alignment[t - 1])) result.push_back(alignment[t]);
  return result;
}

// Sequences and labels of these lengths, with NaN and labels out of range for padding.
struct Problem {
  std::size_t classes;
  std::int64_t blank;
  std::size_t time;
  Indices input_lengths;
  nn::Sequences labels;

  std::size_t batch() const { return labels.size(); }
  Array<double> scores() const {
    Random random(71);
    return padded(time, input_lengths, classes, random);
  }
  Indices columns() const {
    std::vector<std::size_t> rows(batch());
    for (std::size_t k = 0; k < batch(); ++k) rows[k] = k;
    if (rows.empty()) return Indices::from_shape({2, 0});
    return nn::pad(labels, rows, nn::ignored);
  }
  Indices label_lengths() const {
    Indices lengths = Indices::from_shape({batch()});
    for (std::size_t k = 0; k < batch(); ++k) lengths(k) = std::int64_t(labels[k].size());
    return lengths;
  }
  template <class T> Variable<T> loss(const Variable<T>& log_p, nn::Reduction reduction, bool zero = false) const {
    return nn::ctc_loss(log_p, columns(), input_lengths, label_lengths(),
                        {.blank = blank, .reduction = reduction, .zero_infinity = zero});
  }
};

// Labels that repeat, none, too many, as many as steps; no steps; blanks that are not the first class.
const Problem problems[] = {
    {3, 0, 4, {4, 3, 2, 4, 4}, {{1, 2}, {1, 1}, {2, 2}, {}, {2}}},
    {3, 2, 5, {5, 0, 0, 3, 5}, {{0, 0, 1}, {}, {1}, {0, 0, 0}, {1, 0, 1, 0, 1}}},
    {4, 1, 4, {4, 1, 4}, {{0, 3, 2}, {3}, {2, 2}}},
    {1, 0, 3, {3, 0}, {{}, {}}},
    {2, 1, 1, {1}, {{0}}},
    {2, 0, 0, {0, 0}, {{}, {1}}},
    {2, 0, 3, Indices::from_shape({0}), {}},
};

// The loss of each sequence and p(class at step | labels), which is 0 where no alignment may be, by all alignments.
struct Expected {
  Array<double> losses, posteriors;
};

Expected by_all_alignments(const Problem& problem, const Array<double>& log_p) {
  Expected result{zeros<double>({problem.batch()}).value(), zeros<double>(Shape(log_p.shape())).value()};
  for (std::size_t k = 0; k < problem.batch(); ++k) {
    const auto length = std::size_t(problem.input_lengths(k));
    double total = 0;
    Array<double> passes = zeros<double>(Shape(log_p.shape())).value();
    for (std::size_t number = 0; double(number) < std::pow(problem.classes, length); ++number) {
      Labels alignment;
      double log_probability = 0;
      for (std::size_t t = 0, digits = number; t < length; ++t, digits /= problem.classes) {
        alignment.push_back(std::int64_t(digits % problem.classes));
        log_probability += log_p(t, k, digits % problem.classes);
      }
      if (collapsed(alignment, problem.blank) != problem.labels[k]) continue;
      total += std::exp(log_probability);
      for (std::size_t t = 0; t < length; ++t) passes(t, k, std::size_t(alignment[t])) += std::exp(log_probability);
    }
    result.losses(k) = -std::log(total);
    if (total > 0) result.posteriors += passes / total;
  }
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("the loss is that of all alignments, and its gradient softmax less their share", T, float, double) {
  const double tolerance = sizeof(T) == sizeof(double) ? 1e-13 : 1e-5;
  for (const Problem& problem : problems) {
    CAPTURE(problem.time);
    CAPTURE(problem.classes);
    const Array<double> scores = problem.scores(), log_p = log_softmax<double>(scores).value();
    auto [losses, gradients] = by_all_alignments(problem, log_p);
    for (std::size_t k = 0; k < log_p.size(); ++k) {
      const Shape at = Shape(log_p.shape()).position(k);
      const bool may = std::int64_t(at[0]) < problem.input_lengths(at[1]) && std::isfinite(losses(at[1]));
      gradients.flat(k) = may ? std::exp(log_p.flat(k)) - gradients.flat(k) : 0;
    }
    for (const Array<double>& given : {scores, log_p}) {
      Tape<T> tape;
      const Variable<T> x = tape.watch(given);
      const Variable<T> each = problem.loss(x, nn::Reduction::none);
      CHECK(difference(each.value(), losses) < tolerance);
      CHECK(difference(tape.backward(sum(each))[x], gradients) < tolerance);
    }
  }
}

TEST_CASE("it gives the figures that tests of warp-ctc for PyTorch have") {
  const V x = Array<double>{{{0.1, 0.6, 0.1, 0.1, 0.1}, {0.1, 0.1, 0.6, 0.1, 0.1}},
                            {{0.6, 0.1, 0.1, 0.1, 0.1}, {0.1, 0.1, 0.5, 0.2, 0.1}}};
  const auto of_both = nn::ctc_loss(x, Indices{{1, 0}, {2, 0}}, {}, Indices{2, 0}, {.reduction = nn::Reduction::sum});
  CHECK(of_both.item() == doctest::Approx(6.416517496109).epsilon(1e-7));
  const auto of_one =
      nn::ctc_loss(reshape(slice(x, 0, 0, 1), {2, 1, 5}), xt::arange<std::int64_t>(1, 3).reshape({2, 1}), {}, {},
                   {.reduction = nn::Reduction::sum});
  CHECK(of_one.item() == doctest::Approx(2.4628584384918).epsilon(1e-7));
}

TEST_CASE("its derivatives are those of differences to second order, and 0 in the padding") {
  for (const Problem& problem : problems) {
    CAPTURE(problem.time);
    const Parameter<double> scores(problem.scores(), "scores");
    if (scores.size() == 0) continue;
    Random random(72);
    const Variable<double> v = random.normal<double>({problem.batch()});
    const auto loss = [&] { return sum(v * problem.loss<double>(scores, nn::Reduction::none, true)); };
    const auto report = gradient_check(loss, {scores}, {.order = 2});
    CHECK_MESSAGE(report, report);
    CHECK(report.kinks == 0);
    Tape<double> tape;
    const auto gradients = tape.backward(loss());
    for (std::size_t k = 0; k < problem.batch(); ++k)
      for (std::size_t t = std::size_t(problem.input_lengths(k)); t < problem.time; ++t)
        for (std::size_t j = 0; j < problem.classes; ++j) CHECK(gradients[scores](t, k, j) == 0);
  }
}

TEST_CASE("labels that cannot be have a loss of ∞, or 0 if so wanted, and gradients of 0 to second order") {
  Array<double> log_p = log_softmax<double>(numbers({4, 4, 3})).value();
  for (std::size_t t = 0; t < 4; ++t) log_p(t, 2, 1) = -infinity;  // a class that never comes
  log_p(1, 3, 2) = -infinity;                                      // one that does not come at one step
  log_p = log_softmax<double>(log_p).value();
  const Problem problem{3, 0, 4, {3, 1, 4, 4}, {{1, 1, 2}, {1, 2}, {1}, {2, 1}}};
  const auto expected = by_all_alignments(problem, log_p);
  CHECK(std::isfinite(expected.losses(3)));
  for (const bool zero : {false, true}) {
    Tape<double> tape;
    const Variable<double> x = tape.watch(log_p);
    const Variable<double> losses = problem.loss(x, nn::Reduction::none, zero);
    for (std::size_t k = 0; k < 3; ++k) CHECK(losses.value()(k) == (zero ? 0 : infinity));
    CHECK(losses.value()(3) == doctest::Approx(expected.losses(3)).epsilon(1e-13));
    const Variable<double> gradient = tape.gradient(sum(losses), {x})[0];
    for (std::size_t k = 0; k < log_p.size(); ++k) {
      const double wanted = k / 3 % 4 == 3 ? std::exp(log_p.flat(k)) - expected.posteriors.flat(k) : 0;
      CHECK(std::abs(gradient.value().flat(k) - wanted) < 1e-13);
    }
    const Array<double> second = tape.backward(weighted(gradient))[x];
    double largest = 0;
    for (std::size_t k = 0; k < second.size(); ++k) {
      REQUIRE(std::isfinite(second.flat(k)));
      if (k / 3 % 4 != 3) CHECK(second.flat(k) == 0);
      largest = std::max(largest, std::abs(second.flat(k)));
    }
    CHECK(largest > 0.01);
  }
}

TEST_CASE("its mean is that of the losses by the number of labels, and without lengths all are as long as the batch") {
  const Problem& problem = problems[0];
  const Variable<double> log_p = problem.scores();
  const Array<double> each = problem.loss(log_p, nn::Reduction::none).value();
  CHECK(problem.loss(log_p, nn::Reduction::sum).item() == infinity);
  CHECK(problem.loss(log_p, nn::Reduction::sum, true).item() ==
        doctest::Approx(each(0) + each(1) + each(3) + each(4)).epsilon(1e-14));
  CHECK(problem.loss(log_p, nn::Reduction::mean, true).item() ==
        doctest::Approx((each(0) / 2 + each(1) / 2 + each(3) + each(4)) / 5).epsilon(1e-14));
  const auto total = nn::total(problem.loss(log_p, nn::Reduction::none, true));
  CHECK(total.count == 5);

  const Variable<double> full = numbers({4, 2, 3});
  const Indices labels{{1, 2}, {2, 2}};
  CHECK(nn::ctc_loss(full, labels).item() == nn::ctc_loss(full, labels, Indices{4, 4}, Indices{2, 2}).item());
}

TEST_CASE("a thousand steps neither overflow nor lose precision") {
  // All alignments are equally likely, so they are to be counted: blanks and runs of one label, (n + 1) n / 2 of n
  // steps.
  const std::size_t n = 1000;
  const Variable<double> log_p = full<double>({n, 1, 3}, -std::log(3));
  const double loss = nn::ctc_loss(log_p, xt::ones<std::int64_t>({1, 1})).item();
  CHECK(loss == doctest::Approx(double(n) * std::log(3) - std::log(double(n * (n + 1) / 2))).epsilon(1e-12));
}

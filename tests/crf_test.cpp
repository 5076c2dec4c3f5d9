// The conditional random field against all paths, one by one.
#include <doctest/doctest.h>

#include <cmath>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

using Path = std::vector<std::size_t>;

template <class T> nn::CRF<T> random_crf(std::size_t tags) {
  Random random(61);
  nn::CRF<T> crf({.tags = tags}, random);
  for (auto parameter : crf.parameters()) parameter.assign(random.normal<T>(parameter.shape()));
  return crf;
}

// All paths of a length.
std::vector<Path> paths(std::size_t length, std::size_t tags) {
  std::vector<Path> all(1);
  for (std::size_t t = 0; t < length; ++t) {
    std::vector<Path> longer;
    for (const Path& path : all)
      for (std::size_t tag = 0; tag < tags; ++tag) (longer.emplace_back(path)).push_back(tag);
    all = longer;
  }
  return all;
}

template <class T> double score(const nn::CRF<T>& crf, const Array<T>& e, std::size_t sequence, const Path& path) {
  double total = path.empty() ? 0 : double(crf.start.value()(path.front())) + double(crf.end.value()(path.back()));
  for (std::size_t t = 0; t < path.size(); ++t) {
    total += double(e(t, sequence, path[t]));
    if (t > 0) total += double(crf.transitions.value()(path[t - 1], path[t]));
  }
  return total;
}

// Sequences of these lengths, with NaN and labels out of range for padding.
struct Batch {
  std::size_t tags;
  Indices lengths;
  std::size_t time;
  Array<double> emissions = Array<double>::from_shape({time, lengths.size(), tags});
  Indices labels = Indices::from_shape({time, lengths.size()});

  Batch(std::size_t size, const Indices& all, std::size_t steps) : tags(size), lengths(all), time(steps) {
    Random random(62);
    emissions.fill(not_a_number);
    labels.fill(nn::ignored);
    for (std::size_t k = 0; k < lengths.size(); ++k)
      for (std::size_t t = 0; t < length(k); ++t) {
        labels(t, k) = std::int64_t(random.below(tags));
        for (std::size_t j = 0; j < tags; ++j) emissions(t, k, j) = random.normal<double>({})();
      }
  }
  std::size_t length(std::size_t k) const { return std::size_t(lengths(k)); }
  Path path(std::size_t k) const {
    Path result;
    for (std::size_t t = 0; t < length(k); ++t) result.push_back(std::size_t(labels(t, k)));
    return result;
  }
};

const Batch batches[] = {{3, {2, 4, 0, 1, 4}, 5}, {3, {4, 4}, 4}, {1, {2, 3}, 3},
                         {4, {1, 1, 1}, 1},       {2, {0, 0}, 3}, {2, Indices::from_shape({0}), 3},
                         {2, {0, 0}, 0},          {5, {3}, 3}};

// ln p(labels | emissions), and the best path, over all paths.
template <class T> void compare(double tolerance) {
  for (const Batch& batch : batches) {
    CAPTURE(batch.lengths);
    CAPTURE(batch.tags);
    const auto crf = random_crf<T>(batch.tags);
    const Array<T> e = xt::cast<T>(batch.emissions);
    Array<double> expected = zeros<double>({batch.lengths.size()}).value();
    Indices best = Indices::from_shape({batch.time, batch.lengths.size()});
    best.fill(nn::ignored);
    for (std::size_t k = 0; k < batch.lengths.size(); ++k) {
      double normaliser = 0, highest = -infinity;
      for (const Path& path : paths(batch.length(k), batch.tags)) {
        const double now = score(crf, e, k, path);
        normaliser += std::exp(now);
        if (now <= highest) continue;
        highest = now;
        for (std::size_t t = 0; t < path.size(); ++t) best(t, k) = std::int64_t(path[t]);
      }
      expected(k) = score(crf, e, k, batch.path(k)) - std::log(normaliser);
    }
    CHECK(difference(crf.log_likelihood(e, batch.labels, batch.lengths).value(), expected) < tolerance);
    CHECK(crf.decode(e, batch.lengths) == best);
    const Array<T> scores = crf.score(e, batch.labels, batch.lengths).value();
    for (std::size_t k = 0; k < batch.lengths.size(); ++k)
      CHECK(std::abs(double(scores(k)) - score(crf, e, k, batch.path(k))) < 10 * tolerance);
    const auto total = crf.loss(e, batch.labels, batch.lengths);
    CHECK(total.sum.item() == doctest::Approx(-xt::sum(expected)()).epsilon(tolerance));
    CHECK(total.count == double(std::count_if(batch.lengths.begin(), batch.lengths.end(), [](auto n) { return n; })));
  }
}

}  // namespace

TEST_CASE("a CRF gives the likelihood and the best path that all paths give") {
  compare<double>(1e-13);
  compare<float>(2e-5);
}

TEST_CASE("without lengths all sequences are as long as the emissions") {
  const Batch& batch = batches[1];
  const auto crf = random_crf<double>(batch.tags);
  CHECK(difference(crf.log_likelihood(batch.emissions, batch.labels),
                   crf.log_likelihood(batch.emissions, batch.labels, batch.lengths)) == 0);
  CHECK(crf.decode(batch.emissions) == crf.decode(batch.emissions, batch.lengths));
}

TEST_CASE("a CRF's derivatives are those of differences to second order, and 0 in the padding") {
  for (const Batch& batch : batches) {
    CAPTURE(batch.lengths);
    const auto crf = random_crf<double>(batch.tags);
    std::vector<Parameter<double>> parameters = crf.parameters();
    const Parameter<double> e(batch.emissions, "emissions");
    parameters.push_back(e);
    Random random(63);
    const Variable<double> v = random.normal<double>({batch.lengths.size()});
    const auto report = gradient_check([&] { return sum(v * crf.log_likelihood(e, batch.labels, batch.lengths)); },
                                       parameters, {.order = 2});
    CHECK_MESSAGE(report, report);

    Tape<double> tape;
    const auto gradients = tape.backward(crf.loss(e, batch.labels, batch.lengths).mean());
    for (std::size_t k = 0; k < batch.lengths.size(); ++k)
      for (std::size_t t = batch.length(k); t < batch.time; ++t)
        for (std::size_t j = 0; j < batch.tags; ++j) CHECK(gradients[e](t, k, j) == 0);
  }
}

// Tag 1 neither begins nor ends a sequence, and 2 does not follow it.
nn::CRF<double> forbidding_crf() {
  auto crf = random_crf<double>(3);
  for (auto* parameter : {&crf.transitions, &crf.start, &crf.end}) {
    Array<double> values = parameter->value();
    values.flat(parameter == &crf.transitions ? 1 * 3 + 2 : 1) = -infinity;
    parameter->assign(values);
  }
  return crf;
}

TEST_CASE("what is −∞ is on no path, and has derivatives of 0 to second order and steps of 0") {
  const Batch batch(3, {2, 4, 0, 1, 4}, 5);
  Indices labels = batch.labels;
  for (auto& label : labels) label = label == 1 ? 2 : label;
  labels(1, 1) = 1;
  labels(2, 1) = 0;
  auto crf = forbidding_crf();
  Parameter<double> e(batch.emissions, "emissions");
  const auto loss = [&] { return crf.loss(e, labels, batch.lengths).mean(); };
  auto checked = crf.parameters();
  checked.push_back(e);
  const auto report = gradient_check(loss, checked, {.order = 2});
  CHECK_MESSAGE(report, report);
  CHECK(report.kinks == 0);

  const Indices path = crf.decode(batch.emissions, batch.lengths);
  for (std::size_t k = 0; k < batch.lengths.size(); ++k)
    for (std::size_t t = 0; t < batch.length(k); ++t) {
      CHECK((t > 0 || path(t, k) != 1));
      CHECK((t + 1 < batch.length(k) || path(t, k) != 1));
      CHECK((t == 0 || path(t - 1, k) != 1 || path(t, k) != 2));
    }
  nn::AdamW<double> optimizer(crf.parameters(), {.learning_rate = 0.1, .weight_decay = 0.1});
  const double before = loss().item();
  for (int step = 0; step < 20; ++step) {
    Tape<double> tape;
    optimizer.step(tape.backward(loss()));
  }
  CHECK(loss().item() < before);
  for (const double x : {crf.transitions.value()(1, 2), crf.start.value()(1), crf.end.value()(1)})
    CHECK(x == -infinity);
}

TEST_CASE("labels on a path that must not be have an infinite loss, with the gradient that it tends to") {
  auto crf = forbidding_crf();
  const Array<double> e = Random(3).normal<double>({3, 1, 3});
  Indices labels{0, 1, 2};
  labels.reshape({3, 1});
  const auto gradients = [&] {
    Tape<double> tape;
    const auto loss = crf.loss(e, labels).sum;
    CHECK(loss.item() > 1e5);
    return tape.backward(loss);
  };
  const auto infinite = gradients();
  for (auto parameter : crf.parameters()) {
    Array<double> values = parameter.value();
    for (double& x : values) x = std::max(x, -1e6);
    parameter.assign(values);
  }
  const auto large = gradients();
  for (const auto& parameter : crf.parameters()) CHECK(difference(infinite[parameter], large[parameter]) < 1e-13);
}

TEST_CASE("of equal paths the one whose last tags are smallest is decoded") {
  for (const std::size_t tags : {2, 3}) {
    auto crf = random_crf<double>(tags);
    Random random(64);
    for (int number = 0; number < 200; ++number) {
      // Whole numbers, which are often equal and add up exactly; some paths must not be.
      const auto draw = [&](const Shape& shape) {
        Array<double> x = uninitialised<double>(shape);
        for (double& element : x) element = random.below(5) ? double(random.below(2)) : -infinity;
        return x;
      };
      for (auto parameter : crf.parameters()) parameter.assign(draw(parameter.shape()));
      const Array<double> e = draw({4, 1, tags});
      const auto all = paths(4, tags);
      const auto before = [](const auto& a, const auto& b) {
        return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
      };
      const auto* best = &all[0];
      for (const auto& path : all) {
        const double gain = score(crf, e, 0, path) - score(crf, e, 0, *best);
        if (gain > 0 || (!(gain < 0) && before(path, *best))) best = &path;
      }
      const Indices decoded = crf.decode(e);
      CHECK(std::equal(best->begin(), best->end(), decoded.begin(),
                       [](std::size_t a, std::int64_t b) { return std::int64_t(a) == b; }));
    }
  }
}

TEST_CASE("long sequences of large scores neither overflow nor lose precision") {
  auto crf = random_crf<double>(2);
  crf.transitions.assign(Array<double>{{0, -1e4}, {-1e4, 0}});
  Array<double> e = zeros<double>({1000, 1, 2}).value();
  for (std::size_t t = 0; t < 1000; ++t) e(t, 0, 0) = 1e3;
  Indices labels = Indices::from_shape({1000, 1});
  labels.fill(0);
  CHECK(std::abs(crf.log_likelihood(e, labels).value()(0)) < 1e-9);
  CHECK(crf.decode(e) == labels);
}

namespace {

// All paths that may be, the best first, of equal ones the one whose last tags are smallest.
template <class T>
std::vector<std::pair<double, Path>> ranked(const nn::CRF<T>& crf, const Array<T>& e, std::size_t k, std::size_t length,
                                            const nn::TagConstraints& allowed) {
  const auto may = [](const Indices& which, auto... at) { return which.dimension() == 0 || which(at...) != 0; };
  std::vector<std::pair<double, Path>> all;
  for (const Path& path : paths(length, e.shape(2))) {
    bool good = path.empty() || (may(allowed.start, path.front()) && may(allowed.end, path.back()));
    for (std::size_t t = 1; t < path.size(); ++t) good = good && may(allowed.transitions, path[t - 1], path[t]);
    if (good) all.emplace_back(score(crf, e, k, path), path);
  }
  std::ranges::stable_sort(all, [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first > b.first;
    return std::lexicographical_compare(a.second.rbegin(), a.second.rend(), b.second.rbegin(), b.second.rend());
  });
  return all;
}

// p(tag at step) by these paths.
Array<double> marginals_of(const std::vector<std::pair<double, Path>>& all, std::size_t time, std::size_t tags) {
  Array<double> result = zeros<double>({time, tags}).value();
  double total = 0;
  for (const auto& [score, path] : all) total += std::exp(score);
  for (const auto& [score, path] : all)
    for (std::size_t t = 0; t < path.size(); ++t) result(t, path[t]) += std::exp(score) / total;
  return result;
}

template <class T> void compare_paths(const Batch& batch, const nn::CRF<T>& crf, const nn::TagConstraints& allowed) {
  const double tolerance = sizeof(T) == sizeof(double) ? 1e-13 : 2e-5;
  const Array<T> e = xt::cast<T>(batch.emissions);
  const Array<T> marginals = crf.marginals(e, batch.lengths).value();
  REQUIRE(Shape(marginals.shape()) == Shape(e.shape()));
  for (const std::size_t n : {1, 3, 7, 5000}) {
    const auto found = crf.n_best(e, n, batch.lengths);
    REQUIRE(found.size() == batch.lengths.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      const auto expected = ranked(crf, e, k, batch.length(k), allowed);
      REQUIRE(found[k].size() == std::min(n, expected.size()));
      for (std::size_t r = 0; r < found[k].size(); ++r) {
        CHECK(std::ranges::equal(found[k][r].tags, expected[r].second,
                                 [](std::int64_t a, std::size_t b) { return a == std::int64_t(b); }));
        CHECK(std::abs(double(found[k][r].score) - expected[r].first) < 10 * tolerance);
      }
      const Array<double> wanted = marginals_of(expected, batch.time, batch.tags);
      for (std::size_t t = 0; t < batch.time; ++t)
        for (std::size_t j = 0; j < batch.tags; ++j)
          CHECK(std::abs(double(marginals(t, k, j)) - wanted(t, j)) < tolerance);
    }
  }
}

const std::vector<std::string> bio_tags{"I-x", "O", "B-x", "I-y", "B-y"};

template <class T> nn::CRF<T> constrained_crf() {
  Random random(65);
  nn::CRF<T> crf({.tags = 5, .allowed = nn::bio_constraints(bio_tags)}, random);
  for (auto parameter : crf.parameters()) parameter.assign(random.normal<T>(parameter.shape()));
  return crf;
}

// Labels that follow the constraints: B-x I-x ... of each sequence.
Indices spans(const Batch& batch) {
  Indices labels = batch.labels;
  for (std::size_t k = 0; k < batch.lengths.size(); ++k)
    for (std::size_t t = 0; t < batch.length(k); ++t) labels(t, k) = t % 3 == 0 ? 2 : t % 3 == 1 ? 0 : 1;
  return labels;
}

}  // namespace

TEST_CASE_TEMPLATE("n best paths and probabilities of tags are those of all paths", T, float, double) {
  for (const Batch& batch : batches) {
    CAPTURE(batch.lengths);
    CAPTURE(batch.tags);
    compare_paths(batch, random_crf<T>(batch.tags), {});
  }
}

TEST_CASE("equal paths come in the order in which decode would choose them") {
  auto crf = random_crf<double>(3);
  for (auto parameter : crf.parameters()) parameter.assign(xt::round(parameter.value()));
  Batch batch(3, {4, 5}, 5);
  batch.emissions = xt::round(batch.emissions);
  compare_paths(batch, crf, {});
}

TEST_CASE("probabilities of tags and scores have the derivatives that differences have, to second order") {
  const Batch batch(3, {2, 3, 0}, 4);
  const auto crf = random_crf<double>(3);
  std::vector<Parameter<double>> parameters = crf.parameters();
  const Parameter<double> e(batch.emissions, "emissions");
  parameters.push_back(e);
  const auto of_marginals =
      gradient_check([&] { return weighted(crf.marginals(e, batch.lengths)); }, parameters, {.order = 2});
  CHECK_MESSAGE(of_marginals, of_marginals);
  const auto of_scores = gradient_check([&] { return weighted(tanh(crf.score(e, batch.labels, batch.lengths))); },
                                        parameters, {.order = 2});
  CHECK_MESSAGE(of_scores, of_scores);
}

TEST_CASE("BIO: an I goes on with a B or an I of its kind") {
  const nn::TagConstraints allowed = nn::bio_constraints(bio_tags);
  CHECK(allowed.start == Indices{0, 1, 1, 0, 1});
  CHECK(allowed.transitions ==
        Indices{{1, 1, 1, 0, 1}, {0, 1, 1, 0, 1}, {1, 1, 1, 0, 1}, {0, 1, 1, 1, 1}, {0, 1, 1, 1, 1}});
  CHECK(allowed.end.dimension() == 0);
  CHECK(nn::bio_constraints({}).start.size() == 0);
}

TEST_CASE_TEMPLATE("paths that the constraints do not allow have no probability and are not decoded", T, float,
                   double) {
  for (const Batch& batch : {Batch(5, {4, 2, 0, 1}, 4), Batch(5, {0}, 0)}) {
    const auto crf = constrained_crf<T>();
    compare_paths(batch, crf, nn::bio_constraints(bio_tags));
    const Array<T> e = xt::cast<T>(batch.emissions);
    const auto best = crf.n_best(e, 1, batch.lengths);
    const Indices decoded = crf.decode(e, batch.lengths);
    for (std::size_t k = 0; k < batch.lengths.size(); ++k)
      for (std::size_t t = 0; t < batch.time; ++t)
        CHECK(decoded(t, k) == (t < batch.length(k) ? best[k][0].tags[t] : nn::ignored));
  }
  Random random(66);
  const nn::TagConstraints ends{.end = {0, 1, 1}};
  nn::CRF<T> crf({.tags = 3, .allowed = ends}, random);
  compare_paths(Batch(3, {3, 1}, 3), crf, ends);
}

TEST_CASE("a constrained CRF has derivatives to second order, 0 for what must not be, whose parameters stay finite") {
  const Batch batch(5, {4, 2, 0, 1}, 4);
  const Indices labels = spans(batch);
  auto crf = constrained_crf<double>();
  const Parameter<double> e(batch.emissions, "emissions");
  std::vector<Parameter<double>> parameters = crf.parameters();
  parameters.push_back(e);
  const auto report =
      gradient_check([&] { return weighted(crf.log_likelihood(e, labels, batch.lengths)); }, parameters, {.order = 2});
  CHECK_MESSAGE(report, report);
  CHECK(report.kinks == 0);

  nn::Average<double> average(crf);
  nn::Adam<double> optimizer(crf.parameters(), {.learning_rate = 0.1});
  const auto loss = [&] { return crf.loss(e, labels, batch.lengths).mean(); };
  const double before = loss().item();
  for (int step = 0; step < 20; ++step) {
    Tape<double> tape;
    const auto gradients = tape.backward(loss());
    CHECK(gradients[crf.transitions](1, 0) == 0);
    CHECK(gradients[crf.start](3) == 0);
    optimizer.step(gradients);
    average.update();
  }
  CHECK(loss().item() < before);
  average.swap();
  for (const auto& parameter : crf.parameters())
    for (const double x : parameter.value()) CHECK(std::isfinite(x));
  CHECK(std::isfinite(loss().item()));
  const auto copy = nn::clone(crf);
  CHECK(copy.decode(e, batch.lengths) == crf.decode(e, batch.lengths));
}

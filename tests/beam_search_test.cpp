// Beam search against all texts, one by one, and against a search that computes every hypothesis from its beginning.
#include <doctest/doctest.h>

#include <cmath>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

constexpr std::size_t vocabulary = 4;

using Tokens = std::vector<std::int64_t>;

// A language model with layers, whose state has hypotheses along axis 1.
struct Model {
  nn::Embedding<double> words;
  nn::LSTM<double> lstm;
  nn::Linear<double> scores;

  explicit Model(Random random)
      : words({.count = vocabulary, .size = 3}, random),
        lstm({.input = 3, .hidden = 4, .layers = 2}, random),
        scores({.input = 4, .output = vocabulary}, random) {
    for (auto parameter : scores.parameters()) parameter.assign(3 * random.normal<double>(parameter.shape()));
    for (auto parameter : lstm.parameters()) parameter.assign(random.normal<double>(parameter.shape()));
  }
  using State = nn::LSTM<double>::State;

  State start() const { return {zeros<double>({2, 1, 4}), zeros<double>({2, 1, 4})}; }
  std::pair<V, State> operator()(const State& state, const Indices& tokens) const {
    Indices row = tokens;
    row.reshape({std::size_t(1), tokens.size()});
    const auto [output, next] = lstm(words(row), {}, state);
    return {log_softmax(reshape(scores(output), {tokens.size(), vocabulary})), next};
  }
  // ln p of each token after these, all of which are computed again.
  A after(std::int64_t start_token, const Tokens& tokens) const {
    State state = start();
    V log_p;
    for (std::size_t t = 0; t <= tokens.size(); ++t)
      std::tie(log_p, state) = (*this)(state, Indices{t ? tokens[t - 1] : start_token});
    return reshape(log_p, {vocabulary}).value();
  }
};

double score_of(const nn::Hypothesis& h, double alpha) {
  return h.log_probability / std::pow((5.0 + double(h.tokens.size())) / 6, alpha);
}

void sort_by_score(std::vector<nn::Hypothesis>& all, double alpha) {
  for (auto& h : all) h.score = score_of(h, alpha);
  std::ranges::stable_sort(all, [](const auto& a, const auto& b) { return a.score > b.score; });
}

// Every text that ends, or is as long as it may be.
void all_texts(const Model& model, const nn::BeamSearchOptions& o, const nn::Hypothesis& h,
               std::vector<nn::Hypothesis>& found) {
  if (h.tokens.size() == o.length || (!h.tokens.empty() && h.tokens.back() == o.end)) return found.push_back(h);
  const A log_p = model.after(o.start, h.tokens);
  for (std::size_t token = 0; token < vocabulary; ++token) {
    nn::Hypothesis longer = h;
    longer.tokens.push_back(std::int64_t(token));
    longer.log_probability += log_p(token);
    all_texts(model, o, longer, found);
  }
}

// The same search, without a state.
std::vector<nn::Hypothesis> plain_search(const Model& model, const nn::BeamSearchOptions& o) {
  std::vector<nn::Hypothesis> running(1), ended;
  for (std::size_t t = 0; t < o.length; ++t) {
    std::vector<nn::Hypothesis> longer;
    for (const auto& h : running) {
      const A log_p = model.after(o.start, h.tokens);
      for (std::size_t token = 0; token < vocabulary; ++token) {
        longer.push_back(h);
        longer.back().tokens.push_back(std::int64_t(token));
        longer.back().log_probability += log_p(token);
      }
    }
    std::ranges::stable_sort(longer,
                             [](const auto& a, const auto& b) { return a.log_probability > b.log_probability; });
    longer.resize(std::min(longer.size(), o.width - ended.size()));
    running.clear();
    for (const auto& h : longer) (h.tokens.back() == o.end ? ended : running).push_back(h);
  }
  ended.insert(ended.end(), running.begin(), running.end());
  sort_by_score(ended, o.length_penalty);
  return ended;
}

void compare(const std::vector<nn::Hypothesis>& found, const std::vector<nn::Hypothesis>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t k = 0; k < found.size(); ++k) {
    CHECK(found[k].tokens == expected[k].tokens);
    CHECK(found[k].log_probability == doctest::Approx(expected[k].log_probability).epsilon(1e-12));
    CHECK(found[k].score == doctest::Approx(expected[k].score).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("so wide a beam that nothing falls off finds all texts in the order of their scores") {
  for (const std::uint64_t seed : {1, 2, 3})
    for (const double alpha : {0.0, 0.6, 2.0}) {
      const Model model((Random(seed)));
      const nn::BeamSearchOptions o{.width = 64, .length = 3, .start = 1, .end = 2, .length_penalty = alpha, .axis = 1};
      std::vector<nn::Hypothesis> expected;
      all_texts(model, o, {}, expected);
      CHECK(expected.size() == 1 + 3 + 9 * 4);
      sort_by_score(expected, alpha);
      compare(nn::beam_search(model.start(), model, o), expected);
    }
}

TEST_CASE("a beam of one is greedy") {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    const Model model((Random(seed)));
    Tokens greedy;
    double log_probability = 0;
    while (greedy.size() < 12 && (greedy.empty() || greedy.back() != 0)) {
      const A log_p = model.after(3, greedy);
      greedy.push_back(argmax(V(log_p))());
      log_probability += log_p(std::size_t(greedy.back()));
    }
    const auto found =
        nn::beam_search(model.start(), model, {.width = 1, .length = 12, .start = 3, .end = 0, .axis = 1});
    REQUIRE(found.size() == 1);
    CHECK(found[0].tokens == greedy);
    CHECK(found[0].log_probability == doctest::Approx(log_probability).epsilon(1e-12));
    CHECK(found[0].score == found[0].log_probability);
  }
}

TEST_CASE("states go on with the hypotheses that they are of") {
  std::size_t ends = 0;
  for (const std::uint64_t seed : {1, 2, 3, 4})
    for (const std::size_t width : {2, 3, 7})
      for (const std::int64_t end : {-1, 0, 2}) {
        const Model model((Random(seed)));
        const nn::BeamSearchOptions o{
            .width = width, .length = 6, .start = 1, .end = end, .length_penalty = 1, .axis = 1};
        const auto found = nn::beam_search(model.start(), model, o);
        compare(found, plain_search(model, o));
        ends += std::size_t(std::ranges::count_if(found, [&](const auto& h) { return h.tokens.size() < o.length; }));
      }
  CHECK(ends > 10);
}

TEST_CASE_TEMPLATE("a state may be one variable or vectors of arrays of them, on a tape or not", T, float, double) {
  // ln p of a token is that of its row of a table, by the last token alone.
  const Array<T> table = log_softmax<T>(numbers<T>({3, 3})).value();
  const auto step = [&](const auto& state, const Indices& tokens) {
    return std::pair(take(Variable<T>(table), tokens), state);
  };
  const nn::BeamSearchOptions o{.width = 4, .length = 4, .start = 1, .end = 0};
  const auto found = nn::beam_search(zeros<T>({1, 2}), step, o);
  CHECK(found.size() == 4);
  using Pair = std::array<Variable<T>, 2>;
  Tape<T> tape;
  const Variable<T> x = tape.watch(zeros<T>({1}));
  compare(nn::beam_search(std::vector<Pair>{{x, x}, {x, x}}, step, o), found);
  compare(nn::beam_search(std::vector<Variable<T>>(), step, o), found);
}

TEST_CASE("what has no probability is not found, and of equal ones earlier hypotheses and smaller tokens go on") {
  const auto by = [](const A& table) {
    return [table](const V& state, const Indices& tokens) { return std::pair(take(V(table), tokens), state); };
  };
  const V state = zeros<double>({1});
  const double half = -std::log(2);
  const auto alternating = nn::beam_search(state, by({{-infinity, 0}, {0, -infinity}}), {.width = 3, .length = 3});
  REQUIRE(alternating.size() == 1);
  CHECK(alternating[0].tokens == Tokens{1, 0, 1});
  CHECK(alternating[0].log_probability == 0);
  CHECK(nn::beam_search(state, by({{-infinity, -infinity}, {0, 0}}), {.width = 3, .length = 3}).empty());
  const auto equal = nn::beam_search(state, by({{half, half}, {half, half}}), {.width = 3, .length = 2});
  REQUIRE(equal.size() == 3);
  CHECK(equal[0].tokens == Tokens{0, 0});
  CHECK(equal[1].tokens == Tokens{0, 1});
  CHECK(equal[2].tokens == Tokens{1, 0});
}

// Tokens that are drawn by their scores.
#include <doctest/doctest.h>

#include <unroll/nn/text/sampling.hpp>

#include "support.hpp"

using namespace unroll;

TEST_CASE_TEMPLATE("pieces are drawn as often as softmax says, from the most likely ones if so wanted", T, float,
                   double) {
  const Array<T> scores{{std::log(T(1)), std::log(T(2)), std::log(T(5)), std::log(T(2))}};
  Random random(1);
  const auto shares = [&](const nn::SamplingOptions& sampling) {
    std::vector<double> counts(4);
    for (int k = 0; k < 20000; ++k) counts[std::size_t(nn::sample(scores, sampling, random))] += 1 / 20000.0;
    return counts;
  };
  const auto check = [&](const nn::SamplingOptions& sampling, const std::vector<double>& wanted) {
    const std::vector<double> found = shares(sampling);
    for (std::size_t k = 0; k < 4; ++k) CHECK(found[k] == doctest::Approx(wanted[k]).epsilon(0.02).scale(0.5));
  };
  check({}, {0.1, 0.2, 0.5, 0.2});
  check({.temperature = 0}, {0, 0, 1, 0});
  check({.temperature = 0.5}, {1 / 34.0, 4 / 34.0, 25 / 34.0, 4 / 34.0});
  check({.top_k = 1}, {0, 0, 1, 0});
  check({.top_k = 2}, {0, 2 / 7.0, 5 / 7.0, 0});
  check({.top_p = 0.9}, {0, 2 / 9.0, 5 / 9.0, 2 / 9.0});
  check({.top_p = 0}, {0, 0, 1, 0});
}

TEST_CASE("a score of -inf is never drawn") {
  const float never = -std::numeric_limits<float>::infinity();
  const Array<float> scores{never, 0, never, 1};
  Random random(2);
  for (int k = 0; k < 1000; ++k) CHECK(nn::sample(scores, {.temperature = 3}, random) % 2 == 1);
}

// Batches of sequences: padding, order, shuffling.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <unroll/nn/training/batches.hpp>
#include <vector>

#include "support.hpp"

using namespace unroll;

namespace {

using Values = std::vector<std::int64_t>;

Values values(const Indices& indices) { return Values(indices.data(), indices.data() + indices.size()); }

Shape shape(const Indices& indices) { return Shape(indices.shape()); }

// Forty sequences of lengths 0 to 12 whose tokens tell row and position.
nn::Sequences corpus() {
  nn::Sequences sequences(40);
  for (std::size_t row = 0; row < sequences.size(); ++row)
    for (std::size_t t = 0; t < row * 7 % 13; ++t) sequences[row].push_back(static_cast<std::int64_t>(100 * row + t));
  return sequences;
}

std::vector<std::size_t> rows_of(const std::vector<nn::Batch>& batches) {
  std::vector<std::size_t> rows;
  for (const auto& batch : batches) rows.insert(rows.end(), batch.rows.begin(), batch.rows.end());
  return rows;
}

std::vector<std::size_t> first_numbers(std::size_t n) {
  std::vector<std::size_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  return numbers;
}

}  // namespace

TEST_CASE("sequences are padded at their ends, time first") {
  const nn::Sequences sequences = {{1, 2, 3}, {}, {4}, {5, 6}};
  const Indices padded = nn::pad(sequences, {3, 0, 1}, -7);
  CHECK(shape(padded) == Shape{3, 3});
  CHECK(values(padded) == Values{5, 1, -7, 6, 2, -7, -7, 3, -7});
  CHECK(shape(nn::pad(sequences, {1, 1}, 0)) == Shape{0, 2});
  CHECK(shape(nn::pad(sequences, {}, 0)) == Shape{0, 0});
  CHECK(error_of([&] { nn::pad(sequences, {0, 4}, 0); }) == "pad: row 4; the number of sequences is 4");
}

TEST_CASE("unshuffled rows are grouped from the longest to the shortest, equal ones in their order") {
  CHECK(nn::batches_of_similar_length({2, 5, 2, 0, 9}, 2) ==
        std::vector<std::vector<std::size_t>>{{4, 1}, {0, 2}, {3}});
  CHECK(nn::batches_of_similar_length({1, 1}, 5) == std::vector<std::vector<std::size_t>>{{0, 1}});
  CHECK(nn::batches_of_similar_length({}, 5).empty());
  CHECK(nn::batches_of_similar_length(std::vector<std::size_t>(100, 3), 100).at(0) == first_numbers(100));
  CHECK(error_of([] { nn::batches_of_similar_length({1}, 0); }) ==
        "batches: the batch size is 0; it must be at least 1");
}

TEST_CASE("batches hold every sequence exactly once, as it is") {
  const nn::Sequences tokens = corpus();
  nn::Sequences labels = tokens;
  for (auto& sequence : labels)
    for (auto& label : sequence) label += 1'000'000;
  Random random(5);
  for (Random* source : {static_cast<Random*>(nullptr), &random}) {
    const auto batches = nn::make_batches(tokens, labels, {.size = 7, .padding = -1}, source);
    CHECK(batches.size() == 6);
    auto rows = rows_of(batches);
    std::ranges::sort(rows);
    CHECK(rows == first_numbers(tokens.size()));
    for (const auto& batch : batches) {
      const std::size_t time = tokens[batch.rows[0]].size();
      REQUIRE(shape(batch.tokens) == Shape{time, batch.rows.size()});
      REQUIRE(shape(batch.labels) == shape(batch.tokens));
      REQUIRE(shape(batch.lengths) == Shape{batch.rows.size()});
      for (std::size_t column = 0; column < batch.rows.size(); ++column) {
        const std::size_t row = batch.rows[column];
        CHECK(batch.lengths(column) == std::ssize(tokens[row]));
        for (std::size_t t = 0; t < time; ++t) {
          CHECK(batch.tokens(t, column) == (t < tokens[row].size() ? tokens[row][t] : -1));
          CHECK(batch.labels(t, column) == (t < tokens[row].size() ? labels[row][t] : nn::ignored));
        }
      }
    }
  }
}

TEST_CASE("batches pad as little as batches of their size can, shuffled or not") {
  const nn::Sequences tokens = corpus();
  const auto cells = [](const std::vector<nn::Batch>& batches) {
    std::size_t sum = 0;
    for (const auto& batch : batches) sum += batch.tokens.size();
    return sum;
  };
  std::vector<std::size_t> lengths;
  for (const auto& sequence : tokens) lengths.push_back(sequence.size());
  std::ranges::sort(lengths, std::greater());
  std::size_t least = 0;
  for (std::size_t k = 0; k < lengths.size(); k += 8) least += 8 * lengths[k];
  Random random(6);
  CHECK(cells(nn::make_batches(tokens, {.size = 8})) == least);
  CHECK(cells(nn::make_batches(tokens, {.size = 8}, &random)) == least);
}

TEST_CASE("a seed decides the order of batches and of sequences of equal length") {
  const nn::Sequences tokens(60, {1, 2, 3});
  const auto shuffled = [&](Random& random) { return rows_of(nn::make_batches(tokens, {.size = 1}, &random)); };
  Random a(1), same(1), other(2);
  const auto rows = shuffled(a);
  CHECK(rows == shuffled(same));
  CHECK(rows != shuffled(other));
  CHECK(rows != shuffled(a));
  CHECK(rows != first_numbers(60));

  nn::Sequences longer;
  for (std::size_t length = 60; length > 0; --length) longer.emplace_back(length, 1);
  const auto batches = nn::make_batches(longer, {.size = 4}, &a);
  CHECK(rows_of(batches) != first_numbers(60));
  for (const auto& batch : batches) CHECK(std::ranges::is_sorted(batch.rows));

  const auto ties = nn::make_batches(tokens, {.size = 60}, &a);
  REQUIRE(ties.size() == 1);
  CHECK(ties[0].rows != first_numbers(60));
}

TEST_CASE("a shuffle is fair") {
  Random random(3);
  std::array<int, 6> times{};
  const std::vector<std::vector<std::size_t>> orders = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int k = 0; k < 6000; ++k) {
    const auto rows = nn::batches_of_similar_length({4, 4, 4}, 3, &random).at(0);
    ++times[static_cast<std::size_t>(std::ranges::find(orders, rows) - orders.begin())];
  }
  for (const int n : times) CHECK(std::abs(n - 1000) < 150);
}

TEST_CASE("a batch size above the number of sequences is that number") {
  const auto all = nn::batches_of_similar_length({1, 3, 2}, most);
  CHECK(all == std::vector<std::vector<std::size_t>>{{1, 2, 0}});
}

TEST_CASE("batches without labels have none") {
  const auto batches = nn::make_batches({{1, 2}, {3}});
  REQUIRE(batches.size() == 1);
  CHECK(values(batches[0].tokens) == Values{1, 3, 2, 0});
  CHECK(shape(batches[0].labels) == Shape{0, 0});
  CHECK(nn::make_batches(nn::Sequences{}).empty());
}

TEST_CASE("labels that do not fit the tokens are refused") {
  const nn::Sequences tokens = {{1}, {2, 3}};
  CHECK(error_of([&] { nn::make_batches(tokens, nn::Sequences{{1}}, {}); }) ==
        "batches: the number of sequences is 2 in tokens and 1 in labels; it must be the same");
  CHECK(error_of([&] {
          nn::make_batches(tokens, nn::Sequences{{1}, {2}}, {});
        }) == "batches: sequence 1 has length 2 in tokens and 1 in labels; each token needs one label");
  CHECK(error_of([&] { nn::make_batches(tokens, {.size = 0}); }) ==
        "batches: the batch size is 0; it must be at least 1");
}

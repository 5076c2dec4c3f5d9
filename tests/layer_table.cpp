#include "layer_table.hpp"

#include <doctest/doctest.h>

namespace unroll {
namespace {

constexpr Extent all_sizes[] = {{4, 3}, {3, 1}, {1, 4}, {0, 3}, {4, 0}, {1, 1}};

// Σ v ⊙ x over the outputs, with the same random v each time.
template <class T> Variable<T> contract(const std::vector<Variable<T>>& outputs) {
  Random random(19);
  Variable<T> total = 0;
  for (const Variable<T>& output : outputs) total = total + sum(output * random.normal<T>(output.shape()));
  return total;
}

}  // namespace

Indices lengths_of(Extent sizes) {
  Indices lengths = Indices::from_shape({sizes.batch});
  const std::size_t pattern[] = {(sizes.time + 1) / 2, sizes.time, 0};
  for (std::size_t k = 0; k < sizes.batch; ++k) lengths(k) = static_cast<std::int64_t>(pattern[k % 3]);
  return lengths;
}

void check_values(const std::vector<Row>& table) {
  for (const Row& row : table) {
    for (const Extent& sizes : all_sizes) {
      CAPTURE(row.name);
      CAPTURE(sizes.time);
      CAPTURE(sizes.batch);
      const auto subject = row.in_double(sizes);
      const auto outputs = subject.outputs();
      const auto expected = subject.expected();
      REQUIRE(outputs.size() == expected.size());
      for (std::size_t k = 0; k < outputs.size(); ++k) CHECK(difference(outputs[k].value(), expected[k]) < 1e-13);
      const auto in_float = row.in_float(sizes).outputs();
      for (std::size_t k = 0; k < outputs.size(); ++k) CHECK(difference(in_float[k].value(), expected[k]) < 2e-5);
    }
  }
}

void check_derivatives(const std::vector<Row>& table) {
  for (const Row& row : table) {
    for (const Extent& sizes : all_sizes) {
      CAPTURE(row.name);
      CAPTURE(sizes.time);
      CAPTURE(sizes.batch);
      const auto subject = row.in_double(sizes);
      std::size_t entries = 0;
      for (const auto& parameter : subject.parameters) entries += parameter.size();
      if (entries == 0) continue;
      const GradientReport report =
          gradient_check([&] { return contract(subject.outputs()); }, subject.parameters, {.order = 2});
      CHECK_MESSAGE(report, report);
      CHECK(report.kinks == 0);
    }
  }
}

}  // namespace unroll

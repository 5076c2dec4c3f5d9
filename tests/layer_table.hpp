// How a table of layers is made and tested: each against a naive reference, against differences to second order, in
// float, and on nothing.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <unroll/nn/nn.hpp>
#include <utility>

#include "support.hpp"

namespace unroll {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Extent {
  std::size_t time, batch;
};

// A layer on fixed inputs: what it makes of them, what it must make of them, and what it has derivatives by.
template <class T>
struct Subject {
  std::vector<Parameter<T>> parameters;
  std::function<std::vector<Variable<T>>()> outputs;
  std::function<std::vector<Array<double>>()> expected;
};

struct Row {
  std::string header, name;
  std::function<Subject<double>(Extent)> in_double;
  std::function<Subject<float>(Extent)> in_float;
};

template <class Make>
Row row(std::string header, std::string name, Make make) {
  return {std::move(header), std::move(name), [make](Extent sizes) { return make(double(), sizes); },
          [make](Extent sizes) { return make(float(), sizes); }};
}

// Lengths that differ, in no order, one of them 0.
inline Indices lengths_of(Extent sizes) {
  Indices lengths = Indices::from_shape({sizes.batch});
  const std::size_t pattern[] = {(sizes.time + 1) / 2, sizes.time, 0};
  for (std::size_t k = 0; k < sizes.batch; ++k) lengths(k) = static_cast<std::int64_t>(pattern[k % 3]);
  return lengths;
}

// Random numbers with NaN for padding.
template <class T>
Array<T> padded(Extent sizes, std::size_t features, Random& random) {
  const Indices lengths = lengths_of(sizes);
  Array<T> x = random.normal<T>({sizes.time, sizes.batch, features});
  for (std::size_t t = 0; t < sizes.time; ++t)
    for (std::size_t b = 0; b < sizes.batch; ++b)
      for (std::size_t k = 0; k < features && std::int64_t(t) >= lengths(b); ++k) x(t, b, k) = T(not_a_number);
  return x;
}

inline Array<double> zero_array(const Shape& shape) { return zeros<double>(shape).value(); }

inline double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// Recurrent layers, one sequence, one step and one unit at a time.

using Vector = std::vector<double>;

// The weights of one cell.
struct Weights {
  std::map<std::string, Array<double>> all;
  std::string suffix;

  const Array<double>& at(const std::string& name) const { return all.at(name + suffix); }
  /// (W v + b) at a row, for W and b of this kind, ih or hh.
  double operator()(const std::string& kind, std::size_t row, const Vector& v) const {
    double sum = all.contains("bias_" + kind + suffix) ? at("bias_" + kind)(row) : 0;
    for (std::size_t k = 0; k < v.size(); ++k) sum += at("weight_" + kind)(row, k) * v[k];
    return sum;
  }
};

// The state of a cell after one step, for inputs x and a state.
using Step = std::function<std::vector<Vector>(const Weights&, const Vector&, const std::vector<Vector>&)>;

// The output of a stack of layers, and its final states.
template <class Layer>
std::vector<Array<double>> run_naively(const Layer& layer, const Step& step, const Array<double>& x,
                                       const Indices& lengths, const std::vector<Array<double>>& initial) {
  const auto& options = layer.options();
  const std::size_t batch = x.shape(1), hidden = initial[0].shape(2), directions = options.bidirectional ? 2 : 1;
  Array<double> output = zero_array({x.shape(0), batch, directions * hidden});
  std::vector<Array<double>> final = initial;
  Weights weights;
  for (const auto& [name, parameter] : layer.named_parameters()) weights.all[name] = parameter.value();
  for (std::size_t b = 0; b < batch; ++b) {
    const auto length = static_cast<std::size_t>(lengths(b));
    std::vector<Vector> rows(length);
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t k = 0; k < options.input; ++k) rows[t].push_back(x(t, b, k));
    for (std::size_t cell = 0; cell < options.layers * directions;) {
      std::vector<Vector> next(length);
      for (std::size_t direction = 0; direction < directions; ++direction, ++cell) {
        weights.suffix = "_l" + std::to_string(cell / directions) + (direction ? "_reverse" : "");
        std::vector<Vector> state(initial.size());
        for (std::size_t n = 0; n < state.size(); ++n)
          for (std::size_t j = 0; j < initial[n].shape(2); ++j) state[n].push_back(initial[n](cell, b, j));
        for (std::size_t k = 0; k < length; ++k) {
          const std::size_t t = direction ? length - 1 - k : k;
          const std::vector<Vector> before = std::exchange(state, step(weights, rows[t], state));
          for (std::size_t n = 0; n < state.size(); ++n)
            for (std::size_t j = 0; j < state[n].size(); ++j)
              state[n][j] += options.zoneout[n] * (before[n][j] - state[n][j]);
          next[t].insert(next[t].end(), state[0].begin(), state[0].end());
        }
        for (std::size_t n = 0; n < state.size(); ++n)
          for (std::size_t j = 0; j < state[n].size(); ++j) final[n](cell, b, j) = state[n][j];
      }
      const bool residual = options.residual && cell > directions;
      for (std::size_t t = 0; t < length && residual; ++t)
        for (std::size_t k = 0; k < next[t].size(); ++k) next[t][k] += rows[t][k];
      rows = next;
    }
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t k = 0; k < directions * hidden; ++k) output(t, b, k) = rows[t][k];
  }
  final.insert(final.begin(), output);
  return final;
}

enum class Initial { zero, given, learned };

// A recurrent layer on padded sequences, with random weights and initial states.
template <class Layer>
auto recurrent(Extent sizes, typename Layer::Options options, const Step& step, Initial kind = Initial::given) {
  using T = typename Layer::T;
  Random random(11);
  options.input = 2;
  options.hidden = 3;
  options.learned_initial = kind == Initial::learned;
  const auto layer = std::make_shared<Layer>(options, random);
  std::vector<Parameter<T>> parameters = layer->parameters();
  for (Parameter<T>& parameter : parameters) parameter.assign(random.normal<T>(parameter.shape(), 0, 0.7));
  const Parameter<T> x(padded<T>(sizes, options.input, random), "x");
  parameters.push_back(x);
  const Indices lengths = lengths_of(sizes);
  constexpr std::size_t states = std::tuple_size_v<typename Layer::State>;
  std::optional<typename Layer::State> initial;
  const std::size_t cells = layer->cells().size();
  std::vector<Array<double>> start;
  for (std::size_t n = 0; n < states; ++n) {
    std::size_t width = options.hidden;
    if constexpr (requires { options.cell.projection; })
      if (n == 0 && options.cell.projection) width = options.cell.projection;
    start.push_back(zero_array({cells, sizes.batch, width}));
    if (kind == Initial::given) {
      const Parameter<T> h(random.normal<T>({cells, sizes.batch, width}), "initial " + std::to_string(n));
      if (n == 0) initial.emplace();
      (*initial)[n] = h;
      parameters.push_back(h);
      start[n] = h.value();
    }
    const auto& named = layer->named_parameters();
    for (std::size_t k = 0; kind == Initial::learned && k < start[n].size(); ++k) {
      const std::size_t cell = k / (sizes.batch * width);
      start[n].flat(k) = named[named.size() - (cells - cell) * states + n].second.value()(k % width);
    }
  }
  return Subject<T>{parameters,
                    [=] {
                      const auto [output, state] = (*layer)(x, lengths, initial);
                      std::vector<Variable<T>> all(state.begin(), state.end());
                      all.insert(all.begin(), output);
                      return all;
                    },
                    [=] { return run_naively(*layer, step, xt::cast<double>(x.value()), lengths, start); }};
}

inline const Extent all_sizes[] = {{4, 3}, {3, 1}, {1, 4}, {0, 3}, {4, 0}, {1, 1}};

// Σ v ⊙ x over the outputs, with the same random v each time.
template <class T>
Variable<T> contract(const std::vector<Variable<T>>& outputs) {
  Random random(19);
  Variable<T> total = 0;
  for (const Variable<T>& output : outputs) total = total + sum(output * random.normal<T>(output.shape()));
  return total;
}

// Values against the naive reference, in double and in float.
inline void check_values(const std::vector<Row>& table) {
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

// First and second derivatives against differences.
inline void check_derivatives(const std::vector<Row>& table) {
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

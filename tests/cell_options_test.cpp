// The options of the cells that come with the library.
#include <doctest/doctest.h>

#include "layer_table.hpp"

using namespace unroll;

namespace {

// Rows begin to end of W v + b, or of LN(W v) ⊙ gain + b with layer norm.
Vector part(const Weights& w, const std::string& kind, const Vector& v, std::size_t begin, std::size_t end) {
  Vector y;
  for (std::size_t row = begin; row < end; ++row) {
    double sum = 0;
    for (std::size_t k = 0; k < v.size(); ++k) sum += w.at("weight_" + kind)(row, k) * v[k];
    y.push_back(sum);
  }
  const bool normalised = w.all.contains("norm_" + kind + w.suffix), biased = w.all.contains("bias_" + kind + w.suffix);
  if (normalised) {
    double mean = 0, variance = 0;
    for (const double element : y) mean += element / double(y.size());
    for (const double element : y) variance += std::pow(element - mean, 2) / double(y.size());
    for (double& element : y) element = (element - mean) / std::sqrt(variance + 1e-5);
  }
  for (std::size_t k = 0; k < y.size(); ++k)
    y[k] = (normalised ? w.at("norm_" + kind)(begin + k) : 1) * y[k] + (biased ? w.at("bias_" + kind)(begin + k) : 0);
  return y;
}

Step elman(double (*g)(double)) {
  return [g](const Weights& w, const Vector& x, const std::vector<Vector>& state) {
    Vector h = part(w, "ih", x, 0, state[0].size());
    const Vector of_h = part(w, "hh", state[0], 0, h.size());
    for (std::size_t j = 0; j < h.size(); ++j) h[j] = g(h[j] + of_h[j]);
    return std::vector<Vector>{h};
  };
}

std::vector<Vector> gru(bool reset_after, const Weights& w, const Vector& x, const std::vector<Vector>& state) {
  const Vector& h = state[0];
  const std::size_t n = h.size();
  const Vector of_x = part(w, "ih", x, 0, 3 * n), gates = part(w, "hh", h, 0, (reset_after ? 3 : 2) * n);
  Vector reset = h, next = h;
  for (std::size_t j = 0; j < n; ++j) reset[j] *= sigma(of_x[j] + gates[j]);
  const Vector of_reset = reset_after ? Vector() : part(w, "hh", reset, 2 * n, 3 * n);
  for (std::size_t j = 0; j < n; ++j) {
    const double of_h = reset_after ? sigma(of_x[j] + gates[j]) * gates[2 * n + j] : of_reset[j];
    const double z = sigma(of_x[n + j] + gates[n + j]);
    next[j] = (1 - z) * std::tanh(of_x[2 * n + j] + of_h) + z * h[j];
  }
  return {next};
}

Step lstm(const nn::LSTMOptions& options) {
  return [options](const Weights& w, const Vector& x, const std::vector<Vector>& state) {
    const Vector& c = state[1];
    const std::size_t n = c.size(), gates = options.coupled ? 3 : 4;
    Vector a = part(w, "ih", x, 0, gates * n);
    const Vector of_h = part(w, "hh", state[0], 0, gates * n);
    for (std::size_t k = 0; k < a.size(); ++k) a[k] += of_h[k];
    const auto gate = [&](const std::string& letter, std::size_t k, const Vector& seen, std::size_t j) {
      return sigma(a[k * n + j] + (options.peepholes ? w.at("peephole_" + letter)(j) * seen[j] : 0));
    };
    Vector next(n), h(n);
    for (std::size_t j = 0; j < n; ++j) {
      const double f = gate("f", gates - 3, c, j), i = options.coupled ? 1 - f : gate("i", 0, c, j);
      next[j] = f * c[j] + i * std::tanh(a[(gates - 2) * n + j]);
    }
    // LN(c') is that of the identity times c'.
    Vector shown = next;
    if (options.layer_norm) {
      Weights of_c{w.all, w.suffix};
      of_c.all["weight_c" + w.suffix] = Array<double>(xt::eye<double>(n));
      shown = part(of_c, "c", next, 0, n);
    }
    for (std::size_t j = 0; j < n; ++j) h[j] = gate("o", gates - 1, next, j) * std::tanh(shown[j]);
    return std::vector<Vector>{options.projection ? part(w, "hr", h, 0, options.projection) : h, next};
  };
}

template <class T>
auto lstm_row(Extent sizes, const nn::LSTMOptions& cell, bool bias = true, Initial initial = Initial::given) {
  return recurrent<nn::LSTM<T>>(
      sizes, {.layers = cell.projection ? 2u : 1u, .bidirectional = true, .bias = bias, .cell = cell}, lstm(cell),
      initial);
}

const std::vector<Row> table{
    row("lstm.hpp", "LSTM with layer norm",
        []<class T>(T, Extent sizes) { return lstm_row<T>(sizes, {.layer_norm = true}); }),
    row("lstm.hpp", "LSTM with layer norm, without biases",
        []<class T>(T, Extent sizes) { return lstm_row<T>(sizes, {.layer_norm = true}, false); }),
    row("lstm.hpp", "LSTM with peepholes",
        []<class T>(T, Extent sizes) { return lstm_row<T>(sizes, {.peepholes = true}); }),
    row("lstm.hpp", "LSTM with coupled gates",
        []<class T>(T, Extent sizes) { return lstm_row<T>(sizes, {.coupled = true}); }),
    row("lstm.hpp", "LSTM with a projection",
        []<class T>(T, Extent sizes) { return lstm_row<T>(sizes, {.projection = 2}); }),
    row("lstm.hpp", "LSTM with everything and learned initial states",
        []<class T>(T, Extent sizes) {
          return lstm_row<T>(sizes, {.layer_norm = true, .peepholes = true, .coupled = true, .projection = 2}, true,
                             Initial::learned);
        }),
    row("gru.hpp", "GRU with layer norm, reset after",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.bidirectional = true, .cell = {.layer_norm = true}},
                                       std::bind_front(gru, true));
        }),
    row("gru.hpp", "GRU with layer norm, reset before",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.cell = {.reset = nn::Reset::before, .layer_norm = true}},
                                       std::bind_front(gru, false));
        }),
    row("elman.hpp", "RNN with layer norm",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::RNN<T>>(sizes, {.bidirectional = true, .cell = {.layer_norm = true}},
                                       elman([](double x) { return std::tanh(x); }));
        }),
};

std::vector<std::pair<std::string, Shape>> names_and_shapes(const nn::Module<double>& module) {
  std::vector<std::pair<std::string, Shape>> all;
  for (const auto& [name, parameter] : module.named_parameters()) all.emplace_back(name, parameter.shape());
  return all;
}

}  // namespace

TEST_CASE("every option of a cell gives what its equations give") { check_values(table); }

TEST_CASE("every option of a cell has the first and second derivatives that differences have") {
  check_derivatives(table);
}

TEST_CASE("chunks of time that carry their state give what the whole gives, with every option") {
  Random random(61);
  const nn::LSTM<double> layer(
      {.input = 2,
       .hidden = 3,
       .layers = 2,
       .dropout = 0.5,
       .variational_dropout = true,
       .zoneout = {0.1, 0.2},
       .residual = true,
       .cell = {.forget_bias = 1, .layer_norm = true, .peepholes = true, .coupled = true, .projection = 2}},
      random);
  const Extent sizes{7, 3};
  const Indices lengths = lengths_of(sizes);
  const Variable<double> x = padded<double>(sizes, 2, random);
  const auto whole = layer(x, lengths);
  std::vector<Variable<double>> outputs;
  std::optional<nn::LSTM<double>::State> state;
  for (const auto& [begin, end] : {std::pair(0, 2), std::pair(2, 3), std::pair(3, 7)}) {
    Indices left = lengths;
    for (std::int64_t& length : left) length = std::clamp<std::int64_t>(length - begin, 0, end - begin);
    const auto part = layer(slice(x, 0, begin, end), left, state);
    outputs.push_back(part.output);
    state = part.state;
  }
  CHECK(difference(concatenate(outputs), whole.output) < 1e-15);
  for (std::size_t n = 0; n < 2; ++n) CHECK(difference((*state)[n], whole.state[n]) < 1e-15);
}

TEST_CASE("the parameters of options have names, shapes and start values") {
  using Named = std::vector<std::pair<std::string, Shape>>;
  Random random(62);
  const nn::LSTM<double> projected({.input = 5, .hidden = 4, .layers = 2, .cell = {.projection = 3}}, random);
  CHECK(names_and_shapes(projected) == Named{{"weight_ih_l0", {16, 5}},
                                             {"weight_hh_l0", {16, 3}},
                                             {"bias_ih_l0", {16}},
                                             {"bias_hh_l0", {16}},
                                             {"weight_hr_l0", {3, 4}},
                                             {"weight_ih_l1", {16, 3}},
                                             {"weight_hh_l1", {16, 3}},
                                             {"bias_ih_l1", {16}},
                                             {"bias_hh_l1", {16}},
                                             {"weight_hr_l1", {3, 4}}});
  const nn::LSTM<double> all(
      {.input = 5, .hidden = 4, .cell = {.forget_bias = 2, .layer_norm = true, .peepholes = true, .coupled = true}},
      random);
  CHECK(names_and_shapes(all) == Named{{"weight_ih_l0", {12, 5}},
                                       {"weight_hh_l0", {12, 4}},
                                       {"bias_ih_l0", {12}},
                                       {"bias_hh_l0", {12}},
                                       {"norm_ih_l0", {12}},
                                       {"norm_hh_l0", {12}},
                                       {"norm_c_l0", {4}},
                                       {"bias_c_l0", {4}},
                                       {"peephole_f_l0", {4}},
                                       {"peephole_o_l0", {4}}});
  for (const auto& named : all.named_parameters()) {
    const auto& name = named.first;
    const auto& parameter = named.second;
    CAPTURE(name);
    if (name.starts_with("norm_")) CHECK(difference(parameter, ones<double>(parameter.shape())) == 0);
    if (name.starts_with("peephole_")) CHECK(difference(parameter, zeros<double>(parameter.shape())) == 0);
    for (std::size_t k = 0; name == "bias_ih_l0" && k < 12; ++k)
      CHECK(std::abs(parameter.value()(k) - (k < 4 ? 2 : 0)) <= 0.5);
  }
}

// The options of the cells that come with the library.
#include <doctest/doctest.h>

#include "reference_cells.hpp"

using namespace unroll;

namespace {

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
          return recurrent<nn::GRU<T>>(sizes, {.bidirectional = true, .cell = {.layer_norm = true}}, gru(true));
        }),
    row("gru.hpp", "GRU with layer norm, reset before",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.cell = {.reset = nn::Reset::before, .layer_norm = true}}, gru(false));
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

TEST_CASE("parameters have PyTorch's names and shapes, and start as PyTorch's do") {
  Random random(35);
  const nn::LSTM<double> lstm({.input = 3, .hidden = 4, .layers = 2, .bidirectional = true}, random);
  std::vector<std::pair<std::string, Shape>> expected;
  for (const auto& [suffix, input] : {std::pair("_l0", 3), {"_l0_reverse", 3}, {"_l1", 8}, {"_l1_reverse", 8}}) {
    expected.emplace_back(std::string("weight_ih") + suffix, Shape{16, std::size_t(input)});
    expected.emplace_back(std::string("weight_hh") + suffix, Shape{16, 4});
    expected.emplace_back(std::string("bias_ih") + suffix, Shape{16});
    expected.emplace_back(std::string("bias_hh") + suffix, Shape{16});
  }
  CHECK(names_and_shapes(lstm) == expected);
  const nn::GRU<double> gru({.input = 3, .hidden = 4, .bias = false}, random);
  CHECK(names_and_shapes(gru) ==
        std::vector<std::pair<std::string, Shape>>{{"weight_ih_l0", {12, 3}}, {"weight_hh_l0", {12, 4}}});
  const nn::RNN<double> rnn({.input = 3, .hidden = 400}, random);
  for (const auto& [name, parameter] : rnn.named_parameters()) {
    const auto& values = parameter.value();
    CHECK(parameter.name() == name);
    CHECK(*std::max_element(values.begin(), values.end()) <= 1 / std::sqrt(400.0));
    CHECK(*std::max_element(values.begin(), values.end()) > 0.95 / std::sqrt(400.0));
    CHECK(*std::min_element(values.begin(), values.end()) < -0.95 / std::sqrt(400.0));
  }
}

TEST_CASE("a forget bias is added to that of the forget gate alone, at the start") {
  Random random(36), again(36);
  const nn::LSTM<double> plain({.input = 2, .hidden = 3, .bidirectional = true}, random);
  const nn::LSTM<double> open({.input = 2, .hidden = 3, .bidirectional = true, .cell = {.forget_bias = 1.5}}, again);
  for (std::size_t k = 0; k < plain.named_parameters().size(); ++k) {
    const auto& [name, parameter] = plain.named_parameters()[k];
    A expected = parameter.value();
    for (std::size_t j = 3; j < 6 && name.starts_with("bias_ih"); ++j) expected(j) += 1.5;
    CHECK(difference(open.named_parameters()[k].second, expected) == 0);
  }
}

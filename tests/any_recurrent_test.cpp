// A recurrent layer whose cell is chosen at run time is the layer of that cell.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// Both layers, from the same random numbers, over a sequence in two parts: all that can be seen of them.
template <class Layer> void check_is(const std::string& cell) {
  CAPTURE(cell);
  Random random(3), same = random;
  const Layer layer({.input = 2, .hidden = 3, .layers = 2, .dropout = 0.4, .learned_initial = true}, random);
  const nn::AnyRecurrent<double> any(
      {.input = 2, .hidden = 3, .layers = 2, .dropout = 0.4, .learned_initial = true, .cell = cell}, same);
  CHECK(any.states() == std::tuple_size_v<typename Layer::State>);
  CHECK(any.options().cell == cell);
  const auto &named = any.named_parameters(), &expected = layer.named_parameters();
  REQUIRE(named.size() == expected.size());
  for (std::size_t k = 0; k < named.size(); ++k) {
    CHECK(named[k].first == expected[k].first);
    CHECK(named[k].second.value() == expected[k].second.value());
  }
  const auto x = random.normal<double>({5, 2, 2});
  const Indices lengths{5, 2};
  Random masks(4), same_masks(4);
  const auto run = [&](const auto& model, Random& dropped) {
    Tape<double> tape(dropped);
    const auto first = model(x, lengths);
    const auto second = model(x, {}, first.state);
    const auto gradients = tape.backward(sum(second.output * first.output));
    std::vector<Array<double>> all{first.output.value(), second.output.value()};
    for (const auto& entry : second.state) all.push_back(entry.value());
    for (const auto& parameter : model.parameters()) all.push_back(gradients[parameter]);
    return all;
  };
  CHECK(run(any, masks) == run(layer, same_masks));
  const nn::AnyRecurrent<double> copy = nn::clone(any);
  CHECK(copy(x).output.value() == any(x).output.value());
}

}  // namespace

TEST_CASE("a layer of any cell gives, bit for bit, what the layer of that cell gives") {
  check_is<nn::LSTM<double>>("lstm");
  check_is<nn::GRU<double>>("gru");
  check_is<nn::RNN<double>>("rnn");
  CHECK(nn::any_recurrent_cells == std::vector<std::string>{"lstm", "gru", "rnn"});
}

// A layer that is driven step by step is the layer that runs over all steps at once.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// The outputs, the final state and the gradients by x and by the parameters, of a run or of its steps, where dropout
// and zoneout draw from a stream of this seed unless it is 0.
template <class Layer> Many traced(const Layer& layer, const A& x, bool by_steps, std::uint64_t seed) {
  Random random(seed);
  Tape<double> tape(seed ? &random : nullptr);
  const V input = tape.watch(x);
  V output;
  typename Layer::State state;
  if (by_steps) {
    auto step = layer.steps();
    Many outputs;
    for (const V& now : unstack(input)) outputs.push_back(step(now));
    output = stack(outputs);
    state = *step.state;
  } else {
    std::tie(output, state) = [&] {
      const auto result = layer(input);
      return std::pair(result.output, result.state);
    }();
  }
  V loss = weighted(output);
  Many all{output};
  for (const V& entry : state) {
    loss += weighted(square(entry));
    all.push_back(entry);
  }
  const auto gradients = tape.backward(loss);
  all.push_back(gradients[input]);
  for (const P& parameter : layer.parameters()) all.push_back(gradients[parameter]);
  return all;
}

template <class Layer> void check(typename Layer::Options options) {
  options.input = 3;
  options.hidden = 4;
  options.layers = 3;
  Random random(1);
  const Layer layer(options, random);
  const A x = random.normal<double>({5, 2, 3});
  for (const std::uint64_t seed : {0, 7}) {
    const Many whole = traced(layer, x, false, seed), steps = traced(layer, x, true, seed);
    for (std::size_t k = 0; k < whole.size(); ++k) CHECK(difference(whole[k], steps[k]) < 1e-13);
  }
}

/// A GRU whose steps have dropout of their own, and may be computed again in the sweep.
template <bool again> struct Dropping : nn::GRUCell<double> {
  Dropping(const nn::CellSizes& sizes, const Options& options, Random& random)
      : nn::GRUCell<double>(sizes, options, random) {}
  State step(const V& projected, const State& state) const {
    const auto f = [this](const Many& in) {
      return nn::dropout(nn::GRUCell<double>::step(in[0], {in[1]})[0], 0.5) * bernoulli(full<double>({3, 4}, 0.7));
    };
    const Many in{projected, state[0]};
    return {again ? checkpoint(f, in) : f(in)};
  }
};

}  // namespace

TEST_CASE("a cell's own dropout is that of its steps, and of a checkpoint in them") {
  const auto traced_by = [&]<bool again>(std::bool_constant<again>, bool by_steps) {
    Random random(1);
    const nn::Recurrent<Dropping<again>> layer({.input = 2, .hidden = 4, .layers = 2, .dropout = 0.3, .zoneout = {0.2}},
                                               random);
    return traced(layer, numbers({5, 3, 2}), by_steps, 7);
  };
  const Many plain = traced_by(std::false_type(), false);
  for (const bool by_steps : {false, true}) {
    const Many once = traced_by(std::false_type(), by_steps), again = traced_by(std::true_type(), by_steps);
    for (std::size_t k = 0; k < plain.size(); ++k) {
      CHECK(difference(once[k], plain[k]) < 1e-13);
      CHECK(difference(again[k], plain[k]) < 1e-13);
    }
  }
}

TEST_CASE("steps give what a run gives, with everything on") {
  check<nn::RNN<double>>({.dropout = 0.3, .zoneout = {0.2}, .residual = true});
  check<nn::GRU<double>>(
      {.dropout = 0.3, .learned_initial = true, .variational_dropout = true, .cell = {.reset = nn::Reset::before}});
  check<nn::LSTM<double>>({.dropout = 0.4,
                           .variational_dropout = true,
                           .zoneout = {0.1, 0.2},
                           .residual = true,
                           .cell = {.layer_norm = true, .peepholes = true, .projection = 2}});
  check<nn::LSTM<double>>({});
}

TEST_CASE("dropout is drawn at each step, and once for all steps if so wanted") {
  Random random(2), draws(3);
  const nn::RNN<double> fresh({.input = 2, .hidden = 50, .layers = 2, .dropout = 0.5}, random);
  const nn::RNN<double> same({.input = 2, .hidden = 50, .layers = 2, .dropout = 0.5, .variational_dropout = true},
                             random);
  Tape<double> tape(draws);
  const auto twice = [](const nn::RNN<double>& layer) {
    auto step = layer.steps();
    const V x = zeros<double>({1, 2}), first = step(x);
    step.state.reset();
    return difference(first, step(x));
  };
  CHECK(twice(fresh) > 1e-3);
  CHECK(twice(same) == 0);
}

TEST_CASE("a state is given, read and changed, and a copy goes its own way") {
  Random random(4);
  const nn::LSTM<double> layer({.input = 2, .hidden = 3, .layers = 2}, random);
  const V x = numbers({4, 2, 2});
  const auto before = layer(slice(x, 0, 0, 2)).state;
  auto step = layer.steps(before), other = step;
  CHECK(difference(step(x[2]), layer(x).output[2]) < 1e-14);
  CHECK(difference(step(x[3]), layer(x).output[3]) < 1e-14);
  CHECK(difference((*other.state)[0], before[0]) == 0);
  other.state = layer(x).state;
  CHECK(difference((*other.state)[1], (*step.state)[1]) < 1e-14);
}

TEST_CASE("what cannot be driven step by step is refused") {
  Random random(5);
  const nn::GRU<double> both({.input = 2, .hidden = 3, .bidirectional = true}, random);
  CHECK(error_of([&] { both.steps(); }) ==
        "recurrent: step by step in both directions; the reverse one would begin with the last step, so make the layer "
        "without .bidirectional");
  const nn::GRU<double> layer({.input = 2, .hidden = 3}, random);
  auto step = layer.steps();
  CHECK(error_of([&] { step(zeros<double>({2})); }) ==
        "recurrent: x has shape (2,) for one step; it must be (batch, 2)");
  CHECK(!step.state);
  step(zeros<double>({2, 2}));
  CHECK(error_of([&] {
          step(zeros<double>({3, 2}));
        }) == "recurrent: an initial state of shape (1, 2, 3); it must be (1, 3, 3)");
}

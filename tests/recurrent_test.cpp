// What recurrent layers promise about time, lengths, directions, layers and states.
#include <doctest/doctest.h>

#include <cmath>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

struct ResetBefore : nn::GRU<double> {
  ResetBefore(Options options, Random& random)
      : nn::GRU<double>((options.cell.reset = nn::Reset::before, options), random) {}
};

#define EVERY_LAYER nn::RNN<double>, nn::LSTM<double>, nn::GRU<double>, ResetBefore

template <std::size_t states> double difference(const std::array<V, states>& a, const std::array<V, states>& b) {
  double most = 0;
  for (std::size_t n = 0; n < states; ++n) most = std::max(most, difference(a[n], b[n]));
  return most;
}

std::int64_t integer(std::size_t k) { return static_cast<std::int64_t>(k); }

V column(const V& x, std::size_t k) { return slice(x, 1, integer(k), integer(k + 1)); }

template <class State> State column_of(const State& state, std::size_t k) {
  State part;
  for (std::size_t n = 0; n < state.size(); ++n) part[n] = column(state[n], k);
  return part;
}

template <class Layer> typename Layer::State random_state(const Layer& layer, std::size_t batch, Random& random) {
  typename Layer::State state;
  for (V& entry : state) entry = random.normal<double>({layer.cells().size(), batch, layer.options().hidden});
  return state;
}

// Σ v ⊙ x over the output and the state of a result.
template <class State> V contract(const V& output, const State& state, const V& v, const State& of_state) {
  V total = sum(output * v);
  for (std::size_t n = 0; n < state.size(); ++n) total = total + sum(state[n] * of_state[n]);
  return total;
}

// Copies the weights of `from` whose names end in one way to those of `to` that end in another.
template <class Layer>
void copy_weights(const Layer& from, const std::string& ending, const Layer& to, const std::string& other) {
  std::size_t copied = 0;
  for (auto [name, parameter] : to.named_parameters()) {
    if (!name.ends_with(other)) continue;
    const std::string wanted = name.substr(0, name.size() - other.size()) + ending;
    for (const auto& [source, values] : from.named_parameters())
      if (source == wanted) parameter.assign(values.value()), ++copied;
  }
  REQUIRE(copied == from.named_parameters().size() / from.cells().size());
}

// The sequences of x, each from its last step to its first; padding stays.
V reversed(const V& x, const Indices& lengths) {
  A y = x.value();
  for (std::size_t b = 0; b < y.shape(1); ++b)
    for (std::size_t t = 0; integer(t) < lengths(b); ++t)
      for (std::size_t k = 0; k < y.shape(2); ++k)
        y(t, b, k) = x.value()(static_cast<std::size_t>(lengths(b)) - 1 - t, b, k);
  return y;
}

// h' = tanh(x + h), which counts the rows it is given.
struct CountingCell : nn::Module<double> {
  using State = std::array<V, 1>;
  static inline std::size_t input_calls = 0, input_rows = 0, step_rows = 0;

  CountingCell(const nn::CellSizes&, Random&) {}
  V input(const V& x) const {
    ++input_calls;
    input_rows += x.shape()[0];
    return x;
  }
  State step(const V& projected, const State& state) const {
    step_rows += projected.shape()[0];
    REQUIRE(state[0].shape() == projected.shape());
    return {tanh(projected + state[0])};
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a batch of different lengths gives what each sequence gives alone", Layer, EVERY_LAYER) {
  Random random(21);
  const Layer layer({.input = 3, .hidden = 4, .layers = 2, .bidirectional = true}, random);
  const Indices lengths{3, 6, 0, 1, 6};
  const V x = padded(6, lengths, 3, random), v = random.normal<double>({6, 5, 8});
  const auto initial = random_state(layer, 5, random), of_state = random_state(layer, 5, random);
  const auto run = [&](const V& input, const auto& all, auto start, const V& weights, const auto& of) {
    Tape<double> tape;
    for (V& entry : start) entry = tape.watch(entry);
    const auto result = layer(input, all, start);
    return std::pair(result, tape.backward(contract(result.output, result.state, weights, of)));
  };
  const auto [together, gradients] = run(x, lengths, initial, v, of_state);
  Gradients<double> total;
  for (std::size_t b = 0; b < 5; ++b) {
    const auto part = [&](const V& all) { return slice(column(all, b), 0, 0, lengths(b)); };
    const auto [alone, own] = run(part(x), std::nullopt, column_of(initial, b), part(v), column_of(of_state, b));
    CHECK(alone.output.shape() == Shape{std::size_t(lengths(b)), 1, 8});
    CHECK(difference(part(together.output), alone.output) < 1e-13);
    CHECK(difference(column_of(together.state, b), alone.state) < 1e-13);
    if (lengths(b) == 0) CHECK(difference(alone.state, column_of(initial, b)) == 0);
    total += own;
  }
  for (const auto& named : layer.named_parameters()) {
    const auto& name = named.first;
    const auto& parameter = named.second;
    CAPTURE(name);
    CHECK(gradients.contains(parameter));
    CHECK(difference(gradients[parameter], total[parameter]) < 1e-13);
    CHECK(difference(gradients[parameter], zeros<double>(parameter.shape())) > 1e-3);
  }
}

TEST_CASE_TEMPLATE("padding may hold NaN: outputs past a length are 0, gradients of padding are 0, nothing leaks",
                   Layer, EVERY_LAYER) {
  Random random(22);
  const Layer layer({.input = 2, .hidden = 3, .layers = 2, .bidirectional = true}, random);
  const Indices lengths{2, 5, 0, 4};
  Tape<double> tape;
  const V x = tape.watch(padded(5, lengths, 2, random));
  const auto [output, state] = layer(x, lengths);
  // What comes back to padding may be NaN as well.
  const V loss = contract(output, state, padded(5, lengths, 6, random), random_state(layer, 4, random));
  const Gradients<double> gradients = tape.backward(loss);
  CHECK(std::isnan(loss.item()));
  for (std::size_t t = 0; t < 5; ++t) {
    for (std::size_t b = 0; b < 4; ++b) {
      for (std::size_t k = 0; k < 6; ++k) CHECK((output.value()(t, b, k) == 0) == (integer(t) >= lengths(b)));
      for (std::size_t k = 0; k < 2; ++k) CHECK((gradients[x](t, b, k) == 0) == (integer(t) >= lengths(b)));
    }
  }
  CHECK(std::isfinite(gradients.norm()));
  for (const V& entry : state) CHECK(std::isfinite(sum(entry).item()));
}

TEST_CASE_TEMPLATE("sequences that are all shorter than the batch, or all empty", Layer, EVERY_LAYER) {
  Random random(23);
  const Layer layer({.input = 2, .hidden = 3, .layers = 2, .bidirectional = true}, random);
  const V x = padded(4, {2, 2}, 2, random);
  const auto result = layer(x, Indices{2, 2}), shorter = layer(slice(x, 0, 0, 2));
  CHECK(difference(slice(result.output, 0, 0, 2), shorter.output) == 0);
  CHECK(difference(slice(result.output, 0, 2, 4), zeros<double>({2, 2, 6})) == 0);
  CHECK(difference(result.state, shorter.state) == 0);
  const auto initial = random_state(layer, 2, random);
  const auto nothing = layer(x, Indices{0, 0}, initial);
  CHECK(difference(nothing.output, zeros<double>({4, 2, 6})) == 0);
  CHECK(difference(nothing.state, initial) == 0);
}

TEST_CASE_TEMPLATE("a sweep passes through what has no steps or no sequences", Layer, EVERY_LAYER) {
  Random random(24);
  const Layer layer({.input = 2, .hidden = 3, .layers = 2, .bidirectional = true}, random);
  for (const Shape& shape : {Shape{0, 2, 2}, Shape{4, 0, 2}, Shape{0, 0, 2}, Shape{4, 2, 2}}) {
    CAPTURE(shape);
    Tape<double> tape;
    const Indices lengths = xt::zeros<std::int64_t>({shape[1]});
    const auto [output, state] = layer(random.normal<double>(shape), lengths);
    CHECK(output.shape() == Shape{shape[0], shape[1], 6});
    CHECK(state[0].shape() == Shape{4, shape[1], 3});
    const auto gradients = tape.backward(sum(output) + sum(state[0]));
    for (const auto& [name, parameter] : layer.named_parameters())
      CHECK(difference(gradients[parameter], zeros<double>(parameter.shape())) == 0);
  }
  const auto& cell = layer.cells()[0];
  const auto start = [&](std::size_t batch) {
    typename Layer::State state;
    state.fill(zeros<double>({batch, 3}));
    return state;
  };
  CHECK(nn::unroll(cell, random.normal<double>({4, 0, 2}), start(0)).size() == 4);
  CHECK(nn::unroll(cell, random.normal<double>({0, 2, 2}), start(2)).empty());
}

TEST_CASE_TEMPLATE("chunks of time that carry their state give what the whole gives", Layer, EVERY_LAYER) {
  Random random(24);
  const Layer layer({.input = 2, .hidden = 3, .layers = 2}, random);
  const Indices lengths{3, 7, 0, 5, 2};
  const V x = padded(7, lengths, 2, random);
  const auto whole = layer(x, lengths);
  std::vector<V> outputs;
  std::optional<typename Layer::State> state;
  for (const auto& [begin, end] : {std::pair(0, 2), std::pair(2, 3), std::pair(3, 7)}) {
    Indices left = lengths;
    for (std::int64_t& length : left) length = std::clamp<std::int64_t>(length - begin, 0, end - begin);
    const auto part = layer(slice(x, 0, begin, end), left, state);
    outputs.push_back(part.output);
    state = part.state;
  }
  CHECK(difference(concatenate(outputs), whole.output) < 1e-15);
  CHECK(difference(*state, whole.state) < 1e-15);
}

TEST_CASE_TEMPLATE("a state carried to another tape is a constant there", Layer, EVERY_LAYER) {
  Random random(25);
  const Layer layer({.input = 2, .hidden = 3, .layers = 2}, random);
  const V x = random.normal<double>({4, 2, 2}), later = random.normal<double>({3, 2, 2}),
          v = random.normal<double>({3, 2, 3});
  Tape<double> first;
  const auto carried = layer(x).state;
  auto constant = carried;
  for (V& entry : constant) entry = A(entry.value());
  const auto gradient = [&](const auto& start) {
    Tape<double> tape;
    return tape.backward(sum(layer(later, std::nullopt, start).output * v));
  };
  const Gradients<double> truncated = gradient(carried), expected = gradient(constant);
  const Gradients<double> whole = first.backward(sum(layer(later, std::nullopt, carried).output * v));
  for (const auto& named : layer.named_parameters()) {
    const auto& name = named.first;
    const auto& parameter = named.second;
    CAPTURE(name);
    CHECK(difference(truncated[parameter], expected[parameter]) == 0);
    CHECK(difference(truncated[parameter], whole[parameter]) > 1e-6);
  }
}

TEST_CASE_TEMPLATE("a bidirectional layer is one forward and one on reversed sequences", Layer, EVERY_LAYER) {
  Random random(26);
  const Layer both({.input = 3, .hidden = 2, .bidirectional = true}, random);
  const Layer forward({.input = 3, .hidden = 2}, random), backward({.input = 3, .hidden = 2}, random);
  copy_weights(both, "_l0", forward, "_l0");
  copy_weights(both, "_l0_reverse", backward, "_l0");
  const Indices lengths{4, 1, 6, 0};
  const V x = padded(6, lengths, 3, random);
  const auto initial = random_state(both, 4, random);
  typename Layer::State ahead, behind;
  for (std::size_t n = 0; n < initial.size(); ++n) {
    ahead[n] = slice(initial[n], 0, 0, 1);
    behind[n] = slice(initial[n], 0, 1, 2);
  }
  const auto result = both(x, lengths, initial);
  const auto there = forward(x, lengths, ahead), back = backward(reversed(x, lengths), lengths, behind);
  CHECK(difference(result.output, concatenate({there.output, reversed(back.output, lengths)}, -1)) < 1e-15);
  for (std::size_t n = 0; n < initial.size(); ++n)
    CHECK(difference(result.state[n], concatenate({there.state[n], back.state[n]})) < 1e-15);
}

TEST_CASE_TEMPLATE("a stack is the composition of its layers", Layer, EVERY_LAYER) {
  Random random(27);
  const Layer stacked({.input = 3, .hidden = 2, .layers = 2, .bidirectional = true}, random);
  const Layer lower({.input = 3, .hidden = 2, .bidirectional = true}, random),
      upper({.input = 4, .hidden = 2, .bidirectional = true}, random);
  for (const std::string direction : {"", "_reverse"}) {
    copy_weights(stacked, "_l0" + direction, lower, "_l0" + direction);
    copy_weights(stacked, "_l1" + direction, upper, "_l0" + direction);
  }
  const Indices lengths{2, 5, 3};
  const V x = padded(5, lengths, 3, random);
  const auto result = stacked(x, lengths), below = lower(x, lengths);
  const auto above = upper(below.output, lengths);
  CHECK(difference(result.output, above.output) < 1e-15);
  for (std::size_t n = 0; n < result.state.size(); ++n)
    CHECK(difference(result.state[n], concatenate({below.state[n], above.state[n]})) < 1e-15);
}

TEST_CASE_TEMPLATE("a batch in another order gives its results in that order", Layer, EVERY_LAYER) {
  Random random(29);
  const Layer layer({.input = 2, .hidden = 3, .layers = 2, .bidirectional = true}, random);
  const Indices lengths{3, 5, 0, 4}, order{2, 0, 3, 1};
  const V x = padded(5, lengths, 2, random);
  const auto initial = random_state(layer, 4, random);
  const auto permuted = [&](const V& values) {
    return transpose(take(transpose(values, {1, 0, 2}), order), {1, 0, 2});
  };
  Indices other = lengths;
  auto start = initial;
  for (std::size_t k = 0; k < 4; ++k) other(k) = lengths(order(k));
  for (V& entry : start) entry = permuted(entry);
  const auto result = layer(x, lengths, initial), same = layer(permuted(x), other, start);
  CHECK(difference(permuted(result.output), same.output) == 0);
  for (std::size_t n = 0; n < start.size(); ++n) CHECK(difference(permuted(result.state[n]), same.state[n]) == 0);
}

TEST_CASE("the work is proportional to the sum of the lengths, and the input is projected once") {
  Random random(30);
  const nn::Recurrent<CountingCell> layer({.input = 4, .hidden = 4, .bidirectional = true}, random);
  const Indices lengths{1, 50, 2, 0, 7};
  layer(padded(60, lengths, 4, random), lengths);
  CHECK(CountingCell::input_calls == 2);
  CHECK(CountingCell::input_rows == 2 * 60);
  CHECK(CountingCell::step_rows == 2 * 60);
  // One long sequence makes the tape as long as it is by itself, up to where others end.
  const nn::LSTM<double> lstm({.input = 4, .hidden = 4}, random);
  const auto recorded = [&](const Indices& of) {
    Tape<double> tape;
    lstm(padded(1000, of, 4, random), of);
    return tape.size();
  };
  CHECK(recorded({1000, 1, 1, 1, 1}) < recorded({1000}) + 40);
  CHECK(recorded({10, 1, 1, 1, 1}) < recorded({1000}) / 50);
}

TEST_CASE_TEMPLATE("the state before the first step is zero, given or learned", Layer, EVERY_LAYER) {
  Random random(31), again(31);
  const Layer plain({.input = 2, .hidden = 3, .layers = 2, .bidirectional = true}, random);
  const Layer learned({.input = 2, .hidden = 3, .layers = 2, .bidirectional = true, .learned_initial = true}, again);
  const Indices lengths{2, 4, 0};
  const V x = padded(4, lengths, 2, random);
  auto zero = random_state(plain, 3, random);
  for (V& entry : zero) entry = zeros<double>(entry.shape());
  const auto result = plain(x, lengths);
  CHECK(difference(result.output, plain(x, lengths, zero).output) == 0);
  CHECK(difference(result.output, learned(x, lengths).output) == 0);

  const std::size_t states = zero.size(), first = plain.named_parameters().size();
  REQUIRE(learned.named_parameters().size() == first + 4 * states);
  auto start = zero;
  for (std::size_t n = 0; n < states; ++n) {
    std::vector<V> rows;
    for (std::size_t cell = 0; cell < 4; ++cell) {
      auto [name, parameter] = learned.named_parameters()[first + cell * states + n];
      CHECK(name == "initial_" + std::to_string(n) + "_l" + std::to_string(cell / 2) + (cell % 2 ? "_reverse" : ""));
      parameter.assign(random.normal<double>({3}));
      rows.push_back(broadcast_to(V(parameter.value()), {3, 3}));
    }
    start[n] = stack(rows);
  }
  CHECK(difference(learned(x, lengths).output, plain(x, lengths, start).output) == 0);
  CHECK(difference(learned(x, lengths).state, plain(x, lengths, start).state) == 0);
  CHECK(difference(learned(x, lengths, zero).output, result.output) == 0);
  CHECK(difference(learned(x, lengths).output, result.output) > 1e-3);
}

TEST_CASE_TEMPLATE("dropout acts between layers only, and only on a tape with a random stream", Layer, EVERY_LAYER) {
  Random random(32);
  const Layer stacked({.input = 3, .hidden = 4, .layers = 2, .dropout = 0.5}, random);
  const Layer lower({.input = 3, .hidden = 4, .dropout = 0.5}, random), upper({.input = 4, .hidden = 4}, random);
  copy_weights(stacked, "_l0", lower, "_l0");
  copy_weights(stacked, "_l1", upper, "_l0");
  const V x = random.normal<double>({5, 2, 3});
  const V plain = stacked(x).output;
  CHECK(difference(plain, upper(lower(x).output).output) < 1e-15);
  {
    const Tape<double> tape;
    CHECK(difference(stacked(x).output, plain) == 0);
  }
  Random masks(33), same(33);
  Tape<double> tape(masks);
  const V below = lower(x).output;
  CHECK(masks.state() == same.state());
  const V dropped = stacked(x).output;
  CHECK(masks.state() != same.state());
  CHECK(difference(dropped, plain) > 1e-3);
  same.split(), same.split();  // those of the lower cell
  Random between = same.split();
  Tape<double> other(between);
  CHECK(difference(dropped, upper(nn::dropout(below, 0.5)).output) < 1e-15);
}

TEST_CASE_TEMPLATE("unroll gives the state after every step, in the order of time", Layer, EVERY_LAYER) {
  Random random(34);
  const Layer layer({.input = 2, .hidden = 3, .bidirectional = true}, random);
  const V x = random.normal<double>({4, 2, 2});
  const auto initial = random_state(layer, 2, random);
  const auto [output, state] = layer(x, std::nullopt, initial);
  for (const bool reverse : {false, true}) {
    typename Layer::State start;
    for (std::size_t n = 0; n < start.size(); ++n) start[n] = unstack(initial[n])[reverse];
    const auto states = nn::unroll(layer.cells()[reverse], x, start, reverse);
    REQUIRE(states.size() == 4);
    for (std::size_t t = 0; t < 4; ++t)
      CHECK(difference(states[t][0], slice(unstack(output)[t], 1, reverse * 3, reverse * 3 + 3)) == 0);
    for (std::size_t n = 0; n < start.size(); ++n)
      CHECK(difference(states[reverse ? 0 : 3][n], unstack(state[n])[reverse]) == 0);
  }
}

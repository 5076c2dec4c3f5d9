// Sequence models as a user writes them, from public names alone.
#include "models.hpp"
#include "support.hpp"

using namespace unroll;

namespace {

/// Elman (1990), as a lecture has it:    h = tanh(U h + W x),  y = V h
template <class T> struct PlainRNN : nn::Module<T> {
  nn::Linear<T> U, W, V;

  PlainRNN(std::size_t input, std::size_t hidden, std::size_t output, Random& random)
      : U({.input = hidden, .output = hidden, .bias = false}, random),
        W({.input = input, .output = hidden, .bias = false}, random),
        V({.input = hidden, .output = output, .bias = false}, random) {
    this->add("U", U), this->add("W", W), this->add("V", V);
  }
  /// shape: (time, batch, input) → (time, batch, output)
  Variable<T> operator()(const Variable<T>& x) const {
    auto h = zeros<T>({x.shape()[1], U.weight.shape()[0]});
    std::vector<Variable<T>> ys;
    for (const auto& x_t : unstack(x)) ys.push_back(V(h = tanh(U(h) + W(x_t))));
    return stack(ys);
  }
};

/// What five cells have in common: one state and so many gates.
template <class T, std::size_t gates> struct OneState : nn::GateWeights<T> {
  using State = std::array<Variable<T>, 1>;
  OneState(const nn::CellSizes& sizes, Random& random) : nn::GateWeights<T>(gates, sizes, random) {}
  Variable<T> input(const Variable<T>& x) const { return linear(x, this->W, this->bias()); }
  /// A gate's rows of U.
  Variable<T> rows(std::size_t gate) const { return split<gates>(this->U, 0)[gate]; }
};

/// The minimal gated unit: Zhou et al. (2016).    f = σ(W x + U h),  h' = (1 − f) ⊙ h + f ⊙ tanh(W x + U (f ⊙ h))
template <class T> struct MinimalGated : OneState<T, 2> {
  using OneState<T, 2>::OneState;
  typename OneState<T, 2>::State step(const Variable<T>& projected, const typename OneState<T, 2>::State& state) const {
    const auto& [h] = state;
    const auto [x_f, x_n] = split<2>(projected);
    const auto f = sigmoid(linear(h, this->rows(0), x_f));
    return {lerp(h, tanh(linear(f * h, this->rows(1), x_n)), f)};
  }
};

/// The update gate RNN: Collins et al. (2017).    g = σ(W x + U h),  h' = g ⊙ h + (1 − g) ⊙ tanh(W x + U h)
template <class T> struct UpdateGated : OneState<T, 2> {
  using OneState<T, 2>::OneState;
  typename OneState<T, 2>::State step(const Variable<T>& projected, const typename OneState<T, 2>::State& state) const {
    const auto [g, n] = split<2>(linear(state[0], this->U, projected));
    return {lerp(tanh(n), state[0], sigmoid(g))};
  }
};

/// An independently recurrent network: Li et al. (2018).    h' = tanh(W x + u ⊙ h), u the diagonal of U
template <class T> struct Independent : OneState<T, 1> {
  using OneState<T, 1>::OneState;
  typename OneState<T, 1>::State step(const Variable<T>& projected, const typename OneState<T, 1>::State& state) const {
    const auto size = this->U.shape()[0];
    return {tanh(projected + sum(this->U * xt::eye<T>(size), 0) * state[0])};
  }
};

/// A simple recurrent unit: Lei et al. (2018), without its peepholes.    f = σ(W x),  h' = f ⊙ h + (1 − f) ⊙ W x
template <class T> struct Simple : OneState<T, 2> {
  using OneState<T, 2>::OneState;
  typename OneState<T, 2>::State step(const Variable<T>& projected, const typename OneState<T, 2>::State& state) const {
    const auto [f, n] = split<2>(projected);
    return {lerp(n, state[0], sigmoid(f))};
  }
};

/// A multiplicative RNN: Sutskever et al. (2011).    m = W x ⊙ U h,  h' = tanh(W x + U m)
template <class T> struct Multiplicative : OneState<T, 2> {
  using OneState<T, 2>::OneState;
  typename OneState<T, 2>::State step(const Variable<T>& projected, const typename OneState<T, 2>::State& state) const {
    const auto [x_m, x_h] = split<2>(projected);
    return {tanh(linear(x_m * linear(state[0], this->rows(0)), this->rows(1), x_h))};
  }
};

/// An encoder, and a decoder that attends to it: Bahdanau et al. (2015), with the attention fed to the next step.
template <class T> struct Translator : nn::Module<T> {
  nn::Embedding<T> words;
  nn::GRU<T> encoder, decoder;
  nn::Linear<T> keys, queries, energies, scores;

  Translator(std::size_t vocabulary, std::size_t size, Random& random)
      : words({.count = vocabulary, .size = size}, random),
        encoder({.input = size, .hidden = size}, random),
        decoder({.input = 2 * size, .hidden = size, .layers = 2, .residual = true}, random),
        keys({.input = size, .output = size}, random),
        queries({.input = size, .output = size, .bias = false}, random),
        energies({.input = size, .output = 1, .bias = false}, random),
        scores({.input = 2 * size, .output = vocabulary}, random) {
    this->add("words", words), this->add("encoder", encoder), this->add("decoder", decoder), this->add("keys", keys);
    this->add("queries", queries), this->add("energies", energies), this->add("scores", scores);
  }
  /// What the decoder looks at: hidden states (time, batch, size), and 1 where there is a word.
  struct Memory {
    Variable<T> h, keys, known;
  };
  Memory encode(const Indices& source, const Indices& lengths) const {
    const auto h = encoder(words(source), lengths).output;
    return {h, keys(h), Variable<T>(xt::arange<T>(T(source.shape()[0]))) < unsqueeze(Variable<T>(lengths), -1)};
  }
  /// log-probabilities of the next word, (batch, vocabulary); `context` is what was attended to last.
  Variable<T> next(const Memory& memory, typename nn::GRU<T>::Steps& step, Variable<T>& context,
                   const Indices& last) const {
    const auto h = step(concatenate({words(last), context}, -1));
    const auto energy = squeeze(energies(tanh(memory.keys + queries(h))), -1);
    context = sum(unsqueeze(masked_softmax(energy, transpose(memory.known), 0), -1) * memory.h, 0);
    return log_softmax(scores(concatenate({h, context}, -1)));
  }
  /// −ln p(target | source): target (time, batch) begins with the start symbol.
  Variable<T> operator()(const Indices& source, const Indices& lengths, const Indices& target) const {
    const auto memory = encode(source, lengths);
    auto step = decoder.steps();
    Variable<T> context = zeros<T>({lengths.size(), words.weight.shape()[1]}), loss = 0;
    for (std::int64_t t = 0; t + 1 < std::int64_t(target.shape()[0]); ++t)
      loss += nn::cross_entropy(next(memory, step, context, take(target, Indices(t))), take(target, Indices(t + 1)));
    return loss;
  }
};

/// A pointer network: Vinyals et al. (2015). Orders its inputs by pointing at one after the other, at none twice.
template <class T> struct Pointer : nn::Module<T> {
  nn::LSTM<T> encoder, decoder;
  nn::Linear<T> keys, queries, energies;

  Pointer(std::size_t input, std::size_t size, Random& random)
      : encoder({.input = input, .hidden = size}, random),
        decoder({.input = input, .hidden = size}, random),
        keys({.input = size, .output = size}, random),
        queries({.input = size, .output = size}, random),
        energies({.input = size, .output = 1}, random) {
    this->add("encoder", encoder), this->add("decoder", decoder), this->add("keys", keys);
    this->add("queries", queries), this->add("energies", energies);
  }
  /// −ln p(order) of one sequence: x (time, 1, input), order (time,)
  Variable<T> operator()(const Variable<T>& x, const Indices& order) const {
    const auto [h, state] = encoder(x);
    const auto memory = keys(h);
    auto step = decoder.steps(state);
    auto last = zeros<T>({1, x.shape()[2]}), left = ones<T>({x.shape()[0]});
    Variable<T> loss = 0;
    for (const std::int64_t k : order) {
      const auto energy = reshape(energies(tanh(memory + queries(step(last)))), {-1});
      loss -= log_softmax(where(left, energy, -std::numeric_limits<T>::infinity()))[k];
      left -= one_hot<T>(Indices(k), x.shape()[0]);
      last = x[k];
    }
    return loss;
  }
};

/// A network with a stack: Joulin and Mikolov (2015). a = softmax(A h),  s'₀ = a₀ σ(D h) + a₁ s₁ + a₂ s₀, and so on
template <class T> struct StackRNN : nn::Module<T> {
  nn::RNN<T> controller;
  nn::Linear<T> actions, pushed;  // push, pop or nothing; what is pushed

  StackRNN(std::size_t input, std::size_t size, Random& random)
      : controller({.input = input + 1, .hidden = size}, random),
        actions({.input = size, .output = 3}, random),
        pushed({.input = size, .output = 1}, random) {
    this->add("controller", controller), this->add("actions", actions), this->add("pushed", pushed);
  }
  /// The stack after all steps: x (time, batch, input) → (depth, batch, 1)
  Variable<T> operator()(const Variable<T>& x, std::size_t depth) const {
    auto step = controller.steps();
    auto stack = zeros<T>({depth, x.shape()[1], 1});
    for (const auto& x_t : unstack(x)) {
      const auto h = step(concatenate({x_t, stack[0]}, -1));
      const auto [push, pop, keep] = split<3>(softmax(actions(h)));
      const auto down = concatenate({unsqueeze(sigmoid(pushed(h)), 0), slice(stack, 0, 0, -1)});
      const auto up = pad(slice(stack, 0, 1, std::int64_t(depth)), {{0, 1}, {0, 0}, {0, 0}});
      stack = push * down + pop * up + keep * stack;
    }
    return stack;
  }
};

/// Labels without an alignment: Graves et al. (2006).
template <class T> struct Recogniser : nn::Module<T> {
  nn::LSTM<T> network;
  nn::Linear<T> scores;

  Recogniser(std::size_t input, std::size_t classes, Random& random)
      : network({.input = input, .hidden = 3, .bidirectional = true}, random),
        scores({.input = 6, .output = classes}, random) {
    this->add("network", network), this->add("scores", scores);
  }
  Variable<T> operator()(const Variable<T>& x, const Indices& lengths) const {
    return scores(network(x, lengths).output);
  }
};

template <template <class> class Cell> void check_cell() {
  Random random(1);
  const nn::Recurrent<Cell<double>> layer({.input = 2, .hidden = 3, .layers = 2, .bidirectional = true}, random);
  const Indices lengths{3, 1};
  const V x = padded(3, lengths, 2, random);
  const auto report = gradient_check([&] { return weighted(layer(x, lengths).output); }, layer, {.order = 2});
  CHECK_MESSAGE(report, report);
  const V alone = layer(slice(slice(x, 1, 1, 2), 0, 0, 1)).output;
  CHECK(difference(slice(slice(layer(x, lengths).output, 1, 1, 2), 0, 0, 1), alone) < 1e-13);
}

}  // namespace

TEST_CASE("the lecture's network is the library's, without biases") {
  const auto run = []<class T>(const PlainRNN<T>& model) { return weighted(model(Variable<T>(numbers({4, 2, 3})))); };
  check<PlainRNN>(run, std::size_t{3}, std::size_t{2}, std::size_t{2});
  Random random(5);
  const PlainRNN<double> model(3, 2, 2, random);
  nn::RNN<double> layer({.input = 3, .hidden = 2, .bias = false}, random);
  for (auto [name, parameter] : layer.named_parameters())
    parameter.assign(name == "weight_ih_l0" ? model.W.weight.value() : model.U.weight.value());
  const V x = numbers({4, 2, 3});
  CHECK(difference(model(x), model.V(layer(x).output)) < 1e-14);
}

TEST_CASE("five cells of one's own are stacked, run in both directions and have lengths") {
  check_cell<MinimalGated>();
  check_cell<UpdateGated>();
  check_cell<Independent>();
  check_cell<Simple>();
  check_cell<Multiplicative>();
}

TEST_CASE("a translator attends to what there is, and its beams find the best words") {
  const Indices source{{1, 3}, {2, 0}, {4, 0}}, lengths{3, 1}, target{{0, 0}, {2, 3}, {1, 4}};
  const auto run = [&]<class T>(const Translator<T>& model) { return model(source, lengths, target); };
  check<Translator>(run, std::size_t{5}, std::size_t{2});

  Random random(5);
  const Translator<double> model(5, 2, random);
  const auto memory = model.encode(indices({1, 2, 4}, {3, 1}), Indices{3});
  // Whatever the beams hold: the state of the decoder, and what it attended to last.
  using State = std::vector<V>;
  const auto step = [&](const State& state, const Indices& tokens) {
    auto steps = model.decoder.steps();
    if (state[0].size()) steps.state = {swap_axes(state[0], 0, 1)};
    V context = state[1];
    const V p = model.next(memory, steps, context, tokens);
    return std::pair(p, State{swap_axes((*steps.state)[0], 0, 1), context});
  };
  const State start{zeros<double>({1, 2, 2}), zeros<double>({1, 2})};
  const auto all = nn::beam_search(start, step, {.width = 125, .length = 3}),
             beams = nn::beam_search(start, step, {.width = 10, .length = 3});
  CHECK(all.size() == 125);
  CHECK(beams[0].tokens == all[0].tokens);
  const auto& best = all[0].tokens;
  const Indices found = indices({0, best[0], best[1], best[2]}, {4, 1});
  CHECK(-model(indices({1, 2, 4}, {3, 1}), Indices{3}, found).item() ==
        doctest::Approx(all[0].log_probability).epsilon(1e-12));
}

TEST_CASE("a pointer network points at each input once") {
  const auto run = []<class T>(const Pointer<T>& model) {
    return model(Variable<T>(numbers({3, 1, 2})), Indices{2, 0, 1});
  };
  check<Pointer>(run, std::size_t{2}, std::size_t{3});
  Random random(5);
  const Pointer<double> model(2, 3, random);
  double all = 0;
  std::vector<std::int64_t> order{0, 1, 2};
  do all += std::exp(-model(numbers({3, 1, 2}), indices(order)).item());
  while (std::ranges::next_permutation(order).found);
  CHECK(all == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("a stack of shares has derivatives of every order") {
  const auto run = []<class T>(const StackRNN<T>& model) {
    return weighted(model(Variable<T>(numbers({4, 2, 2})), 3));
  };
  check<StackRNN>(run, std::size_t{2}, std::size_t{3});
}

TEST_CASE("a recogniser learns labels that nobody has aligned") {
  const Indices lengths{5, 3}, labels{{1, 2}, {2, 0}, {2, 0}}, counts{3, 1};
  const auto run = [&]<class T>(const Recogniser<T>& model) {
    return nn::ctc_loss(model(Variable<T>(numbers({5, 2, 2})), lengths), labels, lengths, counts);
  };
  check<Recogniser>(run, std::size_t{2}, std::size_t{3});
  Random random(5);
  const Recogniser<double> model(2, 3, random);
  nn::Adam<double> adam(model.parameters(), {.learning_rate = 0.05});
  for (int k = 0; k < 100; ++k) {
    Tape<double> tape;
    adam.step(tape.backward(run(model)));
  }
  CHECK(run(model).item() < 0.05);
}

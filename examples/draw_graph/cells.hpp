#pragma once

#include "unrolled.hpp"

namespace unroll::examples {

/// Products with matrices, which are made when they are first asked for: "U_f" is U with the index f. The numbers in
/// them have no part in a graph.
class Weights {
 public:
  /// The product of a matrix and a vector, which is a row.   shape: (1, n) → (1, n)
  Variable<float> operator()(const std::string& name, const Variable<float>& v) {
    const auto [found, is_new] = matrices_.try_emplace(name);
    if (is_new) found->second = Parameter<float>(zeros<float>({v.size(), v.size()}).value(), name);
    return linear(v, found->second);
  }

 private:
  std::map<std::string, Parameter<float>> matrices_;
};

/// What a step leaves to the next; c is that of an LSTM.
struct State {
  Variable<float> h, c;
};

/// h' = tanh(U h + W x)
inline State rnn(Weights& w, const Variable<float>& x, const State& s) {
  return {named("h", tanh(w("U", s.h) + w("W", x))), {}};
}

/// f, i, o = σ(U h + W x),  g = tanh(U h + W x),  k = c ⊙ f,  j = g ⊙ i,  c' = j + k,  h' = o ⊙ tanh c'
inline State lstm(Weights& w, const Variable<float>& x, const State& s) {
  const auto f = named("f", sigmoid(w("U_f", s.h) + w("W_f", x)));
  const auto k = named("k", s.c * f);
  const auto g = named("g", tanh(w("U_g", s.h) + w("W_g", x)));
  const auto i = named("i", sigmoid(w("U_i", s.h) + w("W_i", x)));
  const auto j = named("j", g * i);
  const auto c = named("c", j + k);
  const auto o = named("o", sigmoid(w("U_o", s.h) + w("W_o", x)));
  return {named("h", o * tanh(c)), c};
}

/// z, r = σ(U h + W x),  n = tanh(W x + r ⊙ U h),  h' = (1 − z) ⊙ n + z ⊙ h
inline State gru(Weights& w, const Variable<float>& x, const State& s) {
  const auto z = named("z", sigmoid(w("U_z", s.h) + w("W_z", x)));
  const auto r = named("r", sigmoid(w("U_r", s.h) + w("W_r", x)));
  const auto n = named("n", tanh(w("W_n", x) + r * w("U_n", s.h)));
  return {named("h", (1 - z) * n + z * s.h), {}};
}

/// A cell, and where the values of a step stand in its picture.
struct DrawnCell {
  std::string name;
  State (*step)(Weights&, const Variable<float>& x, const State&);
  bool has_c;
  Arrangement arrangement;
};

/// The cell of this name: rnn, lstm or gru.
inline const DrawnCell& drawn_cell(const std::string& name) {
  using Places = std::vector<Arrangement::Place>;
  static const Places of_rnn = {{"h", 0, 1}, {"h/0", 0, 0}};
  static const Places of_lstm = {{"k", 0, 3.7}, {"c", 1.5, 3.7}, {"h/1", 3, 2.85}, {"j", 1.5, 2}, {"h", 3, 2},
                                 {"f", 0, 1},   {"g", 1, 1},     {"i", 2, 1},      {"o", 3, 1},   {"f/0", 0, 0},
                                 {"g/0", 1, 0}, {"i/0", 2, 0},   {"o/0", 3, 0}};
  static const Places of_gru = {{"h/1", 0, 4}, {"h", 3, 4},       {"h/0/0", 1, 3}, {"h/0", 3, 3}, {"n", 3, 2},
                                {"z", 0, 1},   {"r", 1, 1},       {"n/0/1", 2, 1}, {"n/0", 3, 1}, {"z/0", 0, 0},
                                {"r/0", 1, 0}, {"n/0/1/1", 2, 0}, {"n/0/0", 3, 0}};
  static const std::map<std::string, DrawnCell> cells = {{"rnn", {"RNN", rnn, false, {1, 1.9, of_rnn}}},
                                                         {"lstm", {"LSTM", lstm, true, {4, 4.5, of_lstm}}},
                                                         {"gru", {"GRU", gru, false, {4, 4.8, of_gru}}}};
  return cells.at(name);
}

/// Runs a cell over some steps. A tagger has y = softmax(V h) and a loss at each, L = −log y of the right tag; their
/// sum is returned.
inline Variable<float> record(const DrawnCell& cell, std::size_t steps, bool tagger, Tape<float>& tape) {
  Weights w;
  const auto input = [&](const char* name) { return named(name, tape.watch(zeros<float>({1, 4}))); };
  State state{input("h"), cell.has_c ? input("c") : Variable<float>()};
  Variable<float> loss;
  for (std::size_t t = 1; t <= steps; ++t) {
    const Scope scope("step", static_cast<std::int64_t>(t));
    state = cell.step(w, input("x"), state);
    if (!tagger) continue;
    const auto y = named("y", softmax(w("V", state.h)));
    const auto L = named("L", -log(slice(y, 1, 0, 1)));
    loss = loss.has_value() ? named("loss", loss + L) : L;
  }
  return loss;
}

/// The picture as SVG: of a tagger and the gradients that go back from its loss, or of the cell alone.
inline std::string picture_of(const DrawnCell& cell, std::size_t steps, bool backward) {
  Tape<float> tape;
  const Variable<float> loss = record(cell, steps, backward, tape);
  const Graph graph(tape);
  if (backward) tape.backward(loss);
  return Unrolled(graph.values(), cell.arrangement)
      .svg("The graph of the " + cell.name + ", unrolled over " + std::to_string(steps) +
           (steps == 1 ? " step" : " steps") +
           (backward ? ", with a loss at each and the gradients that go back from their sum" : ""));
}

}  // namespace unroll::examples

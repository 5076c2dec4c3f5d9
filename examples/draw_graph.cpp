// draw_graph: the graph that a tape records of a recurrent cell, unrolled over its steps and drawn by Graphviz
#include <filesystem>
#include <iostream>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/nn.hpp>

#include "support/command_line.hpp"
#include "support/picture.hpp"

using namespace unroll;
using namespace unroll::examples;

/// Runs a cell over random inputs, without a layer around it: a scope for each step, a name for each value of interest.
template <class Cell> std::string unrolled(std::size_t steps, std::uint64_t seed) {
  Random random(seed);
  const Cell cell({.input = 3, .hidden = 4, .bias = false}, {}, random);
  Tape<float> tape;
  typename Cell::State state;
  for (std::size_t k = 0; k < state.size(); ++k) state[k] = named(k ? "c" : "h", tape.watch(zeros<float>({1, 4})));
  for (std::size_t t = 1; t <= steps; ++t) {
    const Scope scope("step", static_cast<std::int64_t>(t));
    const auto x = named("x", tape.watch(random.normal<float>({1, 3})));
    state = cell.step(cell.input(x), state);
  }
  return to_dot(tape);
}

int main(int argc, char** argv) {
  CommandLine line("draw_graph", "The graph that a tape records of a recurrent cell, unrolled over its steps");
  std::string cell = "lstm", output;
  std::size_t steps = 3;
  std::uint64_t seed = 1;
  line.add("--cell", cell, "to unroll", one_of({"rnn", "lstm", "gru"}));
  line.add("--steps", steps, "of time", between(1, 1000));
  line.add("--seed", seed, "of all random numbers", seed_number);
  line.add_file("--output", output, "a picture .svg, .png or .pdf, or .dot; the text on standard output if not given");
  return line.run(argc, argv, [&] {
    const std::string ending = std::filesystem::path(output).extension().string();
    const bool drawn = ending == ".svg" || ending == ".png" || ending == ".pdf";
    if (!output.empty()) {
      require(drawn || ending == ".dot", "--output", "'", output, "'; its name must end in .svg, .png, .pdf or .dot");
      require_writable(output);
    }
    const std::string graph = cell == "lstm"  ? unrolled<nn::LSTMCell<float>>(steps, seed)
                              : cell == "gru" ? unrolled<nn::GRUCell<float>>(steps, seed)
                                              : unrolled<nn::ElmanCell<float>>(steps, seed);
    const bool missing = drawn && !has_program("dot");
    if (output.empty() || missing) std::cout << graph;
    require(!missing, output, "not drawn, there is no Graphviz; install it with: sudo apt-get install graphviz; ",
            "the graph is on standard output");
    if (!output.empty())
      nn::write_atomically(output, [&](std::ostream& out) {
        drawn ? render("dot -T" + ending.substr(1) + (ending == ".png" ? " -Gdpi=192" : ""), graph, out)
              : void(out << graph);
      });
  });
}

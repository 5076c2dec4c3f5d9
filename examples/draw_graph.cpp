// draw_graph: the graph that a tape records of a recurrent cell, unrolled over its steps and drawn by Graphviz
#include <filesystem>
#include <iostream>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/nn.hpp>

#include "support/options.hpp"
#include "support/program.hpp"
#include "support/renderer.hpp"

using namespace unroll;

/// Runs a cell over random inputs, without a layer around it: a scope for each step, a name for each value of interest.
template <class Cell>
std::string unrolled(std::int64_t steps, std::uint64_t seed) {
  Random random(seed);
  const Cell cell({.input = 3, .hidden = 4, .bias = false}, {}, random);
  Tape<float> tape;
  typename Cell::State state;
  for (std::size_t k = 0; k < state.size(); ++k) state[k] = named(k ? "c" : "h", tape.watch(zeros<float>({1, 4})));
  for (std::int64_t t = 1; t <= steps; ++t) {
    const Scope scope("step", t);
    const auto x = named("x", tape.watch(random.normal<float>({1, 3})));
    state = cell.step(cell.input(x), state);
  }
  return to_dot(tape);
}

int main(int argc, char** argv) {
  CLI::App options("The graph that a tape records of a recurrent cell, unrolled over its steps", "draw_graph");
  std::string cell = "lstm", output;
  std::int64_t steps = 3;
  std::uint64_t seed = 1;
  options.add_option("--cell", cell, "to unroll")->capture_default_str()->check(CLI::IsMember({"rnn", "lstm", "gru"}));
  options.add_option("--steps", steps, "of time")->capture_default_str()->check(between(1, 1000));
  options.add_option("--seed", seed, "of all random numbers")->capture_default_str()->check(seed_number);
  options
      .add_option("--output", output, "a picture .svg, .png or .pdf, or .dot; the text on standard output if not given")
      ->type_name("FILE");
  return run_program(options, argc, argv, [&] {
    const std::string ending = std::filesystem::path(output).extension().string();
    const bool drawn = ending == ".svg" || ending == ".png" || ending == ".pdf";
    if (options.count("--output")) {
      require(drawn || ending == ".dot", "--output", "'", output, "'; its name must end in .svg, .png, .pdf or .dot");
      require_writable(output, {});
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

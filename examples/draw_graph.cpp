// draw_graph: the graph that a tape records of a recurrent network, unrolled over its steps, and the sweep back over it
#include <filesystem>
#include <iostream>
#include <unroll/nn/files/atomic_file.hpp>

#include "draw_graph/cells.hpp"
#include "support/command_line.hpp"
#include "support/picture.hpp"

using namespace unroll;
using namespace unroll::examples;

int main(int argc, char** argv) {
  CommandLine line("draw_graph", "The graph that a tape records of a recurrent cell, unrolled over its steps");
  std::string cell = "lstm", output;
  std::size_t steps = 3;
  bool backward = false;
  line.add("--cell", cell, "to unroll", one_of({"rnn", "lstm", "gru"}));
  line.add("--steps", steps, "of time", between(1, 1000));
  line.add("--backward", backward, "a tagger with a loss at each step, and the gradients that go back from their sum");
  line.add_file("--output", output, "a picture .svg, .png or .pdf, or .dot; that text on standard output if not given");
  return line.run(argc, argv, [&] {
    const std::string ending = std::filesystem::path(output).extension().string();
    const bool converted = ending == ".png" || ending == ".pdf", drawn = converted || ending == ".svg";
    if (!output.empty()) {
      require(drawn || ending == ".dot", "--output", "'", output, "'; its name must end in .svg, .png, .pdf or .dot");
      require_writable(output);
    }
    require(!converted || has_program("rsvg-convert"), output,
            "not drawn, there is no rsvg-convert; install it with: sudo apt-get install librsvg2-bin; or name an .svg");
    std::string text;
    if (drawn) {
      text = picture_of(drawn_cell(cell), steps, backward);
    } else {
      Tape<float> tape;
      record(drawn_cell(cell), steps, backward, tape);
      text = to_dot(tape, {.backward = backward});
    }
    if (output.empty())
      std::cout << text;
    else
      nn::write_atomically(output, [&](std::ostream& out) {
        converted ? render("rsvg-convert --format " + ending.substr(1) + (steps > 50 ? "" : " --zoom 2"), text, out)
                  : void(out << text);
      });
  });
}

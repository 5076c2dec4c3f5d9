#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <unroll/autograd/array.hpp>
#include <vector>

/// What a character model did while it read a text.
struct Inspection {
  struct State {
    std::string name;             ///< "h"
    unroll::Array<float> values;  ///< (time, units)
  };
  struct Gate {
    std::string name;                 ///< "f"
    std::vector<double> left, right;  ///< for each unit the share of the time in which it was shut, and open
  };
  struct Layer {
    std::vector<State> states;
    std::vector<Gate> gates;
  };

  std::string cell;                     ///< "lstm"
  std::vector<std::string> vocabulary;  ///< by id; the first is for characters that are not known
  std::vector<std::string> text;        ///< its characters
  std::vector<std::int64_t> ids;        ///< theirs
  unroll::Array<float> probabilities;   ///< of the character that comes next: (time, 1, vocabulary)
  std::vector<Layer> layers;
};

/// Writes it as one HTML page that needs nothing else.
void write_page(std::ostream& out, const Inspection& inspection);

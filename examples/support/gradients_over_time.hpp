#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "picture.hpp"

/// What was measured of a model on sequences of one length.
struct Measured {
  std::string model = {};
  std::size_t time = 0;           ///< that length
  Curve before = {}, after = {};  ///< the norm of the gradient by the state of each step, before and after training
  Curve errors = {};              ///< against the step of the training
  double test_error = 0;
};

/// Prints some norms at the last length and the test errors at all of them, and who has learned to add.
void print(std::ostream& out, const std::vector<Measured>& all, const std::vector<std::size_t>& lengths);

/// Both kinds of norms and the errors at this length.
std::vector<Panel> panels_of(const std::vector<Measured>& all, std::size_t time);

#pragma once

#include <ostream>
#include <string>
#include <unroll/autograd/array.hpp>
#include <vector>

namespace unroll::examples {

/// A line through points; what is not finite is a gap.
struct Curve {
  std::string name;
  std::vector<double> x, y;
  bool reference = false;  ///< drawn thin and grey

  void add(double at, double value) {
    x.push_back(at);
    y.push_back(value);
  }
};

/// Curves over the same axes.
struct Panel {
  std::string title, x, y;  ///< y on a logarithmic scale if `logarithmic`
  std::vector<Curve> curves;
  bool logarithmic = false;
};

/// A matrix as colours from 0, white, to the largest value; its `numbers` are written into them where there is room.
struct ColouredMatrix {
  std::string title, x, y;
  std::vector<std::string> rows, columns;
  Array<double> values;  ///< (rows, columns)
  bool numbers = true;
};

/// Throws an Error unless a picture can be written there: png, svg or pdf, as its name ends. Tells on standard error if
/// there is no gnuplot to draw it.
void require_picture(const std::string& path);

/// Draws panels side by side, those that have points, or a matrix, with gnuplot; does nothing where there is none.
void draw(const std::string& path, std::vector<Panel> panels);
void draw(const std::string& path, const ColouredMatrix& matrix);

/// Whether there is a program of this name.
bool has_program(const std::string& name);

/// Runs a command, a program and its options, that reads a file named last, and writes what it prints to `out`. An
/// Error if it fails.
void render(const std::string& command, const std::string& input, std::ostream& out);

}  // namespace unroll::examples

#pragma once

#include <ostream>
#include <string>
#include <unroll/autograd/array.hpp>
#include <vector>

namespace unroll::examples {

/// The median of some numbers, the mean of the two in the middle if there are two, the least and the largest.
struct Spread {
  double median, least, most;

  explicit Spread(std::vector<double> numbers);
};

/// A line through points; what is not finite is a gap.
struct Curve {
  std::string name;
  std::vector<double> x, y;
  bool reference = false;                   ///< drawn thin and grey
  std::vector<double> low = {}, high = {};  ///< of a band around the line, if there is one

  void add(double at, double value) {
    x.push_back(at);
    y.push_back(value);
  }
  /// A point of several runs: their median, in a band from the least to the largest.
  void add(double at, const Spread& runs) {
    add(at, runs.median);
    low.push_back(runs.least);
    high.push_back(runs.most);
  }
};

/// The spread of some curves through the same places.
Curve band_of(const std::string& name, const std::vector<Curve>& runs);

/// Curves over the same axes. Where there are rows, the curves are marks in them, the x of each its row, from the top,
/// and the axis of their y is the one below.
struct Panel {
  std::string title, x, y;  ///< y on a logarithmic scale if `logarithmic`
  std::vector<Curve> curves;
  bool logarithmic = false;
  std::vector<std::string> rows = {};
};

/// A matrix as colours from 0, white, to the largest value; other numbers, if there are any, are written into them
/// where there is room.
struct ColouredMatrix {
  std::string title, x, y;
  std::vector<std::string> rows, columns;
  Array<double> values;        ///< (rows, columns)
  Array<double> numbers = {};  ///< the same
};

/// Throws an Error unless a picture can be written there: png, svg or pdf, as its name ends. Tells on standard error if
/// there is no gnuplot to draw it.
void require_picture(const std::string& path);

/// Draws panels side by side, those that have points, or a matrix, with gnuplot; does nothing where there is none. The
/// background is transparent, and what is drawn can be read on a light and on a dark one; curves differ by their marks
/// as well.
void draw(const std::string& path, std::vector<Panel> panels);
void draw(const std::string& path, const ColouredMatrix& matrix);

/// Whether there is a program of this name.
bool has_program(const std::string& name);

/// Runs a command, a program and its options, that reads a file named last, and writes what it prints to `out`. An
/// Error if it fails.
void render(const std::string& command, const std::string& input, std::ostream& out);

}  // namespace unroll::examples

#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "picture.hpp"

namespace unroll::examples {

/// How often each class was taken for each.
class Confusion {
 public:
  explicit Confusion(const std::vector<std::string>& classes);

  void count(std::size_t right, std::size_t given);
  double accuracy() const;
  /// The mean of F1 over the classes that occur, each the harmonic mean of precision and recall.
  double macro_f1() const;
  /// The class that occurs most often, and its share.
  std::pair<std::string, double> most_frequent() const;
  /// Prints how often each class occurs, its precision, recall and F1 in per cent. `what` is what is counted.
  void print(std::ostream& out, const std::string& what) const;
  /// Draws how often each class was predicted for each true class.
  void draw(const std::string& path) const;

 private:
  struct Scores {
    double right, count, precision, recall, f1;
  };
  Scores scores(std::size_t k) const;

  std::vector<std::string> classes_;
  Array<double> counts_;  // (right, given)
};

}  // namespace unroll::examples

#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "../parameter.hpp"

namespace UNROLL_PUBLIC unroll {

/// Options of gradient_check.
struct GradientCheckOptions {
  int order = 1;               ///< 2: the gradient of the gradient too
  double tolerance = 1e-8;     ///< |tape − differences| ≤ tolerance (1 + |differences|)
  std::size_t directions = 0;  ///< 0: every entry; else along so many random unit directions of each parameter
  std::uint64_t seed = 1;      ///< of the tapes' random stream, of the directions and of what order 2 contracts with
  double kinks = 0.01;         ///< the largest share of entries that may lie at a kink
};

/// What a gradient check found: true if all agrees; prints as one line, which names the worst entry.
struct GradientReport {
  /// A place where derivatives were compared.
  struct Entry {
    std::string name;        ///< "lstm.weight_hh_l0(3, 1)" or "lstm.weight_hh_l0 along direction 2"
    int order = 1;           ///< of the derivative
    double tape = 0;         ///< by the tape
    double differences = 0;  ///< by finite differences
    double error = -1;       ///< |tape − differences| / (1 + |differences|); ∞ where something is not finite
  };

  /// What was compared of one parameter.
  struct Checked {
    std::string name;         ///< its own
    std::size_t entries = 0;  ///< that were compared
    double error = 0;         ///< the largest
  };

  std::vector<Checked> checked;   ///< those parameters that have entries
  std::size_t entries = 0;        ///< compared
  bool along_directions = false;  ///< whether entries are directions
  std::size_t parameters = 0;     ///< to which they belong
  std::size_t kinks = 0;          ///< entries at a kink, where nothing is compared
  std::size_t disagreements = 0;  ///< comparisons outside the tolerance
  Entry worst;                    ///< the largest error
  double seconds = 0;             ///< that it took
  std::string failure;            ///< empty if all agrees, or if nothing was compared

  /// Whether all agrees, and something was compared.
  explicit operator bool() const { return failure.empty() && !checked.empty(); }
};

/// One line.
std::ostream& operator<<(std::ostream& out, const GradientReport& report);
/// A line for each parameter: how many entries were compared, and the largest error; then the report.
void print_table(std::ostream& out, const GradientReport& report);

/// Compares the tape's gradient of the scalar f() with 5-point differences, entry by entry. `f` builds the scalar from
/// the parameters, which it finds changed from call to call and which are as they were in the end, whatever f throws.
/// Each call has a tape of its own with the same random numbers, so that dropout can be checked too.
///
/// Order 2 also checks the recorded sweep: its gradient, and the gradient of ⟨gradient, v⟩ for a random v.
///
/// An infinite entry stays where it is, so its derivative must be 0.
///
/// An entry is at a kink if the derivatives from its two sides, or the second derivatives, differ however small the
/// step, by the values of f alone. Throws if there is nothing to check, if a parameter is frozen (thaw it or leave it
/// out), if f is not a scalar or gives two values for the same parameters.
GradientReport gradient_check(const detail::Returning<Variable<double>>& f,
                              const std::vector<Parameter<double>>& parameters,
                              const GradientCheckOptions& options = {});

/// The same for all parameters of a model that are not frozen.
template <class Model>
requires requires(const Model& model) { model.parameters(); }
GradientReport gradient_check(const detail::Returning<Variable<double>>& f, const Model& model,
                              const GradientCheckOptions& options = {}) {
  std::vector<Parameter<double>> trained = model.parameters();
  std::erase_if(trained, [](const auto& parameter) { return parameter.frozen(); });
  return gradient_check(f, trained, options);
}

/// The same for a function of arrays, which are called "input 0", "input 1", ...
GradientReport gradient_check(const detail::Returning<Variable<double>, const std::vector<Variable<double>>&>& f,
                              const std::vector<Array<double>>& inputs, const GradientCheckOptions& options = {});

}  // namespace unroll

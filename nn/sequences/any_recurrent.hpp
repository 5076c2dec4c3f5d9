#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "recurrent.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The cells that AnyRecurrentOptions can name.
inline const std::vector<std::string> any_recurrent_cells{"lstm", "gru", "rnn"};

/// The options of AnyRecurrent: those of RecurrentOptions that are the same for every cell, and the cell.
struct AnyRecurrentOptions {
  std::size_t input = 0;             ///< features of x
  std::size_t hidden = 0;            ///< units of a layer, in each direction
  std::size_t layers = 1;            ///< one above the other
  bool bidirectional = false;        ///< both directions, side by side
  double dropout = 0;                ///< rate, between layers
  bool bias = true;                  ///< whether the cells have biases
  bool learned_initial = false;      ///< the state before the first step is a parameter, not zeros
  bool variational_dropout = false;  ///< one choice of dropout for all steps: Gal and Ghahramani (2016)
  bool residual = false;             ///< each layer above the first adds its input to its output
  std::string cell = "lstm";         ///< one of any_recurrent_cells; an Error for any other
};

/// An RNN, LSTM or GRU, chosen while the program runs: the same parameters, start values and results as theirs.
///
///     const nn::AnyRecurrent<float> layer({.input = 3, .hidden = 4, .cell = "gru"}, random);
///     const auto [output, state] = layer(x, lengths);  // state.size() is 2 for an LSTM, otherwise 1
///
/// shapes: as those of Recurrent
template <class T> class AnyRecurrent : public Module<T> {
 public:
  using State = std::vector<Variable<T>>;  ///< h, and c of an LSTM, each (layers × directions, batch, hidden)
  using Options = AnyRecurrentOptions;     ///< what it is made with

  /// The outputs of all steps and the final state.
  struct Result {
    Variable<T> output;  ///< (time, batch, directions × hidden)
    State state;         ///< after the last step of each sequence
  };

  /// An Error for an unknown cell, a size of 0 and a rate outside [0, 1).
  AnyRecurrent(const Options& options, Random& random);

  /// As Recurrent is called. An Error for an initial state with more or fewer entries than the cell's.
  Result operator()(const Variable<T>& x, const std::optional<Indices>& lengths = {},
                    const std::optional<State>& initial = {}) const;
  /// How many entries the state has.
  std::size_t states() const;
  /// What it was made with.
  const Options& options() const { return options_; }

 private:
  using Layer = std::variant<LSTM<T>, GRU<T>, RNN<T>>;
  static Layer make(const Options& options, Random& random);

  Options options_;
  Layer layer_;
};

}  // namespace nn
}  // namespace unroll

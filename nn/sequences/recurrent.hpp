#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../../autograd/tape.hpp"
#include "../cells/elman.hpp"
#include "../cells/gru.hpp"
#include "../cells/lstm.hpp"
#include "../layers/dropout.hpp"
#include "../options.hpp"
#include "packing.hpp"
#include "unroll.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {
namespace detail {

/// The options of a cell, which may have none.
template <class Cell> struct OptionsOf {
  struct type {};
};
template <class Cell>
requires requires { typename Cell::Options; }
struct OptionsOf<Cell> {
  using type = typename Cell::Options;
};

}  // namespace detail

/// The options of a recurrent layer; `cell` holds those of its cell. Both sizes must be given.
template <class Cell> struct RecurrentOptions {
  std::size_t input = 0;                 ///< features of x
  std::size_t hidden = 0;                ///< features of the state of each cell
  std::size_t layers = 1;                ///< how many, each over the outputs of the one before
  bool bidirectional = false;            ///< a second cell in each layer, from the last step to the first
  double dropout = 0;                    ///< rate in [0, 1), between layers, on a tape with random numbers
  bool bias = true;                      ///< whether cells have biases
  bool learned_initial = false;          ///< the state before the first step is a parameter, not zeros
  bool variational_dropout = false;      ///< one choice of dropout for all steps: Gal and Ghahramani (2016)
  detail::ZoneoutOf<Cell> zoneout = {};  ///< a rate in [0, 1) for each entry of the state: Krueger et al. (2017)
  bool residual = false;                 ///< each layer after the first adds its input to its output
  typename detail::OptionsOf<Cell>::type cell = {};  ///< the cell's own
};

/// Any cell over time: stacked, in one direction or both, with dropout between layers. x (time, batch, input) →
/// output (time, batch, directions × hidden), 0 past a sequence's length, and the final state, whose entries have shape
/// (layers × directions, batch, hidden): layer 0 forward, layer 0 reverse, layer 1 forward, ... Padding may hold
/// anything and gets gradient 0; the work is that of the sum of the lengths. Parameters have the cell's names with
/// _l0, _l0_reverse, _l1, ... behind. For `hidden` read the state_sizes() of a cell that has them.
template <class Cell> class Recurrent : public Module<typename detail::Checked<Cell>::T> {
 public:
  using State = typename Cell::State;                ///< entries (layers × directions, batch, hidden), h first
  using T = typename State::value_type::value_type;  ///< float or double
  using Options = RecurrentOptions<Cell>;            ///< what it is made with

  /// What a run gives: the outputs of the last layer, and the state of every cell after each sequence's last step.
  struct Result {
    Variable<T> output;  ///< (time, batch, directions × hidden)
    State state;         ///< entries (layers × directions, batch, hidden), which the next run may begin with
  };

  /// Draws the parameters; an Error for a size of 0 and for a rate outside [0, 1).
  Recurrent(const Options& options, Random& random);

  /// Runs x; `lengths` (batch,) are those of its sequences, all of them as long as x by default; `initial` is the state
  /// before the first step, shaped like the final one. An Error for an x that is not (time, batch, input), lengths
  /// outside [0, time], an initial state of another shape.
  Result operator()(const Variable<T>& x, const std::optional<Indices>& lengths = {},
                    const std::optional<State>& initial = {}) const;

  /// What each cell draws from, first for its inputs, then for its steps; empty without random numbers.
  using Streams = std::vector<std::array<Random, 2>>;

  /// The layer one step after the other, for inputs that depend on the last output: as much as a run over all steps,
  /// with the same dropout and zoneout on a tape with the same random numbers. A copy goes on from where it was made.
  ///
  ///     auto step = decoder.steps(encoded);                 // a state, or nothing
  ///     for (...) word = argmax(scores(step(words(word))));
  class Steps {
   public:
    /// x (batch, input) → output (batch, hidden), after which `state` is the next. Errors as those of a run.
    Variable<T> operator()(const Variable<T>& x) {
      require(x.shape().size() == 2, "recurrent", "x has shape ", x.shape(), " for one step; it must be (batch, ",
              layer_->options_.input, ")");
      Result result = layer_->run(unsqueeze(x, 0), {}, state, streams_);
      state = std::move(result.state);
      return squeeze(result.output, 0);
    }
    std::optional<State> state;  ///< after the last step, to be read and changed; none if a run would begin without one

   private:
    friend class Recurrent;
    Steps(const Recurrent& layer, const std::optional<State>& initial) : state(initial), layer_(&layer) {}
    const Recurrent* layer_;
    Streams streams_ = layer_->streams();
  };
  /// Begins to run step by step, on the tape that is to record it and while the layer lives. An Error for a layer of
  /// both directions.
  Steps steps(const std::optional<State>& initial = {}) const {
    require(
        !options_.bidirectional, "recurrent",
        "step by step in both directions; the reverse one would begin with the last step, so make the layer without "
        ".bidirectional");
    return Steps(*this, initial);
  }

  /// What it was made with.
  const Options& options() const { return options_; }
  /// The cells: layer 0 forward, layer 0 reverse, layer 1 forward, ...
  const std::vector<Cell>& cells() const { return cells_; }

 private:
  static constexpr std::size_t states = std::tuple_size_v<State>;

  Streams streams() const;
  Result run(const Variable<T>& x, const std::optional<Indices>& lengths, const std::optional<State>& initial,
             Streams& streams) const;

  std::size_t directions() const { return options_.bidirectional ? 2 : 1; }

  std::string suffix(std::size_t cell) const {
    return "_l" + std::to_string(cell / directions()) + (cell % directions() ? "_reverse" : "");
  }

  std::size_t state_size(std::size_t n) const {
    if constexpr (requires(const Cell& cell) { cell.state_sizes(); })
      return cells_[0].state_sizes()[n];
    else
      return options_.hidden;
  }

  State initial_state(std::size_t cell, const Packing& packing, const std::optional<State>& given) const;
  Variable<T> dropped(const Variable<T>& rows, const Packing& packing, Streams& streams, std::size_t layer) const;

  Options options_;
  std::vector<Cell> cells_;
  std::vector<Parameter<T>> initial_;  // the entries of each cell's learned state
};

template <class Cell> Recurrent<Cell>::Recurrent(const Options& options, Random& random) : options_(options) {
  require(options.input && options.hidden && options.layers, "recurrent", "input ", options.input, ", hidden ",
          options.hidden, ", layers ", options.layers, "; all sizes must be given");
  detail::require_rate("recurrent", "dropout", options.dropout);
  for (const double rate : options.zoneout) detail::require_rate("recurrent", "zoneout", rate);
  require(options.layers <= cells_.max_size() / directions(), "recurrent", options.layers,
          " layers; there is no memory for so many");
  cells_.reserve(options.layers * directions());  // a cell that can only be copied must never move
  for (std::size_t layer = 0; layer < options.layers; ++layer)
    for (std::size_t direction = 0; direction < directions(); ++direction) {
      const CellSizes sizes{layer ? directions() * state_size(0) : options.input, options.hidden, options.bias};
      if constexpr (requires { typename Cell::Options; })
        cells_.emplace_back(sizes, options.cell, random);
      else
        cells_.emplace_back(sizes, random);
      for (auto [name, parameter] : cells_.back().named_parameters())
        this->add(name + suffix(cells_.size() - 1), parameter);
    }
  for (std::size_t k = 0; options.learned_initial && k < cells_.size() * states; ++k) {
    initial_.emplace_back(Array<T>(zeros<T>({state_size(k % states)}).value()));
    this->add("initial_" + std::to_string(k % states) + suffix(k / states), initial_.back());
  }
}

template <class Cell>
auto Recurrent<Cell>::operator()(const Variable<T>& x, const std::optional<Indices>& lengths,
                                 const std::optional<State>& initial) const -> Result {
  Streams own = streams();
  return run(x, lengths, initial, own);
}

template <class Cell> auto Recurrent<Cell>::streams() const -> Streams {
  Random* const random = Tape<T>::stream();
  const bool draws = (options_.dropout > 0 && options_.layers > 1) ||
                     std::ranges::any_of(options_.zoneout, [](double rate) { return rate > 0; });
  Streams streams;
  for (std::size_t k = 0; random && draws && k < cells_.size(); ++k)
    streams.push_back({random->split(), random->split()});
  return streams;
}

template <class Cell>
auto Recurrent<Cell>::run(const Variable<T>& x, const std::optional<Indices>& lengths,
                          const std::optional<State>& initial, Streams& streams) const -> Result {
  const Scope scope("recurrent");
  require(!cells_.empty(), "recurrent", "the layer was moved from; use the one that it was moved to");
  require(x.shape().size() == 3 && x.shape()[2] == options_.input, "recurrent", "x has shape ", x.shape(),
          "; it must be (time, batch, ", options_.input, ")");
  const Packing packing(x.shape()[0], x.shape()[1], lengths);
  for (std::size_t n = 0; initial && n < states; ++n) {
    const Shape shape{cells_.size(), packing.batch(), state_size(n)}, &given = (*initial)[n].shape();
    require(given == shape, "recurrent", "an initial state of shape ", given, "; it must be ", shape);
  }
  Variable<T> rows = packing.pack(x);
  std::array<std::vector<Variable<T>>, states> finals;
  for (std::size_t layer = 0; layer < options_.layers; ++layer) {
    const Variable<T> inputs = layer ? dropped(rows, packing, streams, layer) : rows;
    std::vector<Variable<T>> outputs;
    for (std::size_t direction = 0; direction < directions(); ++direction) {
      const std::size_t k = layer * directions() + direction;
      const Scope inner(suffix(k).substr(1));
      const bool reverse = direction == 1;
      const State start = initial_state(k, packing, initial);
      const Innermost<Random> stream(streams.empty() ? Innermost<Random>::object() : &streams[k][1]);
      const auto steps =
          detail::unroll<T>(detail::AnyCell<T>(cells_[k]), inputs, packing.sizes(), start, reverse, options_.zoneout);
      outputs.push_back(concatenate(steps[0]));
      for (std::size_t n = 0; n < states; ++n) finals[n].push_back(packing.final_state(steps[n], start[n], reverse));
    }
    const Variable<T> output = concatenate(outputs, -1);
    rows = options_.residual && layer ? output + rows : output;
  }
  Result result{packing.unpack(rows), {}};
  for (std::size_t n = 0; n < states; ++n) result.state[n] = stack(finals[n]);
  return result;
}

// The state of the sequences before a cell's first step, the longest first.
template <class Cell>
auto Recurrent<Cell>::initial_state(std::size_t cell, const Packing& packing, const std::optional<State>& given) const
    -> State {
  State result;
  for (std::size_t n = 0; n < states; ++n) {
    const Shape shape{packing.batch(), state_size(n)};
    const auto index = static_cast<std::int64_t>(cell);
    if (given)
      result[n] = packing.sort(reshape(slice((*given)[n], 0, index, index + 1), shape));
    else
      result[n] = initial_.empty() ? zeros<T>(shape) : broadcast_to(initial_[cell * states + n], shape);
  }
  return result;
}

// The rows that a layer gets, with dropout, by one choice for all steps of a sequence if so wanted.
template <class Cell>
auto Recurrent<Cell>::dropped(const Variable<T>& rows, const Packing& packing, Streams& streams,
                              std::size_t layer) const -> Variable<T> {
  if (streams.empty()) return rows;
  Random &own = streams[layer * directions()][0], same = own;
  const Innermost<Random> stream(options_.variational_dropout ? &same : &own);
  if (!options_.variational_dropout) return dropout(rows, options_.dropout);
  return packing.pack(dropout(packing.unpack(rows), options_.dropout, 0));
}

/// Elman networks: h' = g(W x + b + U h + d), where g is tanh or, by .cell = {.nonlinearity = Nonlinearity::relu},
/// relu. State {h}. Elman (1990); weights as torch.nn.RNN has them.   x (time, batch, input) → Result of Recurrent
///
///     const nn::RNN<float> rnn({.input = 64, .hidden = 128}, random);
///     const auto [output, state] = rnn(x, lengths);
template <class T> using RNN = Recurrent<ElmanCell<T>>;

/// Long short-term memory: c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh c' (lstm.hpp); .cell = {...} has peepholes, coupled gates,
/// a projection, layer norm and a forget bias. State {h, c}. Hochreiter and Schmidhuber (1997), Gers et al. (2000);
/// weights as torch.nn.LSTM has them, gates i, f, g, o.   x (time, batch, input) → Result of Recurrent
///
///     const nn::LSTM<float> lstm({.input = 64, .hidden = 128, .layers = 2, .bidirectional = true}, random);
///     const auto [output, state] = lstm(x, lengths);                   // output (time, batch, 256), state {h, c}
///     const auto next = lstm(more, lengths, state).output;             // goes on from there
template <class T> using LSTM = Recurrent<LSTMCell<T>>;

/// Gated recurrent units: h' = (1 − z) ⊙ n + z ⊙ h (gru.hpp), with the reset gate after the product, or before it by
/// .cell = {.reset = Reset::before}. State {h}. Cho et al. (2014); weights as torch.nn.GRU has them, gates r, z, n.
/// x (time, batch, input) → Result of Recurrent
template <class T> using GRU = Recurrent<GRUCell<T>>;

extern template class Recurrent<ElmanCell<float>>;
extern template class Recurrent<ElmanCell<double>>;
extern template class Recurrent<LSTMCell<float>>;
extern template class Recurrent<LSTMCell<double>>;
extern template class Recurrent<GRUCell<float>>;
extern template class Recurrent<GRUCell<double>>;

}  // namespace nn
}  // namespace unroll

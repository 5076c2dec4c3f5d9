#pragma once

#include <algorithm>

#include "../../autograd/operations/ops.hpp"
#include "../../autograd/tape.hpp"
#include "../cells/elman.hpp"
#include "../cells/gru.hpp"
#include "../cells/lstm.hpp"
#include "../layers/dropout.hpp"
#include "../options.hpp"
#include "packing.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Stands for the options of a cell that has none.
struct NoOptions {};

template <class Cell>
struct OptionsOf {
  using type = NoOptions;
};
template <class Cell>
requires requires { typename Cell::Options; }
struct OptionsOf<Cell> {
  using type = typename Cell::Options;
};

/// A rate of zoneout for each entry of a cell's state.
template <class Cell>
using ZoneoutOf = std::array<double, std::tuple_size_v<typename Cell::State>>;

/// The states of a cell after every step of a packed batch (nn/packing.hpp), in the order of time. `sizes` says how
/// many sequences run at each step; `initial` is their state before the first, of all sequences. In reverse, each
/// sequence starts at its own last step. Each entry of the state has its rate of zoneout (nn/dropout.hpp).
template <class Cell, class T = typename Cell::State::value_type::value_type>
requires CellOf<Cell, T> std::vector<typename Cell::State> unroll(
    const Cell& cell, const std::type_identity_t<Variable<T>>& rows, const std::vector<std::size_t>& sizes,
    const typename Cell::State& initial, bool reverse = false, const ZoneoutOf<Cell>& rates = {}) {
  using State = typename Cell::State;
  const auto part = [](const State& state, std::size_t begin, std::size_t end) {
    State result;
    for (std::size_t k = 0; k < state.size(); ++k)
      result[k] = slice(state[k], 0, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end));
    return result;
  };
  const std::size_t most = sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
  for (std::size_t k = 0; k < initial.size(); ++k) {
    const Shape& shape = initial[k].shape();
    bool fits = shape.size() == 2 && shape[0] >= most && shape[0] == initial[0].shape()[0];
    if constexpr (requires { cell.state_sizes(); }) fits = fits && shape[1] == cell.state_sizes()[k];
    require(fits, "unroll", "an initial state of shape ", shape, " for ", most,
            " sequences; it must be (batch, hidden)");
    require_rate("unroll", "zoneout", rates[k]);
  }
  std::vector<std::int64_t> begins{0};  // of the rows of each step
  for (const std::size_t size : sizes) begins.push_back(begins.back() + static_cast<std::int64_t>(size));
  require(!rows.shape().empty() && std::int64_t(rows.shape()[0]) == begins.back(), "unroll", "rows of shape ",
          rows.shape(), " for steps of ", begins.back(), " rows together; there must be as many");
  // What depends on the input alone is computed for several steps at once: enough for a product to run at full speed,
  // and few enough for the result to be near when it is used.
  std::vector<Variable<T>> projected(sizes.size());
  const auto project = [&](std::size_t first) {
    std::size_t begin = first, end = first + 1;
    while ((reverse ? begin > 0 : end < sizes.size()) && begins[end] - begins[begin] < 1024) reverse ? --begin : ++end;
    const std::vector<std::size_t> chunk(sizes.begin() + std::ptrdiff_t(begin), sizes.begin() + std::ptrdiff_t(end));
    const auto parts = split(cell.input(slice(rows, 0, begins[begin], begins[end])), chunk, 0);
    std::copy(parts.begin(), parts.end(), projected.begin() + std::ptrdiff_t(begin));
  };
  const RepeatedProducts repeated;
  std::vector<State> states(sizes.size());
  std::size_t running = reverse ? 0 : initial[0].shape()[0];
  State state = reverse ? part(initial, 0, 0) : initial;
  for (std::size_t step = 0; step < sizes.size(); ++step) {
    const std::size_t t = reverse ? sizes.size() - 1 - step : step;
    if (sizes[t] < running) {
      state = part(state, 0, sizes[t]);
    } else if (sizes[t] > running) {
      const State starting = part(initial, running, sizes[t]);
      for (std::size_t k = 0; k < state.size(); ++k)
        state[k] = running ? concatenate({state[k], starting[k]}) : starting[k];
    }
    running = sizes[t];
    if (!projected[t].has_value()) project(t);
    const Scope scope("step", static_cast<std::int64_t>(t));
    State next = cell.step(std::exchange(projected[t], {}), state);
    for (std::size_t k = 0; k < state.size(); ++k) {
      require(next[k].shape() == state[k].shape(), "unroll", "a step from a state of shape ", state[k].shape(),
              " to one of ", next[k].shape(), "; they must be equal");
      if (rates[k] > 0) next[k] = zoneout(state[k], next[k], rates[k]);
    }
    state = states[t] = std::move(next);
  }
  return states;
}

/// The states of a cell after every step of x, of shape (time, batch, input), from a state of zeros or a given one.
template <class Cell, class T = typename Cell::State::value_type::value_type>
requires CellOf<Cell, T> std::vector<typename Cell::State> unroll(const Cell& cell,
                                                                  const std::type_identity_t<Variable<T>>& x,
                                                                  const typename Cell::State& initial,
                                                                  bool reverse = false) {
  require(x.shape().size() == 3, "unroll", "x has shape ", x.shape(), "; it must be (time, batch, input)");
  const std::size_t time = x.shape()[0], batch = x.shape()[1];
  return unroll(cell, reshape(x, {time * batch, x.shape()[2]}), std::vector<std::size_t>(time, batch), initial,
                reverse);
}

/// The options of a recurrent layer; `cell` holds those of its cell.
template <class Cell>
struct RecurrentOptions {
  std::size_t input = 0, hidden = 0, layers = 1;
  bool bidirectional = false;
  double dropout = 0;  ///< rate, between layers
  bool bias = true;
  bool learned_initial = false;      ///< the state before the first step is a parameter, not zeros
  bool variational_dropout = false;  ///< one choice of dropout for all steps: Gal and Ghahramani (2016)
  ZoneoutOf<Cell> zoneout = {};      ///< a rate for each entry of the state: Krueger et al. (2017)
  bool residual = false;             ///< each layer above the first adds its input to its output
  typename OptionsOf<Cell>::type cell = {};
};

/// Any cell over time: stacked, in one direction or both, with dropout between layers. Padding may hold anything.
/// x (time, batch, input) → output (time, batch, directions × hidden), 0 past a sequence's length, and the final state,
/// whose entries have shape (layers × directions, batch, hidden): layer 0 forward, layer 0 reverse, layer 1 forward,
/// ... Parameters have the cell's names with _l0, _l0_reverse, _l1, ... behind. For `hidden` read the state_sizes() of
/// a cell that has them.
template <class Cell>
class Recurrent : public Module<typename Cell::State::value_type::value_type> {
 public:
  using State = typename Cell::State;
  using T = typename State::value_type::value_type;
  using Options = RecurrentOptions<Cell>;

  struct Result {
    Variable<T> output;
    State state;
  };

  Recurrent(const Options& options, Random& random) : options_(options) {
    require(options.input && options.hidden && options.layers, "recurrent", "input ", options.input, ", hidden ",
            options.hidden, ", layers ", options.layers, "; all sizes must be given");
    require_rate("recurrent", "dropout", options.dropout);
    for (const double rate : options.zoneout) require_rate("recurrent", "zoneout", rate);
    require(options.layers <= cells_.max_size() / directions(), "recurrent", options.layers,
            " layers; there is no memory for so many");
    cells_.reserve(options.layers * directions());  // a cell that can only be copied must never move
    for (std::size_t layer = 0; layer < options.layers; ++layer) {
      for (std::size_t direction = 0; direction < directions(); ++direction) {
        const CellSizes sizes{layer ? directions() * state_size(0) : options.input, options.hidden, options.bias};
        if constexpr (requires { typename Cell::Options; })
          cells_.emplace_back(sizes, options.cell, random);
        else
          cells_.emplace_back(sizes, random);
        for (auto [name, parameter] : cells_.back().named_parameters())
          this->add(name + suffix(cells_.size() - 1), parameter);
      }
    }
    for (std::size_t k = 0; options.learned_initial && k < cells_.size() * states; ++k) {
      initial_.emplace_back(Array<T>(zeros<T>({state_size(k % states)}).value()));
      this->add("initial_" + std::to_string(k % states) + suffix(k / states), initial_.back());
    }
  }

  /// Runs x; `lengths` (batch,) are those of its sequences, all of them as long as x by default; `initial` is the state
  /// before the first step, shaped like the final one.
  Result operator()(const Variable<T>& x, const std::optional<Indices>& lengths = {},
                    const std::optional<State>& initial = {}) const {
    const Scope scope("recurrent");
    require(!cells_.empty(), "recurrent", "the layer was moved from; use the one that it was moved to");
    require(x.shape().size() == 3 && x.shape()[2] == options_.input, "recurrent", "x has shape ", x.shape(),
            "; it must be (time, batch, ", options_.input, ")");
    const Packing packing(x.shape()[0], x.shape()[1], lengths);
    if (initial) check(*initial, packing.batch());
    Variable<T> rows = packing.pack(x);
    std::array<std::vector<Variable<T>>, states> finals;
    for (std::size_t layer = 0; layer < options_.layers; ++layer) {
      const Variable<T> inputs = layer ? dropped(rows, packing) : rows;
      std::vector<Variable<T>> outputs;
      for (std::size_t direction = 0; direction < directions(); ++direction) {
        const std::size_t k = layer * directions() + direction;
        const Scope inner(suffix(k).substr(1));
        const State start = initial_state(k, packing, initial);
        const bool reverse = direction == 1;
        const std::vector<State> all = unroll(cells_[k], inputs, packing.sizes(), start, reverse, options_.zoneout);
        outputs.push_back(all_rows(all));
        for (std::size_t n = 0; n < states; ++n)
          finals[n].push_back(packing.unsort(final_state(n, all, start, packing, reverse)));
      }
      const Variable<T> output = concatenate(outputs, -1);
      rows = options_.residual && layer ? output + rows : output;
    }
    Result result{packing.unpack(rows), {}};
    for (std::size_t n = 0; n < states; ++n) result.state[n] = stack(finals[n]);
    return result;
  }

  const Options& options() const { return options_; }
  /// The cells: layer 0 forward, layer 0 reverse, layer 1 forward, ...
  const std::vector<Cell>& cells() const { return cells_; }

 private:
  static constexpr std::size_t states = std::tuple_size_v<State>;

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

  // Rows with dropout, by one choice for all steps of a sequence if so wanted.
  Variable<T> dropped(const Variable<T>& rows, const Packing& packing) const {
    if (!options_.variational_dropout) return dropout(rows, options_.dropout);
    return packing.pack(dropout(packing.unpack(rows), options_.dropout, 0));
  }

  void check(const State& initial, std::size_t batch) const {
    for (std::size_t n = 0; n < states; ++n) {
      const Shape shape{cells_.size(), batch, state_size(n)};
      require(initial[n].shape() == shape, "recurrent", "an initial state of shape ", initial[n].shape(),
              "; it must be ", shape);
    }
  }

  // The state of the sequences before a cell's first step, the longest first.
  State initial_state(std::size_t cell, const Packing& packing, const std::optional<State>& given) const {
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

  Variable<T> all_rows(const std::vector<State>& all) const {
    std::vector<Variable<T>> h;
    for (const State& state : all) h.push_back(state[0]);
    return concatenate(h);
  }

  // Forward, a sequence ends at its last step; in reverse, all end at the first. One of length 0 ends where it starts.
  static Variable<T> final_state(std::size_t n, const std::vector<State>& all, const State& start,
                                 const Packing& packing, bool reverse) {
    std::vector<Variable<T>> parts;
    std::size_t ended = 0;
    const auto take_rows = [&](const Variable<T>& from, std::size_t end) {
      if (end > ended || parts.empty())
        parts.push_back(slice(from, 0, static_cast<std::int64_t>(ended), static_cast<std::int64_t>(end)));
      ended = std::max(ended, end);
    };
    for (std::size_t t = reverse ? std::min<std::size_t>(all.size(), 1) : all.size(); t-- > 0;)
      take_rows(all[t][n], packing.sizes()[t]);
    take_rows(start[n], packing.batch());
    return parts.size() == 1 ? parts[0] : concatenate(parts);
  }

  Options options_;
  std::vector<Cell> cells_;
  std::vector<Parameter<T>> initial_;
};

template <class T>
using RNN = Recurrent<ElmanCell<T>>;
template <class T>
using LSTM = Recurrent<LSTMCell<T>>;
template <class T>
using GRU = Recurrent<GRUCell<T>>;

}  // namespace nn
}  // namespace unroll

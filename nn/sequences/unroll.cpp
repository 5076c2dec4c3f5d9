#include "unroll.hpp"

#include "../../autograd/instantiate.hpp"
#include "../../autograd/operations/ops.hpp"
#include "../layers/dropout.hpp"
#include "../options.hpp"

namespace unroll::nn::detail {

namespace {

template <class T> using Entries = std::vector<Variable<T>>;  // of a state

template <class T> Entries<T> sequences(std::span<const Variable<T>> state, std::size_t begin, std::size_t end) {
  Entries<T> result;
  result.reserve(state.size());
  for (const Variable<T>& entry : state)
    result.push_back(slice(entry, 0, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)));
  return result;
}

// The state of the sequences that run at a step, of whom some have ended since the last one, or some start.
template <class T> Entries<T> of_running(Entries<T> state, std::span<const Variable<T>> initial, std::size_t size) {
  const std::size_t running = state[0].shape()[0];
  if (size < running) return sequences<T>(state, 0, size);
  if (size == running) return state;
  Entries<T> starting = sequences<T>(initial, running, size);
  if (running == 0) return starting;
  for (std::size_t n = 0; n < state.size(); ++n) state[n] = concatenate({state[n], starting[n]});
  return state;
}

template <class T>
void check(const AnyCell<T>& cell, const std::vector<std::size_t>& sizes, std::span<const Variable<T>> initial,
           std::span<const double> zoneout) {
  const std::size_t most = sizes.empty() ? 0 : *std::ranges::max_element(sizes);
  for (std::size_t n = 0; n < initial.size(); ++n) {
    const Shape& shape = initial[n].shape();
    const bool fits = shape.size() == 2 && shape[0] >= most && shape[0] == initial[0].shape()[0] &&
                      (cell.sizes.empty() || shape[1] == cell.sizes[n]);
    require(fits, "unroll", "an initial state of shape ", shape, " for ", most,
            " sequences; it must be (batch, hidden)");
    require_rate("unroll", "zoneout", zoneout[n]);
  }
}

// What a cell makes of the input alone. It is computed for several steps at once: enough for a product to run at full
// speed, and few enough for the result to be near when it is used.
template <class T> class Projected {
 public:
  Projected(const AnyCell<T>& cell, const Variable<T>& rows, const std::vector<std::size_t>& sizes, bool reverse)
      : cell_(cell), rows_(rows), sizes_(sizes), reverse_(reverse), steps_(sizes.size()) {
    begins_.reserve(sizes.size() + 1);
    for (const std::size_t size : sizes) begins_.push_back(begins_.back() + static_cast<std::int64_t>(size));
    require(!rows.shape().empty() && std::int64_t(rows.shape()[0]) == begins_.back(), "unroll", "rows of shape ",
            rows.shape(), " for steps of ", begins_.back(), " rows together; there must be as many");
  }
  /// The rows of a step, once.
  Variable<T> take(std::size_t step) {
    if (!steps_[step].has_value()) project(step);
    return std::exchange(steps_[step], {});
  }

 private:
  void project(std::size_t step) {
    std::size_t begin = step, end = step + 1;
    while ((reverse_ ? begin > 0 : end < sizes_.size()) && begins_[end] - begins_[begin] < 1024)
      reverse_ ? --begin : ++end;
    const std::vector<std::size_t> chunk(sizes_.begin() + std::ptrdiff_t(begin), sizes_.begin() + std::ptrdiff_t(end));
    auto parts = split(cell_.input(slice(rows_, 0, begins_[begin], begins_[end])), chunk, 0);
    std::ranges::move(parts, steps_.begin() + std::ptrdiff_t(begin));
  }

  const AnyCell<T>& cell_;
  const Variable<T>& rows_;
  const std::vector<std::size_t>& sizes_;
  const bool reverse_;
  std::vector<std::int64_t> begins_{0};  // of the rows of each step, and their end
  std::vector<Variable<T>> steps_;
};

}  // namespace

template <class T>
std::vector<std::vector<Variable<T>>> unroll(const AnyCell<T>& cell, const Variable<T>& rows,
                                             const std::vector<std::size_t>& sizes,
                                             std::span<const Variable<T>> initial, bool reverse,
                                             std::span<const double> zoneout) {
  check(cell, sizes, initial, zoneout);
  Projected<T> projected(cell, rows, sizes, reverse);
  const RepeatedProducts repeated;
  std::vector<Entries<T>> states(initial.size(), Entries<T>(sizes.size()));
  Entries<T> state(initial.begin(), initial.end()), next(initial.size());
  if (reverse) state = sequences(initial, 0, 0);
  for (std::size_t step = 0; step < sizes.size(); ++step) {
    const std::size_t t = reverse ? sizes.size() - 1 - step : step;
    state = of_running(std::move(state), initial, sizes[t]);
    const Variable<T> of_input = projected.take(t);
    const Scope scope("step", static_cast<std::int64_t>(t));
    cell.step(of_input, state, next);
    for (std::size_t n = 0; n < state.size(); ++n) {
      require(next[n].shape() == state[n].shape(), "unroll", "a step from a state of shape ", state[n].shape(),
              " to one of ", next[n].shape(), "; they must be equal");
      if (zoneout[n] > 0) next[n] = nn::zoneout(state[n], next[n], zoneout[n]);
      states[n][t] = state[n] = std::move(next[n]);
    }
  }
  return states;
}

extern const auto unrollings =
    unroll::detail::for_float_and_double([]<class T>() { return std::tuple(&nn::detail::unroll<T>); });

}  // namespace unroll::nn::detail

#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include "../../autograd/operations/ops.hpp"
#include "../options.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of beam_search.
struct BeamSearchOptions {
  std::size_t width = 5;      ///< how many hypotheses there are, those that have ended among them
  std::size_t length = 100;   ///< of the longest, in tokens
  std::int64_t start = 0;     ///< the token before the first
  std::int64_t end = -1;      ///< the token that ends a hypothesis; -1 for none
  double length_penalty = 0;  ///< α of Wu et al. (2016), eq. 14
  int axis = 0;               ///< along which a state has hypotheses: 1 in that of nn::Recurrent
};

/// Tokens that beam_search has found.
struct Hypothesis {
  std::vector<std::int64_t> tokens;  ///< the last one is the end, if it came to that
  double log_probability = 0;        ///< Σ ln p(token | those before)
  double score = 0;                  ///< log_probability / ((5 + number of tokens) / 6)^α
};

namespace detail {

/// The hypotheses of a state of n that go on.
template <class State> void choose(State& state, const Indices& which, std::size_t n, int axis) {
  if constexpr (unroll::detail::VariableLike<State>) {
    const std::size_t along = normal_axis("beam_search", axis, state.shape().size(), "a state");
    require(state.shape()[along] == n, "beam_search", "a state of shape ", state.shape(), " for ", n,
            " hypotheses; it must have them along axis ", axis);
    state = swap_axes(take(swap_axes(state, 0, axis), which), 0, axis);
  } else {
    for (auto& part : state) choose(part, which, n, axis);
  }
}

}  // namespace detail

/// Beam search over any model: step(state, tokens) has the state, of one hypothesis at first, and the last tokens (n,),
/// and gives a pair of log-probabilities (n, vocabulary) and the next state; a state is a Variable, or an array or
/// vector of states. As many of the most likely continuations go on as there are hypotheses that have not ended: a
/// width of 1 is greedy, one of vocabulary^length exhaustive. Of equal ones, earlier hypotheses and smaller tokens go
/// on; none of −∞ does, so there may be fewer. Gives the best score first. An Error for options out of range, shapes
/// that do not fit, and log-probabilities that are NaN or ∞.
template <class State, class Step>
std::vector<Hypothesis> beam_search(State state, const Step& step, const BeamSearchOptions& options = {}) {
  require(options.width > 0 && options.length > 0, "beam_search", "width ", options.width, ", length ", options.length,
          "; both must be 1 or more");
  detail::require_not_negative("beam_search", "length_penalty", options.length_penalty);
  std::vector<Hypothesis> running(1), ended;
  for (std::size_t t = 0; t < options.length && !running.empty(); ++t) {
    const std::vector<Hypothesis> before = std::exchange(running, {});
    const std::size_t n = before.size();
    std::vector<std::int64_t> tokens;
    std::vector<Variable<double>> so_far;
    for (const Hypothesis& h : before) {
      tokens.push_back(t ? h.tokens.back() : options.start);
      so_far.push_back(h.log_probability);
    }
    const Indices last = indices(tokens);
    auto [log_p, next] = step(std::as_const(state), last);
    const Shape& shape = log_p.shape();
    require(shape.size() == 2 && shape[0] == n && options.end < static_cast<std::int64_t>(shape[1]), "beam_search",
            "log-probabilities of shape ", shape, "; it must be (", n, ", vocabulary), the vocabulary with the end ",
            options.end);
    const Variable<double> all = reshape(unsqueeze(stack(so_far), -1) + Variable<double>(log_p.value()), {-1});
    const TopK<double> best = top_k(all, std::min(options.width - ended.size(), all.size()));
    std::vector<std::size_t> origins;  // of those that go on
    for (std::size_t k = 0; k < best.indices.size(); ++k) {
      const auto place = static_cast<std::size_t>(best.indices(k)), origin = place / shape[1];
      const auto token = static_cast<std::int64_t>(place % shape[1]);
      const double log_probability = best.values.value()(k);
      require(log_probability < std::numeric_limits<double>::infinity(), "beam_search", "log-probability ",
              log_probability, " of token ", token, "; it must be less than inf");
      if (std::isinf(log_probability)) break;
      const bool ends = token == options.end;
      Hypothesis& h = (ends ? ended : running).emplace_back(before[origin]);
      h.tokens.push_back(token);
      h.log_probability = log_probability;
      h.score = log_probability / std::pow((5 + double(h.tokens.size())) / 6, options.length_penalty);
      if (!ends) origins.push_back(origin);
    }
    detail::choose(next, indices(origins), n, options.axis);
    state = std::move(next);
  }
  ended.insert(ended.end(), running.begin(), running.end());
  std::ranges::stable_sort(ended, std::greater{}, &Hypothesis::score);
  return ended;
}

}  // namespace nn
}  // namespace unroll

#include <limits>

#include "../../autograd/instantiate.hpp"
#include "../../autograd/scope.hpp"
#include "../sequences/packing.hpp"
#include "losses.hpp"

namespace unroll::nn {

namespace {

// The classes that alignments of a sequence pass: a blank, and after each label one more.   shape: (batch, states)
Indices states_of(const Indices& labels, const Packing& lengths, std::size_t classes, std::int64_t blank) {
  const Shape shape(labels.shape());
  Indices states = Indices::from_shape({shape[1], 2 * shape[0] + 1});
  states.fill(blank);
  for (std::size_t k = 0; k < shape[1]; ++k)
    for (std::size_t i = 0; i < lengths.length(k); ++i) {
      const std::int64_t label = labels(i, k);
      require(0 <= label && label < static_cast<std::int64_t>(classes) && label != blank, "ctc_loss", "label ", label,
              " at position ", Shape{i, k}, "; it must be in [0, ", classes, "), and not the blank ", blank);
      states(k, 2 * i + 1) = label;
    }
  return states;
}

// ln α_t[s] = ln p_t[s] + ln(α_t₋₁[s] + α_t₋₁[s − 1] + α_t₋₁[s − 2]) at the last step of each sequence, where s − 2 is
// left out if a blank between equal labels or a label itself would be passed over.   shape: (batch, states)
template <class T>
Variable<T> log_alpha(const Variable<T>& logits, const Indices& states, std::int64_t blank, const Packing& packing) {
  constexpr T never = -std::numeric_limits<T>::infinity();
  const std::size_t batch = packing.batch(), count = states.shape()[1];
  const auto back = [&](const Variable<T>& x, std::size_t k, T outside) {
    return slice(pad(x, {{0, 0}, {k, 0}}, outside), 1, 0, static_cast<std::int64_t>(count));
  };
  const Variable<T> classes = states;
  const Variable<T> skip = packing.sort(where(equal(classes, back(classes, 2, T(blank))), never, T(0)));
  const Indices at_each_step = xt::broadcast(states, {logits.shape()[0], batch, count});
  const Variable<T> log_p = packing.pack(take_along(logits, at_each_step)) - logsumexp(packing.pack(logits), 1, true);
  const std::vector<Variable<T>> steps = split(log_p, packing.sizes(), 0);
  const Variable<T> start = pad(zeros<T>({batch, 1}), {{0, 0}, {0, count - 1}}, never);
  std::vector<Variable<T>> alpha;
  for (const Variable<T>& step : steps) {
    const auto running = static_cast<std::int64_t>(step.shape()[0]);
    const Variable<T> last = slice(alpha.empty() ? start : alpha.back(), 0, 0, running);
    const Variable<T> skipped = back(last, 2, never) + slice(skip, 0, 0, running);
    alpha.push_back(logsumexp(stack({last, back(last, 1, never), skipped}), 0) + step);
  }
  return packing.final_state(alpha, start, false);
}

}  // namespace

template <class T>
Variable<T> ctc_loss(const Variable<T>& logits, const Indices& labels, const std::optional<Indices>& input_lengths,
                     const std::optional<Indices>& label_lengths, const CTCOptions& options) {
  const Scope scope("ctc_loss");
  const Shape &shape = logits.shape(), given(labels.shape());
  require(shape.size() == 3, "ctc_loss", "logits of shape ", shape, "; it must be (time, batch, classes)");
  const std::size_t batch = shape[1], classes = shape[2];
  require(given.size() == 2 && given[1] == batch, "ctc_loss", "labels of shape ", given, " for a batch of ", batch,
          "; it must be (labels, ", batch, ")");
  require(0 <= options.blank && options.blank < static_cast<std::int64_t>(classes), "ctc_loss", "blank ", options.blank,
          "; there are ", classes, " classes");
  const Packing steps(shape[0], batch, input_lengths);
  const auto lengths = [&] {
    const Scope of_labels("labels");
    return Packing(given[0], batch, label_lengths);
  }();
  const Indices states = states_of(labels, lengths, classes, options.blank);
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const Variable<T> count = label_lengths ? Variable<T>(*label_lengths) : full<T>({batch}, T(given[0]));
  const Variable<T> s = xt::arange<T>(T(states.shape()[1])), last = reshape(2 * count, {batch, std::size_t(1)});
  const Variable<T> alpha = log_alpha(logits, states, options.blank, steps);
  Variable<T> losses = -logsumexp(where(s == last || s == last - 1, alpha, -infinity), 1);
  if (options.zero_infinity) losses = where(losses == infinity, 0, losses);
  if (options.reduction == Reduction::none) return losses;
  return options.reduction == Reduction::sum ? sum(losses) : mean(losses / maximum(count, 1));
}

extern const auto ctc_losses = unroll::detail::for_float_and_double([]<class T>() { return std::tuple(&ctc_loss<T>); });

}  // namespace unroll::nn

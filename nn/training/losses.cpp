#include "losses.hpp"

#include <algorithm>
#include <limits>

#include "../../autograd/instantiate.hpp"
#include "../../autograd/tape.hpp"

namespace unroll::nn {

namespace {

// The labels that count: their places, and they themselves.
struct Counted {
  Indices places, labels;
};

Counted counted(const Indices& labels, std::int64_t ignore, std::size_t classes) {
  std::vector<std::int64_t> places, chosen;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    const std::int64_t label = labels.flat(k);
    if (label == ignore) continue;
    require(0 <= label && label < static_cast<std::int64_t>(classes), "cross_entropy", "label ", label, " at position ",
            Shape(labels.shape()).position(k), "; there are ", classes, " classes");
    places.push_back(static_cast<std::int64_t>(k));
    chosen.push_back(label);
  }
  return {indices(places), indices(chosen)};
}

// w ⊙ x for logarithms x, of which −∞ does not count where w is 0.
template <class T> Variable<T> weighted(const Variable<T>& w, const Variable<T>& x) {
  return w * where(equal(w, 0), maximum(x, std::numeric_limits<T>::lowest()), x);
}

// The loss of each label that counts, and the sum of their weights.
template <class T>
std::pair<Variable<T>, double> each(const Variable<T>& logits, const Counted& labels,
                                    const CrossEntropyOptions<T>& options) {
  const std::size_t classes = logits.shape().back(), count = labels.labels.size();
  const Variable<T> all = reshape(logits, {logits.size() / classes, classes});
  Variable<T> rows = count < all.shape()[0] ? take(all, labels.places) : all;
  // ln softmax(rows) is z − s for z = rows − shift: only its elements at the labels are ever made. Near 0, where z is,
  // a sum of exponentials is exact.
  Variable<T> shift = max(detach(rows), -1, true);
  if (std::ranges::count(shift.value().storage(), std::numeric_limits<T>::infinity())) {
    rows = log_softmax(rows);
    shift = max(detach(rows), -1, true);
  }
  const auto z = [&](const Variable<T>& part) { return part - shift; };
  Indices column = labels.labels;
  column.reshape({count, std::size_t(1)});
  const Variable<T> of_label = reshape(z(take_along(rows, column)), {count});
  const Variable<T> s = reshape(logsumexp_above(rows, shift), {count});
  const double own = 1 - options.smoothing, share = options.smoothing / double(classes);
  if (options.weights.size() == 0 || options.weights.dimension() == 0) {
    const Variable<T> loss = (s - of_label) * own;
    return {share > 0 ? loss + (s * double(classes) - sum(z(rows), -1)) * share : loss, double(count)};
  }
  const Variable<T> w = options.weights, w_of_label = take(w, labels.labels);
  const Variable<T> loss = -weighted(w_of_label, of_label - s) * own;
  return {share > 0 ? loss + (s * sum(w) - sum(weighted(w, z(rows)), -1)) * share : loss,
          double(sum(w_of_label).item())};
}

template <class T>
Counted check(const Variable<T>& logits, const Indices& labels, const CrossEntropyOptions<T>& options) {
  const Shape &given = logits.shape(), wanted(labels.shape());
  require(!given.empty() && given.back() > 0 && Shape(given.begin(), given.end() - 1) == wanted, "cross_entropy",
          "logits of shape ", given, " and labels of shape ", wanted,
          "; the former must be the latter and the classes");
  require(0 <= options.smoothing && options.smoothing < 1, "cross_entropy", "smoothing ", options.smoothing,
          "; it must be in [0, 1)");
  require(options.weights.dimension() == 0 || Shape(options.weights.shape()) == Shape{given.back()}, "cross_entropy",
          "weights of shape ", Shape(options.weights.shape()), "; there must be one for each of ", given.back(),
          " classes");
  for (std::size_t k = 0; k < options.weights.size() && options.weights.dimension() > 0; ++k)
    require(options.weights(k) >= 0 && options.weights(k) <= std::numeric_limits<T>::max(), "cross_entropy", "weight ",
            options.weights(k), " of class ", k, "; it must be 0 or more, and finite");
  return counted(labels, options.ignore, given.back());
}

}  // namespace

template <class T>
Total<T> cross_entropy_total(const Variable<T>& logits, const Indices& labels, const CrossEntropyOptions<T>& options) {
  const Scope scope("cross_entropy");
  const auto [losses, weight] = each(logits, check(logits, labels, options), options);
  return {sum(losses), weight};
}

template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& labels,
                          const std::type_identity_t<CrossEntropyOptions<T>>& options) {
  const Scope scope("cross_entropy");
  const Counted which = check(logits, labels, options);
  const auto [losses, weight] = each(logits, which, options);
  if (options.reduction == Reduction::none)
    return reshape(scatter(losses, which.places, labels.size()), Shape(labels.shape()));
  const Total<T> both{sum(losses), weight};
  return options.reduction == Reduction::sum ? both.sum : both.mean();
}

namespace {

// The losses f() of each element of x, reduced.
template <class T, class F>
Variable<T> loss(const char* name, const Variable<T>& x, const Variable<T>& targets, Reduction reduction, const F& f) {
  const Scope scope(name);
  require(x.shape() == targets.shape(), name, "shape ", x.shape(), " with targets of shape ", targets.shape(),
          "; they must be equal");
  const Variable<T> losses = f();
  return reduction == Reduction::mean ? mean(losses) : reduction == Reduction::sum ? sum(losses) : losses;
}

}  // namespace

template <class T>
Variable<T> binary_cross_entropy(const Variable<T>& x, const std::type_identity_t<Variable<T>>& t,
                                 const LossOptions& options) {
  return loss("binary_cross_entropy", x, t, options.reduction,
              [&] { return -weighted(t, log_sigmoid(x)) - weighted<T>(1 - t, log_sigmoid(-x)); });
}

template <class T>
Variable<T> mean_squared_error(const Variable<T>& x, const std::type_identity_t<Variable<T>>& t,
                               const LossOptions& options) {
  return loss("mean_squared_error", x, t, options.reduction, [&] { return square(x - t); });
}

template <class T>
Variable<T> mean_absolute_error(const Variable<T>& x, const std::type_identity_t<Variable<T>>& t,
                                const LossOptions& options) {
  return loss("mean_absolute_error", x, t, options.reduction, [&] { return abs(x - t); });
}

template <class T>
Variable<T> kl_divergence(const Variable<T>& log_p, const std::type_identity_t<Variable<T>>& t,
                          const LossOptions& options) {
  return loss("kl_divergence", log_p, t, options.reduction, [&] {
    require(!log_p.shape().empty(), "kl_divergence", "shape (); the last axis must be that of the classes");
    // Where t = 0, neither logarithm is multiplied: they may be −∞, though not NaN.
    const Variable<T> none = equal(t, 0) * equal(log_p, log_p);
    return sum(t * (log(where(none, 1, t)) - where(none, 0, log_p)), -1);
  });
}

extern const auto losses = unroll::detail::for_float_and_double([]<class T>() {
  return std::tuple(&cross_entropy_total<T>, &cross_entropy<T>, &binary_cross_entropy<T>, &mean_squared_error<T>,
                    &mean_absolute_error<T>, &kl_divergence<T>);
});

}  // namespace unroll::nn

#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "../../autograd/kernels/threads.hpp"
#include "../../autograd/random.hpp"
#include "../../autograd/tape.hpp"
#include "ranks.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of parallel_gradients.
struct ParallelOptions {
  std::size_t threads = 0;   ///< one for each core if 0; more or fewer change the time alone
  Random* random = nullptr;  ///< for dropout: each share gets a stream split from it
  bool ordered = true;       ///< ranks add up in the order of the shares, not in one that is quickest for them
};

/// What parallel_gradients gives.
template <class T> struct LossAndGradients {
  T loss;                  ///< the sum of the shares' losses
  Gradients<T> gradients;  ///< of this sum
};

namespace detail {

/// What a share's loss is of: float or double.
template <class Loss> struct OfShare {
  using Given = std::invoke_result_t<const Loss&, std::size_t>;
  static_assert(!std::is_void_v<Given>, "the function returns nothing: it must return the loss of its share");
  using T = typename Given::value_type;
};

/// The losses and gradients of the shares first, ..., last − 1 of all `shares`.
template <class T, class Loss>
std::vector<LossAndGradients<T>> of_shares(std::size_t first, std::size_t last, std::size_t shares, const Loss& loss,
                                           const ParallelOptions& options) {
  require(shares > 0, "parallel_gradients", "0 shares; there must be at least one");
  std::vector<LossAndGradients<T>> results;
  require(shares <= results.max_size(), "parallel_gradients", shares, " shares; there is no memory for so many");
  results.resize(last - first);
  std::optional<Random> after;  // the stream from which those of the shares are split, if they succeed
  if (options.random) after = *options.random;
  std::vector<Random> streams;
  for (std::size_t k = 0; after && k < shares; ++k) streams.push_back(after->split());
  in_parallel(results.size(), options.threads, [&](std::size_t k) {
    std::optional<unroll::detail::SingleThreaded> one;  // however many shares this rank has
    if (shares > 1) one.emplace();
    std::optional<Random> random;  // of its own: threads that write to neighbouring memory wait for each other
    if (options.random) random = streams[first + k];
    const Innermost<Tape<T>> alone(nullptr);
    Tape<T> tape(random ? &*random : nullptr);
    const auto of_share = loss(first + k);
    results[k].gradients = tape.backward(of_share);
    results[k].loss = of_share.item();
  });
  if (after) *options.random = *after;
  return results;
}

}  // namespace detail

/// The loss and the gradients of a batch in shares, loss(0) + ... + loss(shares − 1), each a scalar recorded on a tape
/// of its own while several threads work. They are added in the order of the shares, so that the result has the same
/// bits whichever thread was first. What a share throws is thrown here, and nothing else has changed. Throws for 0
/// shares.
///
///     const auto [loss, gradients] = nn::parallel_gradients(2, [&](std::size_t share) {
///       return nn::cross_entropy_total(model(x[share]), labels[share]).sum / count;
///     });
template <class Loss, class T = typename detail::OfShare<Loss>::T>
LossAndGradients<T> parallel_gradients(std::size_t shares, const Loss& loss, const ParallelOptions& options = {}) {
  std::vector<LossAndGradients<T>> results = detail::of_shares<T>(0, shares, shares, loss, options);
  LossAndGradients<T> total = std::move(results[0]);
  for (std::size_t k = 1; k < shares; ++k) {
    total.loss += results[k].loss;
    total.gradients += results[k].gradients;
  }
  return total;
}

/// The same by some parameters, where each rank computes the shares that it owns. All get the same result, whose bits
/// do not depend on how many ranks there are, unless options.ordered is false; their parameters and options must agree.
template <class Loss, class T = typename detail::OfShare<Loss>::T>
LossAndGradients<T> parallel_gradients(std::size_t shares, const Loss& loss,
                                       const std::vector<Parameter<T>>& parameters, Ranks& ranks,
                                       const ParallelOptions& options = {}) {
  if (ranks.count() == 1) return parallel_gradients(shares, loss, options);
  const auto begin = [&](std::size_t rank) { return shares * rank / ranks.count(); };
  const auto own = detail::of_shares<T>(begin(ranks.rank()), begin(ranks.rank() + 1), shares, loss, options);
  const Gradients<T> none;
  std::vector<std::uint8_t> outline = none.outline(parameters);
  for (const auto& [of_share, gradients] : own)
    std::ranges::transform(outline, gradients.outline(parameters), outline.begin(), std::bit_or());
  ranks.join(outline);
  std::vector<std::vector<T>> flat;
  for (const auto& [of_share, gradients] : own) {
    flat.push_back(gradients.flat(parameters, outline));
    flat.back().push_back(of_share);
  }
  std::vector<T> total = none.flat(parameters, outline);
  total.push_back(T(-0.0));
  detail::add_up<T>(ranks, flat, total, options.ordered);
  return {total.back(), Gradients<T>::from_flat(parameters, outline, std::span(total).first(total.size() - 1))};
}

}  // namespace nn
}  // namespace unroll

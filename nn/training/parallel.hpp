#pragma once

#include <optional>
#include <type_traits>
#include <vector>

#include "../../autograd/kernels/threads.hpp"
#include "../../autograd/random.hpp"
#include "../../autograd/tape.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Options of parallel_gradients.
struct ParallelOptions {
  std::size_t threads = 0;   ///< one for each core if 0; more or fewer change the time alone
  Random* random = nullptr;  ///< for dropout: each share gets a stream split from it
};

/// What parallel_gradients gives.
template <class T> struct LossAndGradients {
  T loss;                  ///< the sum of the shares' losses
  Gradients<T> gradients;  ///< of this sum
};

/// The loss and the gradients of a batch in shares, loss(0) + ... + loss(shares − 1), each a scalar recorded on a tape
/// of its own while several threads work. They are added in the order of the shares, so that the result has the same
/// bits whichever thread was first. What a share throws is thrown here, and nothing else has changed. Throws for 0
/// shares.
///
///     const auto [loss, gradients] = nn::parallel_gradients(2, [&](std::size_t share) {
///       return nn::cross_entropy_total(model(x[share]), labels[share]).sum / count;
///     });
template <class Loss>
auto parallel_gradients(std::size_t shares, const Loss& loss, const ParallelOptions& options = {}) {
  using Of = std::invoke_result_t<const Loss&, std::size_t>;
  static_assert(!std::is_void_v<Of>, "the function returns nothing; it must return the loss of its share");
  using T = typename Of::value_type;
  require(shares > 0, "parallel_gradients", "0 shares; there must be at least one");
  std::vector<LossAndGradients<T>> results;
  require(shares <= results.max_size(), "parallel_gradients", shares, " shares; there is no memory for so many");
  results.resize(shares);
  std::optional<Random> after;  // the stream from which those of the shares are split, if they succeed
  if (options.random) after = *options.random;
  std::vector<Random> streams;
  for (std::size_t k = 0; after && k < shares; ++k) streams.push_back(after->split());
  in_parallel(shares, options.threads, [&](std::size_t k) {
    std::optional<Random> random;  // of its own: threads that write to neighbouring memory wait for each other
    if (options.random) random = streams[k];
    const Innermost<Tape<T>> alone(nullptr);
    Tape<T> tape(random ? &*random : nullptr);
    const auto of_share = loss(k);
    results[k].gradients = tape.backward(of_share);
    results[k].loss = of_share.item();
  });
  if (after) *options.random = *after;
  LossAndGradients<T> total = std::move(results[0]);
  for (std::size_t k = 1; k < shares; ++k) {
    total.loss += results[k].loss;
    total.gradients += results[k].gradients;
  }
  return total;
}

}  // namespace nn
}  // namespace unroll

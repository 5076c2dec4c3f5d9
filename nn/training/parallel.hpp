#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "../../autograd/kernels/threads.hpp"
#include "../../autograd/random.hpp"
#include "../../autograd/tape.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The processes that train one model together, each of which calls the same in the same order. This is one alone;
/// MPIRanks has those that mpirun started. At most 2³¹ − 1 bytes go at once.
class Ranks {
 public:
  Ranks() = default;
  Ranks(const Ranks&) = delete;
  virtual ~Ranks() = default;
  virtual std::size_t rank() const { return 0; }   ///< of this process
  virtual std::size_t count() const { return 1; }  ///< of all
  /// The rank that computes a share of so many; those of a rank are neighbours.
  std::size_t owner(std::size_t share, std::size_t shares) const { return ((share + 1) * count() - 1) / shares; }

  virtual void join(std::span<std::uint8_t>) {}  ///< each byte becomes those of all ranks, joined by |
  virtual void sum(std::span<float>) {}          ///< each element becomes the sum of theirs, in any order
  virtual void sum(std::span<double>) {}         ///< the same
  virtual void send(std::span<const std::byte>, std::size_t) {}  ///< to another rank; it must stay until wait()
  virtual void receive(std::span<std::byte>, std::size_t) {}     ///< from another rank
  virtual void wait() {}                                         ///< until all is sent
  virtual void broadcast(std::span<std::byte>, std::size_t) {}   ///< what one rank has goes to all
  virtual void abort() {}  ///< ends the others, whom what went wrong here would let wait for ever
};

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

/// The sum of what the ranks have; `sums` is −0, and memory for it. If `ordered`, one share is added after the other,
/// for the same bits however many ranks there are: sums pass up from rank to rank, and the whole one comes down, in
/// pieces that follow each other.
template <class T>
Variable<T> add_up(Ranks& ranks, const std::vector<Variable<T>>& own, const Variable<T>& sums, bool ordered) {
  constexpr std::size_t limit = std::numeric_limits<std::int32_t>::max() / sizeof(T), most = (1 << 15) / sizeof(T);
  const std::size_t size = sums.size();
  require(size <= limit, "ranks", size, " elements of gradients; at most ", limit, " can be sent");
  const auto add = [&](std::size_t first, std::size_t last) {
    T* const sum = sums.shared()->buffer.data();
    for (const Variable<T>& share : own)
      std::transform(sum + first, sum + last, share.tensor().data() + first, sum + first, std::plus());
  };
  if (!ordered) {
    add(0, size);
    ranks.sum(std::span(sums.shared()->buffer));
    return sums;
  }
  const Variable<T> total = copy_of(sums);
  const std::size_t rank = ranks.rank(), last = ranks.count() - 1, pieces = (size + most - 1) / most,
                    later = 8 * (last - rank);  // that go up before the first comes down, enough to be on their way
  const auto piece = [&](const Variable<T>& of, std::size_t number) {
    return std::span(of.shared()->buffer).subspan(number * most, std::min(most, size - number * most));
  };
  for (std::size_t k = 0; k < pieces + later; ++k) {
    if (k < pieces) {
      const std::span<T> sum = piece(sums, k);
      if (rank > 0) ranks.receive(std::as_writable_bytes(sum), rank - 1);
      add(k * most, k * most + sum.size());
      if (rank < last) ranks.send(std::as_bytes(sum), rank + 1);
      if (rank == last) std::ranges::copy(sum, piece(total, k).begin());
    }
    if (k >= later) {
      const std::span<T> whole = piece(total, k - later);
      if (rank < last) ranks.receive(std::as_writable_bytes(whole), rank + 1);
      if (rank > 0) ranks.send(std::as_bytes(whole), rank - 1);
    }
  }
  ranks.wait();
  return total;
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
  Ranks alone;
  return parallel_gradients(shares, loss, std::vector<Parameter<T>>(), alone, options);
}

/// The same by some parameters, where each rank computes the shares that it owns. All get the same result, whose bits
/// do not depend on how many ranks there are, unless options.ordered is false; their parameters and options must agree.
template <class Loss, class T = typename detail::OfShare<Loss>::T>
LossAndGradients<T> parallel_gradients(std::size_t shares, const Loss& loss,
                                       const std::vector<Parameter<T>>& parameters, Ranks& ranks,
                                       const ParallelOptions& options = {}) {
  require(shares > 0, "parallel_gradients", "0 shares; there must be at least one");
  std::vector<LossAndGradients<T>> own;
  require(shares <= own.max_size(), "parallel_gradients", shares, " shares; there is no memory for so many");
  const std::size_t first = shares * ranks.rank() / ranks.count();
  own.resize(shares * (ranks.rank() + 1) / ranks.count() - first);
  std::optional<Random> after;  // the stream from which those of the shares are split, if they succeed
  if (options.random) after = *options.random;
  std::vector<Random> streams;
  for (std::size_t k = 0; after && k < shares; ++k) streams.push_back(after->split());
  in_parallel(own.size(), options.threads, [&](std::size_t k) {
    std::optional<unroll::detail::SingleThreaded> one;  // however many shares this rank has
    if (shares > 1) one.emplace();
    std::optional<Random> random;  // of its own: threads that write to neighbouring memory wait for each other
    if (options.random) random = streams[first + k];
    const Innermost<Tape<T>> alone(nullptr);
    Tape<T> tape(random ? &*random : nullptr);
    const auto of_share = loss(first + k);
    own[k].gradients = tape.backward(of_share);
    own[k].loss = of_share.item();
  });
  if (after) *options.random = *after;

  std::vector<T> losses(shares, T(-0.0));
  for (std::size_t k = 0; k < own.size(); ++k) losses[first + k] = own[k].loss;
  ranks.sum(losses);
  LossAndGradients<T> total{std::accumulate(losses.begin() + 1, losses.end(), losses[0]), {}};
  if (ranks.count() == 1) {
    total.gradients = std::move(own[0].gradients);
    for (std::size_t k = 1; k < shares; ++k) total.gradients += own[k].gradients;
    return total;
  }
  std::vector<std::uint8_t> outline = total.gradients.outline(parameters);
  for (const auto& [of_share, gradients] : own)
    std::ranges::transform(outline, gradients.outline(parameters), outline.begin(), std::bit_or());
  ranks.join(outline);
  std::vector<Variable<T>> flat;
  for (const auto& [of_share, gradients] : own) flat.push_back(gradients.flat(parameters, outline));
  const Variable<T> none = total.gradients.flat(parameters, outline);
  total.gradients = Gradients<T>::from_flat(parameters, outline, detail::add_up<T>(ranks, flat, none, options.ordered));
  return total;
}

}  // namespace nn
}  // namespace unroll

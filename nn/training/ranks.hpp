#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "../../autograd/error.hpp"

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

  ///@{
  /// Each element becomes that of all ranks, joined by | or added up in an order that they do not say.
  virtual void join(std::span<std::uint8_t>) {}
  virtual void sum(std::span<float>) {}
  virtual void sum(std::span<double>) {}
  ///@}
  ///@{
  /// To or from one other rank; what is sent must stay until wait().
  virtual void send(std::span<const std::byte>, std::size_t) {}
  virtual void receive(std::span<std::byte>, std::size_t) {}
  virtual void wait() {}
  ///@}
  /// What one rank has goes to all.
  virtual void broadcast(std::span<std::byte>, std::size_t) {}
  /// Ends the others: what went wrong here would let them wait for ever.
  virtual void abort() {}
};

namespace detail {

/// Adds to `total`, which is −0, what the ranks have: if `ordered`, one share after the other, for the same bits
/// however many ranks there are. Sums pass up from rank to rank, and the whole one comes down, in pieces that follow
/// each other.
template <class T> void add_up(Ranks& ranks, const std::vector<std::vector<T>>& own, std::span<T> total, bool ordered) {
  constexpr std::size_t limit = std::numeric_limits<std::int32_t>::max() / sizeof(T), most = (1 << 15) / sizeof(T);
  require(total.size() <= limit, "ranks", total.size(), " elements of gradients; at most ", limit, " can be sent");
  if (!ordered) {
    for (const std::vector<T>& share : own) std::ranges::transform(total, share, total.begin(), std::plus());
    return ranks.sum(total);
  }
  const std::size_t rank = ranks.rank(), last = ranks.count() - 1, pieces = (total.size() + most - 1) / most,
                    later = 8 * (last - rank);  // that go up before the first comes down, enough to be on their way
  std::vector<T> sums(total.begin(), total.end());
  for (std::size_t k = 0; k < pieces + later; ++k) {
    const auto piece = [&](std::span<T> of, std::size_t number) {
      return of.subspan(number * most, std::min(most, of.size() - number * most));
    };
    if (k < pieces) {
      const std::span<T> sum = piece(sums, k);
      if (rank > 0) ranks.receive(std::as_writable_bytes(sum), rank - 1);
      for (const std::vector<T>& share : own)
        std::transform(sum.begin(), sum.end(), &share[k * most], sum.begin(), std::plus());
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
}

}  // namespace detail
}  // namespace nn
}  // namespace unroll

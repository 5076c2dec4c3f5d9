#pragma once

#include <vector>

#include "array.hpp"

namespace UNROLL_PUBLIC unroll {

/// One block of Philox4x32-10, the bijection of counters that Random draws from.
/// Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stream of random numbers: a value, whose copies draw the same. The numbers are the same on every platform, since
/// only integers and correctly rounded operations make them.
class Random {
 public:
  using result_type = std::uint64_t;  ///< with min() and max(), what std::uniform_random_bit_generator asks for
  /// What there is to save: the key, the stream, and how many words were drawn from it.
  using State = std::array<std::uint64_t, 3>;

  /// The stream of this seed, from its beginning.
  explicit Random(std::uint64_t seed) : Random(seed, 0, 0) {}
  /// The stream that had this state, to go on from there.
  static Random from_state(const State& state) { return {state[0], state[1], state[2]}; }
  /// What from_state() goes on from.
  State state() const { return {key_, stream_, position_}; }

  static constexpr std::uint64_t min() { return 0; }                  ///< of 64 bits
  static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }  ///< of 64 bits
  /// 64 random bits, one word of the stream.
  std::uint64_t operator()();

  /// A stream independent of this one, which moves on, so that the next split differs. It takes two words.
  Random split();

  /// 0 ≤ u < 1, a multiple of 2⁻⁵³
  double uniform() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }
  /// z ~ N(0, 1)
  double normal();
  /// 0 ≤ k < n, every k equally likely; throws if n is 0.
  std::uint64_t below(std::uint64_t n);

  /// Brings the items into a random order, every order equally likely.
  template <class Item> void shuffle(std::vector<Item>& items) {
    using std::swap;
    for (std::size_t n = items.size(); n > 1; --n) swap(items[n - 1], items[below(n)]);
  }
  /// 0, ..., n − 1 in a random order.
  std::vector<std::size_t> permutation(std::size_t n);

  /// low + (high − low) uniform(), element after element, drawn in double and then rounded to T, so that a float may
  /// become `high` itself. Throws unless low ≤ high, and these and their difference are finite as T.
  template <class T> Array<T> uniform(const Shape& shape, double low = 0, double high = 1);
  /// mean + deviation normal(), element after element, drawn in double and then rounded to T. Throws where one is not
  /// finite as T, or the deviation negative.
  template <class T> Array<T> normal(const Shape& shape, double mean = 0, double deviation = 1);

 private:
  Random(std::uint64_t key, std::uint64_t stream, std::uint64_t position);
  void draw_block();

  std::uint64_t key_, stream_, position_;
  std::array<std::uint64_t, 2> block_{};  // the two words around position_, drawn when the first of them is asked for
};

}  // namespace unroll

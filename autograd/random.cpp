#include "random.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "instantiate.hpp"

// The same bits everywhere: every a b + c is a std::fma, which leaves a compiler nothing to fuse, and the logarithm is
// our own, since those of mathematics libraries differ.

namespace unroll {

namespace {

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

__extension__ using Wide = unsigned __int128;

// ln x for a normal x > 0, to an ulp or two: x = m 2ⁿ and ln m = 2 artanh t = 2 Σ t²ᵏ⁺¹ / (2k + 1), t = (m − 1) / (m +
// 1).
double logarithm(double x) {
  constexpr double ln2 = 0x1.62e42fefa39efp-1, sqrt_half = 0x1.6a09e667f3bcdp-1;
  int n;
  double m = std::frexp(x, &n);
  if (m < sqrt_half) {
    m *= 2;
    --n;
  }
  const double t = (m - 1) / (m + 1);
  double sum = 0;
  for (int k = 10; k >= 0; --k) sum = std::fma(sum, t * t, 1.0 / (2 * k + 1));
  return std::fma(n, ln2, 2 * t * sum);
}

template <class T, class Draw> Array<T> filled(const Shape& shape, const Draw& draw) {
  Array<T> array = uninitialised<T>(shape);
  for (T& x : array.storage()) x = static_cast<T>(draw());
  return array;
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0], b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {high(b) ^ counter[1] ^ key[0], low(b), high(a) ^ counter[3] ^ key[1], low(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

Random::Random(std::uint64_t key, std::uint64_t stream, std::uint64_t position)
    : key_(key), stream_(stream), position_(position) {
  if (position_ % 2) draw_block();
}

void Random::draw_block() {
  const std::uint64_t block = position_ / 2;
  const auto words = philox({low(block), high(block), low(stream_), high(stream_)}, {low(key_), high(key_)});
  block_ = {words[0] | std::uint64_t{words[1]} << 32, words[2] | std::uint64_t{words[3]} << 32};
}

std::uint64_t Random::operator()() {
  if (position_ % 2 == 0) draw_block();
  return block_[position_++ % 2];
}

Random Random::split() {
  const std::uint64_t key = (*this)(), stream = (*this)();
  return {key, stream, 0};
}

// Marsaglia and Bray (1964): a point of the unit disc, one coordinate of which is used.
double Random::normal() {
  for (;;) {
    const double u = 2 * uniform() - 1, v = 2 * uniform() - 1;
    const double s = std::fma(u, u, v * v);
    if (0 < s && s < 1) return u * std::sqrt(-2 * logarithm(s) / s);
  }
}

// Lemire (2019), Fast random integer generation in an interval.
std::uint64_t Random::below(std::uint64_t n) {
  require(n > 0, "below", "the bound is 0; it must be at least 1");
  Wide scaled = Wide{(*this)()} * n;
  if (std::uint64_t(scaled) < n) {
    const std::uint64_t excess = (0 - n) % n;
    while (std::uint64_t(scaled) < excess) scaled = Wide{(*this)()} * n;
  }
  return std::uint64_t(scaled >> 64);
}

std::vector<std::size_t> Random::permutation(std::size_t n) {
  std::vector<std::size_t> order;
  require(n <= order.max_size(), "permutation", n, " numbers; there is no memory for so many");
  order.resize(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  shuffle(order);
  return order;
}

template <class T> Array<T> Random::uniform(const Shape& shape, double low, double high) {
  constexpr double most = std::numeric_limits<T>::max();
  require(-most <= low && low <= high && high <= most, "uniform", "from ", low, " to ", high,
          "; both must be finite, the smaller one first");
  require(high - low <= most, "uniform", "from ", low, " to ", high, "; their difference must be finite");
  return filled<T>(shape, [&] { return std::fma(high - low, uniform(), low); });
}

template <class T> Array<T> Random::normal(const Shape& shape, double mean, double deviation) {
  constexpr double most = std::numeric_limits<T>::max();
  require(std::abs(mean) <= most && 0 <= deviation && deviation <= most, "normal", "mean ", mean, ", deviation ",
          deviation, "; both must be finite, the deviation not negative");
  return filled<T>(shape, [&] { return std::fma(deviation, normal(), mean); });
}

extern const auto draws =
    detail::for_float_and_double([]<class T>() { return std::tuple(&Random::uniform<T>, &Random::normal<T>); });

}  // namespace unroll

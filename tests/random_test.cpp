#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unroll/autograd/random.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

double power(double x, int n) { return n == 0 ? 1 : x * power(x, n - 1); }

// The mean of the n-th powers.
double moment(const std::vector<double>& xs, int n) {
  double sum = 0;
  for (const double x : xs) sum += power(x, n);
  return sum / static_cast<double>(xs.size());
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double ab = 0;
  for (std::size_t k = 0; k < a.size(); ++k) ab += (a[k] - 0.5) * (b[k] - 0.5);
  return 12 * ab / static_cast<double>(a.size());
}

std::vector<double> uniforms(Random random, std::size_t n) {
  std::vector<double> xs(n);
  for (double& x : xs) x = random.uniform();
  return xs;
}

// The largest distance of the share of numbers below x from the distribution function, times √n; above 1.95 in one of
// a thousand samples (Kolmogorov).
template <class F> double kolmogorov(std::vector<double> xs, const F& distribution) {
  std::ranges::sort(xs);
  const auto n = static_cast<double>(xs.size());
  double most = 0;
  for (std::size_t k = 0; k < xs.size(); ++k) {
    const double p = distribution(xs[k]);
    most = std::max({most, std::abs(p - static_cast<double>(k) / n), std::abs(p - static_cast<double>(k + 1) / n)});
  }
  return most * std::sqrt(n);
}

}  // namespace

TEST_CASE("Philox gives the known answers of Random123") {
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the words of a stream are the blocks of Philox in order") {
  Random random(0);
  CHECK(random() == 0xe169c58d6627e8d5);
  CHECK(random() == 0x9b00dbd8bc57ac4c);
  const auto second = philox({1, 0, 0, 0}, {0, 0});
  CHECK(random() == (second[0] | std::uint64_t{second[1]} << 32));

  Random pi = Random::from_state({0x299f31d0a4093822, 0x0370734413198a2e, 0x0000000500000004});
  const auto block = philox({0x80000002, 0x00000002, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0});
  CHECK(pi() == (block[0] | std::uint64_t{block[1]} << 32));
}

TEST_CASE("the numbers of a seed are the same on every platform") {
  Random random(7);
  CHECK(random.normal() == 0x1.7dc9c9290fceap-3);
  CHECK(random.normal() == -0x1.a4609b7924116p-2);
  CHECK(random.normal() == 0x1.06f9f7f1ad83ap-2);
  CHECK(random.normal() == -0x1.db89e8f01cc9bp-1);
  CHECK(random.uniform() == 0x1.df3cea8b35f86p-2);
  CHECK(random.uniform() == 0x1.a35118cc9029cp-2);
  CHECK(random.uniform() == 0x1.e3a1b20d15246p-2);
  CHECK(random.uniform() == 0x1.52a5eb5be6078p-1);
  CHECK(random.below(1'000'000'000'000) == 943'235'415'036);
  CHECK(random.below(1'000'000'000'000) == 289'785'728'618);
  Random child = random.split();
  CHECK(random.state()[2] % 2 == 0);
  std::uint64_t bits = 0;
  for (int k = 0; k < 100'000; ++k)
    bits = 0x9e3779b97f4a7c15 * bits + static_cast<std::uint64_t>(static_cast<std::int64_t>(1e18 * child.normal()));
  CHECK(bits == 16741546155955702009u);
}

TEST_CASE("a copy draws the same numbers and leaves the original alone") {
  Random random(3);
  random();
  Random copy = random;
  const std::uint64_t next = copy();
  CHECK(copy.state() != random.state());
  CHECK(random() == next);
}

TEST_CASE("a state read and restored goes on with the same numbers, wherever it was read") {
  Random random(11);
  for (int drawn = 0; drawn < 9; ++drawn) {
    Random restored = Random::from_state(random.state());
    CHECK(restored.state() == random.state());
    Random original = random;
    for (int k = 0; k < 5; ++k) CHECK(restored() == original());
    CHECK(restored.normal() == original.normal());
    CHECK(restored.split()() == original.split()());
    random();
  }
}

TEST_CASE("Random drives what the standard library shuffles and draws") {
  static_assert(std::uniform_random_bit_generator<Random>);
  CHECK(Random::min() == 0);
  CHECK(Random::max() == 0xffffffffffffffff);
}

TEST_CASE("uniform numbers are uniform in [0, 1)") {
  const auto xs = uniforms(Random(1), 1'000'000);
  CHECK(std::ranges::all_of(xs, [](double x) { return 0 <= x && x < 1; }));
  for (int n = 1; n <= 6; ++n) CHECK(std::abs(moment(xs, n) - 1.0 / (n + 1)) < 5e-4 * std::sqrt(n));
  CHECK(kolmogorov(xs, [](double x) { return x; }) < 1.95);
  CHECK(std::ranges::min(xs) < 1e-5);
  CHECK(std::ranges::max(xs) > 1 - 1e-5);
  CHECK(std::ranges::any_of(xs, [](double x) { return std::fmod(x * 0x1p52, 1) != 0; }));  // 53 bits are in use
}

TEST_CASE("uniform numbers of neighbouring seeds, of splits and of their own past are uncorrelated") {
  constexpr std::size_t n = 250'000;
  constexpr double most = 4 / 500.0;  // 4 standard deviations
  Random random(1);
  const auto xs = uniforms(random, n);
  CHECK(std::abs(correlation(xs, uniforms(Random(2), n))) < most);
  for (std::size_t lag = 1; lag <= 4; ++lag)
    CHECK(std::abs(correlation({xs.begin() + 4, xs.end()}, {xs.begin() + 4 - static_cast<std::ptrdiff_t>(lag),
                                                            xs.end() - static_cast<std::ptrdiff_t>(lag)})) < most);
  std::vector<std::vector<double>> streams = {xs};
  for (int k = 0; k < 4; ++k) streams.push_back(uniforms(random.split(), n));
  streams.push_back(uniforms(random, n));
  streams.push_back(uniforms(random.split().split(), n));
  for (std::size_t a = 0; a < streams.size(); ++a) {
    CHECK(kolmogorov(streams[a], [](double x) { return x; }) < 1.95);
    for (std::size_t b = 0; b < a; ++b) {
      if (a == 5 && b == 0) continue;  // the parent itself, a few words later
      CAPTURE(a);
      CAPTURE(b);
      CHECK(std::abs(correlation(streams[a], streams[b])) < most);
    }
  }
}

TEST_CASE("splits follow from the state alone and all differ") {
  Random random(5), same(5);
  std::set<Random::State> states;
  std::set<std::uint64_t> words;
  for (int k = 0; k < 1000; ++k) {
    Random child = random.split();
    Random again = same.split();
    CHECK(child.state() == again.state());
    for (int drawn = 0; drawn < 100; ++drawn) again();  // a child leaves its parent alone
    states.insert(child.state());
    words.insert(child());
    words.insert(child.split()());
  }
  CHECK(states.size() == 1000);
  CHECK(words.size() == 2000);
}

TEST_CASE("normal numbers are normal, their tails too") {
  Random random(2);
  std::vector<double> xs(1'000'000);
  for (double& x : xs) x = random.normal();
  const double moments[] = {0, 1, 0, 3, 0, 15, 0, 105};
  const double deviations[] = {1,
                               std::sqrt(2),
                               std::sqrt(15),
                               std::sqrt(96),
                               std::sqrt(945),
                               std::sqrt(10170),
                               std::sqrt(135135),
                               std::sqrt(2016000)};  // √(m₂ₙ − mₙ²)
  for (int n = 1; n <= 8; ++n) CHECK(std::abs(moment(xs, n) - moments[n - 1]) < 4e-3 * deviations[n - 1]);
  CHECK(kolmogorov(xs, [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2)); }) < 1.95);
  for (const double bound : {1.0, 2.0, 3.0, 4.0}) {
    const double expected = 1e6 * 0.5 * std::erfc(bound / std::sqrt(2));
    const auto above = std::ranges::count_if(xs, [&](double x) { return x > bound; });
    const auto below = std::ranges::count_if(xs, [&](double x) { return x < -bound; });
    CHECK(std::abs(static_cast<double>(above) - expected) < 4 * std::sqrt(expected));
    CHECK(std::abs(static_cast<double>(below) - expected) < 4 * std::sqrt(expected));
  }
  CHECK(std::ranges::count_if(xs, [](double x) { return std::abs(x) > 6.5; }) == 0);
}

TEST_CASE("below gives every number equally often, also where 2^64 is far from a multiple of the bound") {
  Random random(4);
  std::array<int, 7> counts{};
  for (int k = 0; k < 70'000; ++k) ++counts.at(random.below(7));
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 400);

  constexpr std::uint64_t quarter = std::uint64_t{1} << 62;
  std::array<int, 3> thirds{};
  for (int k = 0; k < 30'000; ++k) ++thirds.at(random.below(3 * quarter) / quarter);
  for (const int count : thirds) CHECK(std::abs(count - 10'000) < 350);

  CHECK(random.below(1) == 0);
  CHECK(error_of([&] { random.below(0); }) == "below: the bound is 0; it must be at least 1");
}

TEST_CASE("below is the upper half of the 128 bits of word times bound") {
  Random random(6);
  for (int k = 0; k < 100; ++k) {
    const std::uint64_t x = Random(random)();
    CHECK(Random(random).below(0xffffffffffffffff) == x - 1);
    CHECK(Random(random).below(std::uint64_t{1} << 63) == x >> 1);
    CHECK(Random(random).below((std::uint64_t{1} << 32) + 1) == (x >> 32) + ((x << 32) + x < x));
    random();
  }
}

TEST_CASE("a permutation holds every number once, every order equally often") {
  Random random(8);
  std::map<std::vector<std::size_t>, int> counts;
  for (int k = 0; k < 24'000; ++k) ++counts[random.permutation(4)];
  CHECK(counts.size() == 24);
  for (const auto& [order, count] : counts) {
    CHECK(std::set<std::size_t>(order.begin(), order.end()) == std::set<std::size_t>{0, 1, 2, 3});
    CHECK(std::abs(count - 1000) < 150);
  }
  CHECK(random.permutation(0).empty());
}

TEST_CASE("shuffle moves items as permutation moves numbers") {
  std::vector<std::string> items = {"a", "b", "c", "d", "e", "f", "g"};
  const auto before = items;
  Random random(9), same(9);
  random.shuffle(items);
  const auto order = same.permutation(items.size());
  for (std::size_t k = 0; k < items.size(); ++k) CHECK(items[k] == before[order[k]]);
  CHECK(items != before);
  CHECK(random.state() == same.state());
}

TEST_CASE("arrays hold the numbers of the stream, for floats rounded") {
  Random random(10), wide = random, narrow = random;
  const Array<double> u = wide.uniform<double>({3, 5}, -2, 6);
  const Array<float> v = narrow.uniform<float>({3, 5}, -2, 6);
  const Array<double> z = wide.normal<double>({4}, 1, 3);
  const Array<float> w = narrow.normal<float>({4}, 1, 3);
  CHECK(u.dimension() == 2);
  CHECK(u.shape(0) == 3);
  CHECK(u.shape(1) == 5);
  for (std::size_t k = 0; k < 15; ++k) {
    CHECK(u.data()[k] == 8 * random.uniform() - 2);
    CHECK(v.data()[k] == static_cast<float>(u.data()[k]));
  }
  for (std::size_t k = 0; k < 4; ++k) {
    CHECK(z(k) == std::fma(3.0, random.normal(), 1.0));
    CHECK(w(k) == static_cast<float>(z(k)));
  }
  CHECK(random.state() == wide.state());
  CHECK(random.state() == narrow.state());
  CHECK(random.uniform<float>({0, 3}).size() == 0);
  CHECK(random.normal<double>({}).size() == 1);
  CHECK(random.state() != wide.state());
}

TEST_CASE("arrays over an impossible range are refused") {
  Random random(1);
  const auto state = random.state();
  CHECK(error_of([&] { random.uniform<float>({2}, 1, 0.5); }) ==
        "uniform: from 1 to 0.5; both must be finite, the smaller one first");
  CHECK(error_of([&] { random.uniform<double>({2}, 0, INFINITY); }) ==
        "uniform: from 0 to inf; both must be finite, the smaller one first");
  CHECK(error_of([&] { random.normal<float>({2}, 0, -1); }) ==
        "normal: mean 0, deviation -1; both must be finite, the deviation not negative");
  CHECK(error_of([&] { random.normal<double>({2}, NAN, 1); }) ==
        "normal: mean nan, deviation 1; both must be finite, the deviation not negative");
  CHECK(random.state() == state);
}

// Times what ranks send each other:    mpirun -n 2 build/release/tests/ranks_bench
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <unroll/nn/training/mpi.hpp>

using namespace unroll;

namespace {

/// The median of the microseconds that f takes, the ranks having met before.
double microseconds(nn::Ranks& ranks, const std::function<void()>& f) {
  std::vector<double> times;
  for (int k = 0; k < 21; ++k) {
    std::uint8_t nothing = 0;
    ranks.join({&nothing, 1});
    const auto start = std::chrono::steady_clock::now();
    f();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::ranges::nth_element(times, times.begin() + 10);
  return times[10];
}

/// To the next rank and back, of the first two.
void ping_pong(nn::Ranks& ranks, std::span<std::byte> bytes) {
  if (ranks.rank() == 0) ranks.send(bytes, 1);
  if (ranks.rank() < 2) ranks.receive(bytes, 1 - ranks.rank());
  if (ranks.rank() == 1) ranks.send(bytes, 0);
  ranks.wait();
}

}  // namespace

int main() {
  nn::MPIRanks ranks;
  const bool prints = ranks.rank() == 0;
  if (prints) std::printf("%zu ranks; microseconds, the median of 21\n", ranks.count());
  if (prints)
    std::printf("%12s %12s %12s %12s %12s\n", "floats", "there, back", "broadcast", "ordered sum", "all-reduce");
  for (std::size_t size = 1; size <= 1 << 20; size *= 16) {
    std::vector<float> numbers(size);
    const Variable<float> zero = zeros<float>({size});
    const std::vector<Variable<float>> own{zeros<float>({size})};
    const auto bytes = std::as_writable_bytes(std::span(numbers));
    const double there = ranks.count() < 2 ? 0 : microseconds(ranks, [&] { ping_pong(ranks, bytes); });
    const double broadcast = microseconds(ranks, [&] { ranks.broadcast(bytes, 0); });
    const double ordered = microseconds(ranks, [&] { nn::detail::add_up<float>(ranks, own, zero, true); });
    const double reduced = microseconds(ranks, [&] { nn::detail::add_up<float>(ranks, own, zero, false); });
    if (prints) std::printf("%12zu %12.1f %12.1f %12.1f %12.1f\n", size, there, broadcast, ordered, reduced);
  }
}

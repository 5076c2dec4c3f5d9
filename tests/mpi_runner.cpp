// Trains on the ranks of mpirun, in double: the first step is held against that of one process on the whole batch, and
// what comes out is printed for others to compare. With a number of a rank, that one fails in the midst of it.
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <unroll/nn/nn.hpp>
#include <unroll/nn/training/mpi.hpp>

using namespace unroll;

namespace {

constexpr std::size_t shares = 5, columns = 7, time_steps = 6, words = 50;

struct Tagger : nn::Module<double> {
  nn::Embedding<double> embedding;
  nn::LSTM<double> lstm;
  nn::Linear<double> scores;

  explicit Tagger(Random& random)
      : embedding({.count = words, .size = 8}, random),
        lstm({.input = 8, .hidden = 10, .layers = 2, .bidirectional = true, .dropout = 0.3}, random),
        scores({.input = 20, .output = 4}, random) {
    add("embedding", embedding);
    add("lstm", lstm);
    add("scores", scores);
  }
};

struct Batch {
  Indices tokens = Indices::from_shape({time_steps, columns}), tags = tokens, lengths = Indices::from_shape({columns});

  explicit Batch(Random& random) {
    for (std::int64_t& token : tokens) token = std::int64_t(random.below(words));
    for (std::size_t b = 0; b < columns; ++b) {
      lengths(b) = std::int64_t(random.below(time_steps + 1));
      for (std::size_t t = 0; t < time_steps; ++t)
        tags(t, b) = std::int64_t(t) < lengths(b) ? std::int64_t(random.below(4)) : nn::ignored;
    }
  }
  /// The loss of some columns, added up.
  nn::Total<double> loss(const Tagger& model, std::size_t first, std::size_t last) const {
    Indices in = Indices::from_shape({time_steps, last - first}), out = in, until = Indices::from_shape({last - first});
    for (std::size_t b = first; b < last; ++b) {
      until(b - first) = lengths(b);
      for (std::size_t t = 0; t < time_steps; ++t) {
        in(t, b - first) = tokens(t, b);
        out(t, b - first) = tags(t, b);
      }
    }
    return nn::cross_entropy_total(model.scores(model.lstm(model.embedding(in), until).output), out);
  }
};

/// The first column of a share: the last two shares have two or three columns, one has none.
std::size_t begin_of(std::size_t share) { return share < 2 ? share : share == 2 ? 2 : 2 * share - 3 - (share == 3); }

auto step(const Tagger& model, const Batch& batch, nn::Ranks& ranks, Random* random) {
  std::vector<double> counts(shares);
  auto result = nn::parallel_gradients(
      shares,
      [&](std::size_t share) {
        const auto total = batch.loss(model, begin_of(share), share + 1 == shares ? columns : begin_of(share + 1));
        counts[share] = total.count;
        return total.sum;
      },
      model.parameters(), ranks, {.random = random});
  ranks.sum(counts);
  double count = 0;
  for (const double of_share : counts) count += of_share;
  result.loss /= count;
  result.gradients *= 1 / count;
  return result;
}

/// The largest difference between a step of the ranks and that of one process.
double difference(const Tagger& model, const Batch& batch, nn::Ranks& ranks) {
  const auto shared = step(model, batch, ranks, nullptr);
  Tape<double> tape;
  const Variable<double> loss = batch.loss(model, 0, columns).mean();
  const double of_batch = loss.item();
  const Gradients<double> gradients = tape.backward(loss);
  double worst = std::abs(shared.loss - of_batch);
  for (const auto& p : model.parameters())
    worst = std::max(worst, xt::amax(xt::abs(shared.gradients[p] - gradients[p]))());
  return worst;
}

void run(nn::Ranks& ranks, const char* failing) {
  Random random(3);
  Tagger model(random);
  const double worst = difference(model, Batch(random), ranks);
  require(worst < 1e-12, "mpi_runner", "the step of ", ranks.count(), " ranks differs by ", worst);

  nn::Adam<double> optimizer(model.parameters());
  double loss = 0;
  for (int k = 0; k < 20; ++k) {
    require(!failing || k < 10 || std::size_t(std::atoi(failing)) != ranks.rank(), "mpi_runner", "rank ", ranks.rank(),
            " fails as it was told");
    auto [of_step, gradients] = step(model, Batch(random), ranks, &random);
    nn::clip_norm(gradients, 0.1);
    optimizer.step(gradients);
    loss = of_step;
  }
  std::uint64_t bits = 0xcbf29ce484222325;  // FNV-1a
  for (const auto& p : model.parameters())
    for (const double x : p.value()) {
      std::uint64_t word;
      std::memcpy(&word, &x, sizeof word);
      bits = (bits ^ word) * 0x100000001b3;
    }
  if (ranks.rank() > 0) return;
  std::cout.precision(17);
  std::cout << "loss " << loss << ", weights " << std::hex << bits << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  nn::MPIRanks ranks;
  try {
    run(ranks, argc > 1 ? argv[1] : nullptr);
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    ranks.abort();
  }
}

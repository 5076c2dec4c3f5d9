#include "batches.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace unroll::nn {

std::vector<std::vector<std::size_t>> batches_of_similar_length(const std::vector<std::size_t>& lengths,
                                                                std::size_t size, Random* random) {
  require(size > 0, "batches", "the batch size is 0; it must be at least 1");
  std::vector<std::size_t> rows(lengths.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  if (random) random->shuffle(rows);
  std::ranges::stable_sort(rows, std::greater(), [&](std::size_t row) { return lengths[row]; });

  std::vector<std::vector<std::size_t>> batches;
  for (auto first = rows.begin(); first != rows.end();) {
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(size, static_cast<std::size_t>(rows.end() - first)));
    batches.emplace_back(first, last);
    first = last;
  }
  if (random) random->shuffle(batches);
  return batches;
}

Indices pad(const Sequences& sequences, const std::vector<std::size_t>& rows, std::int64_t padding) {
  std::size_t time = 0;
  for (const std::size_t row : rows) {
    require(row < sequences.size(), "pad", "row ", row, "; the number of sequences is ", sequences.size());
    time = std::max(time, sequences[row].size());
  }
  Indices padded = uninitialised<std::int64_t>({time, rows.size()});
  std::fill_n(padded.data(), padded.size(), padding);
  for (std::size_t column = 0; column < rows.size(); ++column) {
    const auto& sequence = sequences[rows[column]];
    for (std::size_t t = 0; t < sequence.size(); ++t) padded.data()[t * rows.size() + column] = sequence[t];
  }
  return padded;
}

std::vector<Batch> make_batches(const Sequences& tokens, const BatchOptions& options, Random* random) {
  std::vector<std::size_t> lengths;
  for (const auto& sequence : tokens) lengths.push_back(sequence.size());
  std::vector<Batch> batches;
  for (auto& rows : batches_of_similar_length(lengths, options.size, random)) {
    Batch batch;
    batch.tokens = pad(tokens, rows, options.padding);
    batch.labels = uninitialised<std::int64_t>({0, 0});
    batch.lengths = uninitialised<std::int64_t>({rows.size()});
    std::ranges::transform(rows, batch.lengths.data(), [&](std::size_t row) { return lengths[row]; });
    batch.rows = std::move(rows);
    batches.push_back(std::move(batch));
  }
  return batches;
}

std::vector<Batch> make_batches(const Sequences& tokens, const Sequences& labels, const BatchOptions& options,
                                Random* random) {
  require(tokens.size() == labels.size(), "batches", "the number of sequences is ", tokens.size(), " in tokens and ",
          labels.size(), " in labels; it must be the same");
  for (std::size_t k = 0; k < tokens.size(); ++k)
    require(tokens[k].size() == labels[k].size(), "batches", "sequence ", k, " has length ", tokens[k].size(),
            " in tokens and ", labels[k].size(), " in labels; each token needs one label");
  std::vector<Batch> batches = make_batches(tokens, options, random);
  for (Batch& batch : batches) batch.labels = pad(labels, batch.rows, ignored);
  return batches;
}

}  // namespace unroll::nn

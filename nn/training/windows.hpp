#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "batches.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// How a text is cut into windows.
struct WindowOptions {
  std::size_t columns = 32;  ///< parts of the text that are read side by side; as many as it has, if those are fewer
  std::size_t steps = 35;    ///< of a window, after which a sweep ends
};

/// A long text for truncated backpropagation through time: its columns side by side, each of which goes on in a window
/// where it was at the end of the one before, so that the last state of that is its first. Each token but the first
/// of the text is a label once.
///
///     const nn::Windows windows(text, {.columns = 20, .steps = 35});
///     for (std::size_t k = 0; k < windows.size(); ++k) {
///       Tape<float> tape(random);
///       const auto [h, next] = lstm(embedding(windows.tokens(k)), {}, state);
///       state = next;  // a constant to the next tape
///       auto gradients = tape.backward(nn::cross_entropy(scores(h), windows.labels(k)));
///       ...
class Windows {
 public:
  /// An Error for a text of less than two tokens, and for options that are 0.
  explicit Windows(std::vector<std::int64_t> text, const WindowOptions& options = {});

  /// How many windows there are.
  std::size_t size() const { return (length_ + steps_ - 1) / steps_; }
  /// How many columns a window has.
  std::size_t columns() const { return columns_; }
  /// How many labels a window has that are not ignored.
  std::size_t count(std::size_t window) const;
  /// The tokens of a window, 0 beyond the text, in all columns or those of [first, last); an Error for a window that
  /// is not there.   shape: [time, columns]
  Indices tokens(std::size_t window, std::size_t first = 0, std::size_t last = all) const;
  /// What follows each of them, ignored beyond the text.   shape: [time, columns]
  Indices labels(std::size_t window, std::size_t first = 0, std::size_t last = all) const;

 private:
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  Indices cut(std::size_t window, std::size_t first, std::size_t last, std::size_t later, std::int64_t beyond) const;

  std::vector<std::int64_t> text_;
  std::size_t columns_, steps_, length_;  // of a column, in labels
};

}  // namespace nn
}  // namespace unroll

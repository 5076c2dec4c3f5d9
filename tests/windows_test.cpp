// Windows of a text for truncated backpropagation through time.
#include <doctest/doctest.h>

#include <map>
#include <unroll/nn/training/windows.hpp>

#include "support.hpp"

using namespace unroll;

TEST_CASE("windows predict every piece of a text but the first exactly once, and go on where they were") {
  for (const std::size_t size : {2, 3, 10, 47})
    for (const std::size_t columns : {1, 3, 100})
      for (const std::size_t steps : {1, 4, 100}) {
        CAPTURE(size);
        CAPTURE(columns);
        CAPTURE(steps);
        std::vector<std::int64_t> text(size);
        for (std::size_t k = 0; k < size; ++k) text[k] = std::int64_t(k);
        const nn::Windows windows(text, {.columns = columns, .steps = steps});
        std::map<std::int64_t, int> predicted;
        std::vector<std::int64_t> last(windows.columns(), -1);
        for (std::size_t window = 0; window < windows.size(); ++window) {
          const Indices tokens = windows.tokens(window, 0, windows.columns()),
                        labels = windows.labels(window, 0, windows.columns());
          std::size_t count = 0;
          for (std::size_t t = 0; t < labels.shape()[0]; ++t)
            for (std::size_t column = 0; column < windows.columns(); ++column) {
              if (labels(t, column) == nn::ignored) continue;
              CHECK(labels(t, column) == tokens(t, column) + 1);
              if (last[column] >= 0) CHECK(tokens(t, column) == last[column]);
              last[column] = labels(t, column);
              ++predicted[labels(t, column)];
              ++count;
            }
          CHECK(windows.count(window) == count);
        }
        CHECK(predicted.size() == size - 1);
        for (const auto& [piece, times] : predicted) CHECK(times == 1);
      }
}

TEST_CASE("some columns of a window are those of all its columns") {
  const nn::Windows windows({0, 1, 2, 3, 4, 5, 6, 7}, {.columns = 3, .steps = 2});
  CHECK(windows.size() == 2);
  CHECK(windows.tokens(0) == Indices{{0, 3, 6}, {1, 4, 0}});
  CHECK(windows.labels(0) == Indices{{1, 4, 7}, {2, 5, nn::ignored}});
  CHECK(windows.tokens(1) == Indices{{2, 5, 0}});
  CHECK(windows.labels(0, 1) == Indices{{4, 7}, {5, nn::ignored}});
  CHECK(windows.tokens(0, 0, 2) == Indices{{0, 3}, {1, 4}});
  CHECK(windows.labels(0, 1, 1).size() == 0);
}

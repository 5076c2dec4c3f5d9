#include "windows.hpp"

#include <algorithm>
#include <utility>

namespace unroll::nn {

Windows::Windows(std::vector<std::int64_t> text, const WindowOptions& options)
    : text_(std::move(text)), columns_(options.columns), steps_(options.steps) {
  require(text_.size() > 1, "windows", "a text of ", text_.size(), " tokens; there must be two to predict one");
  require(columns_ && steps_, "windows", columns_, " columns of ", steps_, " steps; there must be at least one");
  const std::size_t labels = text_.size() - 1;
  columns_ = std::min(columns_, labels);
  steps_ = std::min(steps_, labels);
  length_ = (labels - 1) / columns_ + 1;
}

std::size_t Windows::count(std::size_t window) const {
  const Indices all = labels(window);
  return all.size() - static_cast<std::size_t>(std::ranges::count(all, ignored));
}

Indices Windows::cut(std::size_t window, std::size_t first, std::size_t last, std::size_t later,
                     std::int64_t beyond) const {
  last = std::min(last, columns_);
  require(window < size() && first <= last, "windows", "window ", window, " from column ", first, "; there are ",
          size(), " windows of ", columns_, " columns");
  const std::size_t begin = window * steps_, time = std::min(steps_, length_ - begin);
  Indices result = Indices::from_shape({time, last - first});
  for (std::size_t t = 0; t < time; ++t)
    for (std::size_t column = first; column < last; ++column) {
      const std::size_t place = column * length_ + begin + t;
      result(t, column - first) = place + 1 < text_.size() ? text_[place + later] : beyond;
    }
  return result;
}

Indices Windows::tokens(std::size_t window, std::size_t first, std::size_t last) const {
  return cut(window, first, last, 0, 0);
}

Indices Windows::labels(std::size_t window, std::size_t first, std::size_t last) const {
  return cut(window, first, last, 1, ignored);
}

}  // namespace unroll::nn

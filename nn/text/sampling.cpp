#include "sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "../options.hpp"

namespace unroll::nn {

template <class T> std::int64_t sample(const Array<T>& scores, const SamplingOptions& options, Random& random) {
  detail::require_not_negative("sample", "temperature", options.temperature);
  require(0 <= options.top_p && options.top_p <= 1, "sample", "top_p is ", options.top_p, "; it must be in [0, 1]");
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T* const s = scores.data();
  for (std::size_t k = 0; k < scores.size(); ++k)
    require(s[k] < infinity, "sample", "score ", k, " is ", s[k], "; it must be less than inf");
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return s[a] > s[b]; });
  require(!order.empty() && s[order[0]] > -infinity, "sample", scores.size(),
          " scores, none of them above -inf; there must be one");
  if (options.temperature == 0) return static_cast<std::int64_t>(order[0]);
  if (options.top_k) order.resize(std::min(options.top_k, order.size()));
  std::vector<double> weights;
  for (const std::size_t id : order) weights.push_back(std::exp(double(s[id] - s[order[0]]) / options.temperature));
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double kept = 0;
  std::size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < options.top_p * all)) kept += weights[count++];
  double left = random.uniform() * kept;
  std::size_t k = 0;
  while (k + 1 < count && (left -= weights[k]) >= 0) ++k;
  return static_cast<std::int64_t>(order[k]);
}

template std::int64_t sample(const Array<float>&, const SamplingOptions&, Random&);
template std::int64_t sample(const Array<double>&, const SamplingOptions&, Random&);

}  // namespace unroll::nn

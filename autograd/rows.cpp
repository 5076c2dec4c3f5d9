#include "rows.hpp"

#include <algorithm>
#include <map>

#include "instantiate.hpp"
#include "kernels/kernels.hpp"
#include "operations/ops.hpp"

namespace unroll::detail {

template <class T> void add_rows(const View<T>& table, std::span<const Rows<T>> terms) {
  const Layout& layout = table.layout;
  const std::size_t length = table.shape->product(1, table.shape->size());
  const std::size_t piece = std::max<std::size_t>(std::min(length, layout.run), 1);
  const auto add = [&](std::size_t row, const T* from) {
    for (std::size_t part = 0; part < length; part += piece, from += piece) {
      T* const place = table.data + layout.at(row * length + part);
      for (std::size_t j = 0; j < piece; ++j) place[j] += from[j];
    }
  };
  const auto for_each = [&](const auto& f) {
    for (const Rows<T>& term : terms) {
      const Variable<T> values = detach(term.values);
      const T* from = values.tensor().data();
      for (const std::int64_t index : term.indices->storage()) {
        f(static_cast<std::size_t>(index), from);
        from += length;
      }
    }
  };
  std::size_t count = 0;
  for (const Rows<T>& term : terms) count += term.indices->size();
  std::vector<std::uint32_t> times;  // that a row is added to
  if (count > few) {
    times.resize((*table.shape)[0]);
    for (const Rows<T>& term : terms)
      for (const std::int64_t index : term.indices->storage()) ++times[static_cast<std::size_t>(index)];
  }
  std::map<std::size_t, Parts<T>> crowded;
  for_each([&](std::size_t row, const T* from) {
    if (!times.empty() && times[row] > few)
      crowded.try_emplace(row, length).first->second.add(from);
    else
      add(row, from);
  });
  for (auto& [row, parts] : crowded) add(row, parts.sum());
}

template <class T> Rows<T> sum_of_rows(const Shape& row, std::span<const Rows<T>> terms) {
  std::vector<std::int64_t> taken;
  for (const Rows<T>& term : terms) taken.insert(taken.end(), term.indices->begin(), term.indices->end());
  std::sort(taken.begin(), taken.end());
  taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
  Shape shape = row;
  shape.insert(0, taken.size());
  const Variable<T> sum = zeros<T>(shape);
  std::vector<Rows<T>> packed;
  for (const Rows<T>& term : terms) {
    const auto places = std::make_shared<Indices>(*term.indices);
    for (std::int64_t& index : *places) index = std::lower_bound(taken.begin(), taken.end(), index) - taken.begin();
    packed.push_back({term.values, places});
  }
  add_rows<T>(sum.shared()->place(), packed);
  return {sum, std::make_shared<Indices>(indices(taken))};
}

extern const auto sums_of_rows =
    for_float_and_double([]<class T>() { return std::tuple(&add_rows<T>, &sum_of_rows<T>); });

}  // namespace unroll::detail

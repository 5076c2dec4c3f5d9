#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

#include "../instantiate.hpp"
#include "../primitive.hpp"
#include "ops.hpp"

namespace unroll {

using namespace detail;

namespace {

void check(const char* where, const Indices& indices, std::size_t rows, const char* what) {
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const std::int64_t index = indices.storage()[k];
    require(0 <= index && static_cast<std::size_t>(index) < rows, where, "index ", index, " at position ",
            Shape(indices.shape()).position(k), "; the ", what, " has ", rows, " rows");
  }
}

// The shape of the rows of a table with these indices.
Shape shape_of_rows(const char* where, const Shape& table, const Indices& indices) {
  require(!table.empty(), where, "the table has no axes; it must have rows");
  check(where, indices, table[0], "table");
  Shape shape(indices.shape());
  for (std::size_t k = 1; k < table.size(); ++k) shape.push_back(table[k]);
  return shape;
}

template <class X> void copy_rows(const X* from, std::size_t length, const Indices& indices, X* to) {
  for (const std::int64_t index : indices.storage())
    to = std::copy_n(from + static_cast<std::size_t>(index) * length, length, to);
}

// Rows of a table that are added as one, or stay what they are.
template <class T> class RowTerms final : public Postponed<T> {
 public:
  Shape row;
  std::vector<Rows<T>> terms;

  void add_to(Adjoint<T>& into) override { add_rows<T>(into.open(false).view, terms); }
  std::optional<Rows<T>> rows() const override { return sum_of_rows<T>(row, terms); }
};

// A scatter that has not been computed, so that a sweep adds only the rows that were taken.
template <class T> struct Scatter {
  Rows<T> rows;
  Shape table;

  const Shape& shape() const { return table; }
  Variable<T> value() const { return scatter(rows.values, *rows.indices, table[0]); }
  void add_to(Adjoint<T>& into) const { add_rows<T>(into.open(false).view, {&rows, 1}); }
  bool postpone_to(Adjoint<T>& into) const {
    if (!into.postpones()) return false;
    RowTerms<T>& all = into.template waiting<RowTerms<T>>();
    all.row = Shape(table.begin() + 1, table.end());
    all.terms.push_back(rows);
    return true;
  }
};

}  // namespace

/// y[k] = x[i_k]                                 x̄[i_k] += ȳ[k], from zeros
template <class T> Variable<T> take(const Variable<T>& x, const Indices& indices, const char* where) {
  const Shape table = x.shape();
  Shared<Tensor<T>> y(new Tensor<T>(shape_of_rows(where, table, indices)));
  const Variable<T> rows = detach(x);
  copy_rows(rows.tensor().data(), table.product(1, table.size()), indices, y->buffer.data());
  return primitive("take", {x}, Variable<T>(y),
                   [all = std::make_shared<Indices>(indices), table](const Variable<T>& g) {
                     return Scatter<T>{{g, all}, table};
                   });
}

/// y[i_k] += x[k], from zeros                    x̄[k] = ȳ[i_k]
template <class T> Variable<T> scatter(const Variable<T>& x, const Indices& indices, std::size_t count) {
  const Shape &given = x.shape(), taken(indices.shape());
  require(given.size() >= taken.size() && Shape(given.begin(), given.begin() + taken.size()) == taken, "scatter",
          "values of shape ", given, " for indices of shape ", taken, "; the former must begin with the latter");
  check("scatter", indices, count, "result");
  Shape shape(given.begin() + taken.size(), given.end());
  shape.insert(0, count);
  const Variable<T> y = zeros<T>(shape);
  const Rows<T> rows{x, std::make_shared<Indices>(indices)};
  add_rows<T>(y.shared()->place(), {&rows, 1});
  return primitive("scatter", {x}, y, [all = rows.indices](const Variable<T>& g) { return take(g, *all); });
}

namespace {

// Calls f(position in the indices, position in an array of this shape) for every index along an axis.
template <class F> void for_each_along(const Shape& shape, const Indices& indices, std::size_t axis, const F& f) {
  const std::size_t inner = shape.product(axis + 1, shape.size()), count = indices.shape()[axis];
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const std::size_t outer = k / (count * inner), j = k % inner;
    f(k, (outer * shape[axis] + static_cast<std::size_t>(indices.storage()[k])) * inner + j);
  }
}

// Adds values at an index along an axis to what place(position) names.
template <class T, class Place>
void add_along(const Shape& shape, const Indices& indices, std::size_t axis, const Variable<T>& x, const Place& place) {
  const Variable<T> values = detach(x);
  const T* const data = values.tensor().data();
  if (indices.shape()[axis] <= few)
    return for_each_along(shape, indices, axis, [&](std::size_t from, std::size_t to) { place(to) += data[from]; });
  std::vector<Compensated<T>> sums(shape.elements());
  for_each_along(shape, indices, axis, [&](std::size_t from, std::size_t to) { sums[to] += data[from]; });
  for (std::size_t to = 0; to < sums.size(); ++to) place(to) += sums[to].sum;
}

std::size_t check_along(const char* where, const Shape& shape, const Indices& indices, Axis axis) {
  const std::size_t k = normal_axis(where, axis, shape.size());
  Shape others(indices.shape());
  require(others.size() == shape.size(), where, "indices of shape ", others, " for an array of shape ", shape,
          "; both must have as many axes");
  others[k] = shape[k];
  require(others == shape, where, "indices of shape ", Shape(indices.shape()), " for an array of shape ", shape,
          "; only the sizes along axis ", axis, " may differ");
  check(where, indices, shape[k], "axis");
  return k;
}

// A scatter_along that has not been computed, so that a sweep adds only to the elements that were taken.
template <class T> struct ScatterAlong {
  Variable<T> x;
  std::shared_ptr<const Indices> indices;
  std::size_t axis;
  Shape whole;

  const Shape& shape() const { return whole; }
  Variable<T> value() const { return scatter_along(x, *indices, axis, whole); }
  void add_to(Adjoint<T>& into) const {
    const View<T> place = into.open(false).view;
    add_along(whole, *indices, axis, x, [&](std::size_t to) -> T& { return place.data[place.layout.at(to)]; });
  }
};

}  // namespace

/// y[..., k, ...] = x[..., i_k, ...]             x̄[..., i_k, ...] += ȳ[..., k, ...], from zeros
template <class T> Variable<T> take_along(const Variable<T>& x, const Indices& indices, Axis axis) {
  const std::size_t k = check_along("take_along", x.shape(), indices, axis);
  const Variable<T> values = detach(x);
  Shared<Tensor<T>> y(new Tensor<T>(Shape(indices.shape())));
  for_each_along(x.shape(), indices, k,
                 [&](std::size_t to, std::size_t from) { y->buffer[to] = values.tensor().data()[from]; });
  return primitive("take_along", {x}, Variable<T>(y),
                   [all = std::make_shared<Indices>(indices), k, shape = x.shape()](const Variable<T>& g) {
                     return ScatterAlong<T>{g, all, k, shape};
                   });
}

/// y[..., i_k, ...] += x[..., k, ...], from zeros    x̄[..., k, ...] = ȳ[..., i_k, ...]
template <class T>
Variable<T> scatter_along(const Variable<T>& x, const Indices& indices, Axis axis, const Shape& shape) {
  const std::size_t k = check_along("scatter_along", shape, indices, axis);
  require(x.shape() == Shape(indices.shape()), "scatter_along", "values of shape ", x.shape(), " for indices of shape ",
          Shape(indices.shape()), "; they must be equal");
  const Variable<T> y = zeros<T>(shape);
  add_along(shape, indices, k, x, [&](std::size_t to) -> T& { return y.shared()->buffer[to]; });
  return primitive("scatter_along", {x}, y, [all = std::make_shared<Indices>(indices), axis](const Variable<T>& g) {
    return take_along(g, *all, axis);
  });
}

template <class T> Variable<T> one_hot(const Indices& indices, std::size_t count) {
  check("one_hot", indices, count, "axis");
  Shape shape(indices.shape());
  shape.push_back(1);
  Indices column = indices;
  column.reshape(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
  const Variable<T> marks = ones<T>(shape);
  shape.back() = count;
  return scatter_along(marks, column, -1, shape);
}

namespace {

// The larger one stands before the other, NaN before all.
template <class T> bool before(T a, T b) { return a > b || (a != a && b == b); }

}  // namespace

template <class T> TopK<T> top_k(const Variable<T>& x, std::size_t k, Axis axis) {
  const std::size_t along = normal_axis("top_k", axis, x.shape().size()), size = x.shape()[along];
  require(k <= size, "top_k", k, " of an axis of size ", size, "; there are not so many");
  const std::size_t inner = x.shape().product(along + 1, x.shape().size());
  const Variable<T> values = detach(x);
  Shape shape = x.shape();
  shape[along] = k;
  Indices chosen = uninitialised<std::int64_t>(shape);
  std::vector<std::int64_t> order(size);
  for (std::size_t line = 0; line < shape.elements() / std::max<std::size_t>(k, 1); ++line) {
    const std::size_t outer = line / inner;
    const T* const first = values.tensor().data() + outer * size * inner + line % inner;
    const auto element = [&](std::int64_t i) { return first[static_cast<std::size_t>(i) * inner]; };
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                      [&](std::int64_t i, std::int64_t j) {
                        const T a = element(i), b = element(j);
                        return before(a, b) || (i < j && !before(b, a));
                      });
    for (std::size_t i = 0; i < k; ++i) chosen.storage()[(outer * k + i) * inner + line % inner] = order[i];
  }
  return {take_along(x, chosen, axis), chosen};
}

namespace {

template <class T> Indices of_first(const char* where, const Variable<T>& x, Axis axis) {
  Shape shape = x.shape();
  const std::size_t along = normal_axis(where, axis, shape.size()), size = shape[along];
  require(size > 0, where, "the shape is ", shape, "; there is nothing to choose from");
  const std::size_t inner = shape.product(along + 1, shape.size());
  shape.erase(along);
  Indices chosen = uninitialised<std::int64_t>(shape);
  for (std::size_t line = 0; line < chosen.size(); ++line) {
    const T* const first = x.tensor().data() + line / inner * size * inner + line % inner;
    std::size_t best = 0;
    for (std::size_t i = 1; i < size; ++i)
      if (before(first[i * inner], first[best * inner])) best = i;
    chosen.storage()[line] = static_cast<std::int64_t>(best);
  }
  return chosen;
}

}  // namespace

template <class T> Indices argmax(const Variable<T>& x, Axis axis) { return of_first("argmax", detach(x), axis); }
template <class T> Indices argmin(const Variable<T>& x, Axis axis) { return of_first("argmin", -detach(x), axis); }

Indices take(const Indices& x, const Indices& indices) {
  const Shape table(x.shape());
  Indices rows = uninitialised<std::int64_t>(shape_of_rows("take", table, indices));
  copy_rows(x.data(), table.product(1, table.size()), indices, rows.data());
  return rows;
}

extern const auto selections = for_float_and_double([]<class T>() {
  return std::tuple(&take<T>, &scatter<T>, &take_along<T>, &scatter_along<T>, &one_hot<T>, &top_k<T>, &argmax<T>,
                    &argmin<T>);
});

}  // namespace unroll

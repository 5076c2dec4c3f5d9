#include "pooling.hpp"

#include "../../autograd/instantiate.hpp"
#include "../../autograd/tape.hpp"

namespace unroll::nn {

namespace {

// The rows of time × batch that `chosen(t, length)` wants, and the sequence of each.
template <class F>
std::pair<Indices, Indices> rows_of(const char* where, const Shape& shape, const Indices& lengths, const F& chosen) {
  require(shape.size() == 3, where, "x has shape ", shape, "; it must be (time, batch, size)");
  require(Shape(lengths.shape()) == Shape{shape[1]}, where, "lengths of shape ", Shape(lengths.shape()),
          " for a batch of ", shape[1], "; there must be one for each sequence");
  std::vector<std::int64_t> rows, sequences;
  const auto time = static_cast<std::int64_t>(shape[0]), batch = static_cast<std::int64_t>(shape[1]);
  for (std::int64_t k = 0; k < batch; ++k) {
    require(0 <= lengths(k) && lengths(k) <= time, where, "length ", lengths(k), " of sequence ", k,
            "; it must be between 0 and ", time);
    for (std::int64_t t = 0; t < lengths(k); ++t) {
      if (!chosen(t, lengths(k))) continue;
      rows.push_back(t * batch + k);
      sequences.push_back(k);
    }
  }
  std::pair<Indices, Indices> result{Indices::from_shape({rows.size()}), Indices::from_shape({rows.size()})};
  std::copy(rows.begin(), rows.end(), result.first.begin());
  std::copy(sequences.begin(), sequences.end(), result.second.begin());
  return result;
}

template <class T> Variable<T> sum_rows(const Variable<T>& x, const std::pair<Indices, Indices>& rows) {
  const Shape& shape = x.shape();
  return scatter(take(reshape(x, {shape[0] * shape[1], shape[2]}), rows.first), rows.second, shape[1]);
}

}  // namespace

template <class T> Variable<T> last_step(const Variable<T>& x, const Indices& lengths) {
  const Scope scope("last_step");
  return sum_rows(x, rows_of("last_step", x.shape(), lengths, [](auto t, auto length) { return t == length - 1; }));
}

template <class T> Variable<T> mean_over_time(const Variable<T>& x, const Indices& lengths) {
  const Scope scope("mean_over_time");
  const auto rows = rows_of("mean_over_time", x.shape(), lengths, [](auto, auto) { return true; });
  const Variable<T> count = reshape(Variable<T>(lengths), {-1, 1});
  return sum_rows(x, rows) / where(count > 0, count, 1);
}

template <class T> Variable<T> both_ends(const Variable<T>& h) {
  const Scope scope("both_ends");
  require(h.shape().size() == 3 && h.shape()[0] >= 2 && h.shape()[0] % 2 == 0, "both_ends", "h has shape ", h.shape(),
          "; it must be (layers × 2, batch, hidden)");
  const auto last = unstack(slice(h, 0, -2, static_cast<std::int64_t>(h.shape()[0])));
  return concatenate({last[0], last[1]}, -1);
}

extern const auto poolings = unroll::detail::for_float_and_double(
    []<class T>() { return std::tuple(&last_step<T>, &mean_over_time<T>, &both_ends<T>); });

}  // namespace unroll::nn

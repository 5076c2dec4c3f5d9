#include <algorithm>
#include <limits>
#include <numeric>

#include "../instantiate.hpp"
#include "../kernels/kernels.hpp"
#include "../primitive.hpp"
#include "ops.hpp"
#include "parts.hpp"

namespace unroll {

using namespace detail;

namespace {

// x written into memory, axis by axis along the strides.
template <class T>
void copy_into(const Strided<T>& out, const Strided<const T>& x, const Shape& shape, Write write = Write::assign) {
  traverse<T>(shape, vector_loops<T>(functions::copy).value, &functions::copy.value, {&x, 1}, out, write);
}

// An array at its place among the elements of another one.
template <class T> struct Placed {
  Variable<T> x;
  Shape whole;
  std::size_t offset;
  Layout layout;

  const Shape& shape() const { return whole; }
  Variable<T> value() const;
  void add_to(Adjoint<T>& into) const { into += value(); }
  bool postpone_to(Adjoint<T>& into) const;
};

/// y = Σ of arrays at their places, from zeros    x̄_k = what stands there in ȳ
template <class T> Variable<T> assemble(const std::vector<Placed<T>>& parts) {
  const Shape& shape = parts[0].whole;
  if (parts.size() == 1 && parts[0].x.size() == shape.elements()) return reshape(parts[0].x, shape);
  const Variable<T> y = zeros<T>(shape);
  std::vector<Variable<T>> operands;
  for (const Placed<T>& part : parts) {
    const Shape& own = part.x.shape();
    const View<T> place{y.shared()->buffer.data() + part.offset, &own, part.layout};
    copy_into(strided(place, own), strided(part.x.tensor().view(), own), own, Write::add);
    operands.push_back(part.x);
  }
  return primitive("assemble", operands, y, [parts](std::size_t k, const Variable<T>& g) {
    return part_of(contiguous(g), parts[k].x.shape(), parts[k].offset, parts[k].layout);
  });
}

// All parts of an array, which is put together once: as many steps of a sequence cost no more than one by one.
template <class T> class PlacedTerms final : public Postponed<T> {
 public:
  std::vector<Placed<T>> all;
  void add_to(Adjoint<T>& into) override { into += assemble(all); }
};

template <class T> Variable<T> Placed<T>::value() const { return assemble<T>({*this}); }

template <class T> bool Placed<T>::postpone_to(Adjoint<T>& into) const {
  into.template waiting<PlacedTerms<T>>().all.push_back(*this);
  return true;
}

// In a sweep that frees, the adjoint of a part stands in that of the whole already, and no rule is called.
template <class T> struct PartRule final : Rule<T> {
  Shape whole;
  std::size_t offset;
  Layout layout;

  PartRule(const Shape& shape, std::size_t first, const Layout& places) : whole(shape), offset(first), layout(places) {}
  void pull(const Node<T>&, std::size_t, Variable<T>& g, Adjoint<T>& into) override {
    into += Placed<T>{g, whole, offset, layout};
  }
};

}  // namespace

/// y = part of x                                 x̄ = ȳ at its place
template <class T>
Variable<T> detail::part_of(const Variable<T>& x, const Shape& shape, std::size_t offset, const Layout& layout) {
  const Tensor<T>& from = x.tensor();
  Shared<Tensor<T>> part(new Tensor<T>(shape, layout, from.buffer.share(offset, shape.elements())));
  Tape<T>* const tape = Tape<T>::innermost();
  const std::uint32_t index = tape ? tape->index_of(x) : Node<T>::constant;
  if (index == Node<T>::constant) return Variable<T>(std::move(part));
  // Among the elements of x, which has gaps in memory maybe.
  const auto element = [&](std::size_t place) {
    return from.gapless() ? place : place / from.layout.pitch * from.layout.run + place % from.layout.pitch;
  };
  const Layout elements = layout.gapless() ? layout : Layout(shape.elements(), layout.run, element(layout.pitch));
  Adjoint<T>& whole = tape->node(index).adjoint;
  // The adjoint of what was adopted with gaps between its rows has none.
  if (!whole.joined() && !from.gapless()) return part_of(contiguous(x), shape, element(offset), elements);
  auto node = tape->prepare("part", shape, 1);
  node->add(index, tape->template make<PartRule<T>>(x.shape(), element(offset), elements));
  node->adjoint.join(*tape->template make<typename Adjoint<T>::Place>(whole.place_of(offset, layout)));
  return tape->record(std::move(node), std::move(part));
}

Shape Sizes::of(std::size_t elements) const {
  Shape shape;
  std::size_t open = Shape::most;
  for (std::size_t k = 0; k < sizes_.size(); ++k) {
    const std::int64_t size = sizes_[k].value;
    require(size >= 0 || (size == -1 && open == Shape::most), "reshape", "size ", size, " at axis ", k,
            "; a size is not negative, except for one -1");
    if (size < 0) open = k;
    shape.push_back(size < 0 ? 1 : static_cast<std::size_t>(size));
  }
  const std::size_t known = shape.checked_elements("reshape");
  if (open < Shape::most) {
    require(known > 0 && elements % known == 0, "reshape", elements,
            " elements do not fill an axis of -1 beside sizes of ", known, " together");
    shape[open] = elements / known;
  }
  return shape;
}

template <class T> Variable<T> reshape(const Variable<T>& x, const Sizes& sizes) {
  const Shape shape = sizes.of(x.size());
  if (x.shape() == shape) return x;
  require(shape.elements() == x.size(), "reshape", x.shape(), " to ", shape, ": ", x.size(), " elements cannot become ",
          shape.elements());
  const Tensor<T>& tensor = x.tensor();
  if (tensor.gapless()) return part_of(x, shape, 0, tensor.layout);
  // Rows with gaps stay where they are if the new shape has an axis boundary where they end, but for the last axis,
  // whose elements are neighbours in every array.
  std::size_t elements = shape.back();
  for (std::size_t k = shape.size() - 1; k > 0 && elements < tensor.layout.run; --k) elements *= shape[k - 1];
  if (elements == tensor.layout.run) return part_of(x, shape, 0, tensor.layout);
  return reshape(contiguous(x), shape);
}

/// y = x with its axes in another order           x̄ = ȳ with its axes back in order
template <class T> Variable<T> transpose(const Variable<T>& x, const std::vector<int>& order) {
  const std::size_t rank = x.shape().size();
  std::vector<int> axes = order, inverse(rank, -1);
  if (order.empty()) {
    axes.resize(rank);
    std::iota(axes.rbegin(), axes.rend(), 0);
  }
  require(axes.size() == rank, "transpose", axes.size(), " axes for an array with ", rank, "; all must be given");
  const Strided<const T> from = strided(x.tensor().view(), x.shape());
  Strided<const T> turned{from.data, {}};
  Shape shape;
  for (std::size_t k = 0; k < rank; ++k) {
    const std::size_t axis = normal_axis("transpose", axes[k], rank);
    require(inverse[axis] < 0, "transpose", "axis ", axes[k], " is given twice");
    inverse[axis] = static_cast<int>(k);
    turned.strides[k] = from.strides[axis];
    shape.push_back(x.shape()[axis]);
  }
  Shared<Tensor<T>> y(new Tensor<T>(shape));
  if (rank == 2 && inverse[0] == 1)
    transpose_matrix<T>({from.data, shape[1], shape[0], x.tensor().layout.at(shape[0])},
                        {y->buffer.data(), shape[0], shape[1], shape[1]});
  else
    copy_into(strided(y->place(), shape), turned, shape);
  return primitive("transpose", {x}, Variable<T>(y), [inverse](const Variable<T>& g) { return transpose(g, inverse); });
}

/// y = x, repeated                               x̄ = Σȳ
template <class T> Variable<T> broadcast_to(const Variable<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(broadcast("broadcast_to", x.shape(), shape) == shape, "broadcast_to", x.shape(), " does not broadcast to ",
          shape);
  Shared<Tensor<T>> y(new Tensor<T>(shape));
  copy_into(strided(y->place(), shape), strided(x.tensor().view(), shape), shape);
  return primitive("broadcast_to", {x}, Variable<T>(y), Pass{});
}

namespace {

template <class T> Variable<T> neighbours(const Variable<T>& x, Axis axis, std::int64_t begin, std::int64_t end) {
  const std::size_t k = normal_axis("slice", axis, x.shape().size());
  const auto size = static_cast<std::int64_t>(x.shape()[k]);
  const std::int64_t first = begin < 0 ? begin + size : begin, last = end < 0 ? end + size : end;
  require(0 <= first && first <= last && last <= size, "slice", "[", begin, ", ", end, ") of an axis of size ", size,
          "; it must lie within the axis");
  if (first == 0 && last == size) return x;
  const Tensor<T>& tensor = x.tensor();
  Shape shape = x.shape();
  shape[k] = static_cast<std::size_t>(last - first);
  const std::size_t inner = shape.product(k + 1, shape.size()), outer = shape.product(0, k);
  const std::size_t before = inner * x.shape()[k], after = inner * shape[k];
  const std::size_t offset = static_cast<std::size_t>(first) * tensor.layout.at(inner);
  const std::size_t n = shape.elements(), run = tensor.layout.run, pitch = tensor.layout.pitch;
  if (n == 0) return part_of(x, shape, 0, Layout(0));
  if (outer == 1) return part_of(x, shape, offset, tensor.gapless() ? Layout(n) : Layout(n, run, pitch));
  if (tensor.gapless()) return part_of(x, shape, offset, Layout(n, after, before));
  if (before == run) return part_of(x, shape, offset, Layout(n, after, pitch));
  return neighbours(contiguous(x), axis, begin, end);
}

}  // namespace

template <class T>
Variable<T> slice(const Variable<T>& x, Axis axis, std::int64_t begin, std::int64_t end, std::size_t step) {
  require(step > 0, "slice", "a step of 0; it must be at least 1");
  if (step == 1) return neighbours(x, axis, begin, end);
  const Scope scope("slice");
  const Variable<T> part = neighbours(x, axis, begin, end);
  Shape shape = part.shape();
  const std::size_t k = normal_axis("slice", axis, shape.size()), size = shape[k];
  step = std::min(step, std::max<std::size_t>(size, 1));  // a longer one leaves the first element alone too
  const std::size_t inner = shape.product(k + 1, shape.size()), steps = size / step + (size % step > 0);
  shape[k] = steps * step - size;
  const Variable<T> whole = shape[k] ? concatenate({part, zeros<T>(shape)}, axis) : part;
  shape[k] = steps;
  return reshape(slice(reshape(whole, {shape.product(0, k), steps, step, inner}), 2, 0, 1), shape);
}

template <class T>
Variable<T> pad(const Variable<T>& x, const std::vector<std::pair<std::size_t, std::size_t>>& widths, T value) {
  const Scope scope("pad");
  require(widths.size() == x.shape().size(), "pad", widths.size(), " widths for an array with ", x.shape().size(),
          " axes; each must have its own");
  Variable<T> y = x;
  for (std::size_t k = 0; k < widths.size(); ++k) {
    Shape before = y.shape(), after = before;
    before[k] = widths[k].first;
    after[k] = widths[k].second;
    y = concatenate({full<T>(before, value), y, full<T>(after, value)}, static_cast<int>(k));
  }
  return y;
}

template <class T>
std::vector<Variable<T>> split(const Variable<T>& x, const std::vector<std::size_t>& sizes, Axis axis) {
  const Scope scope("split");
  const std::size_t size = x.shape()[normal_axis("split", axis, x.shape().size())];
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  const std::size_t total = std::accumulate(sizes.begin(), sizes.end(), std::size_t(0),
                                            [](std::size_t a, std::size_t b) { return a > most - b ? most : a + b; });
  require(total == size, "split", "the parts add up to ", total, "; the axis has size ", size);
  const Variable<T> from = contiguous(x);
  std::vector<Variable<T>> parts;
  std::size_t begin = 0;
  for (std::size_t part : sizes) {
    parts.push_back(slice(from, axis, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(begin + part)));
    begin += part;
  }
  return parts;
}

template <class T> std::vector<Variable<T>> unstack(const Variable<T>& x, Axis axis) {
  const Scope scope("unstack");
  const std::size_t size = x.shape()[normal_axis("unstack", axis, x.shape().size())];
  std::vector<Variable<T>> parts = split(x, std::vector<std::size_t>(size, 1), axis);
  for (Variable<T>& part : parts) part = squeeze(part, axis);
  return parts;
}

template <class T> Variable<T> select(const Variable<T>& x, Axis axis, std::int64_t index) {
  const Scope scope("select");
  const auto size = static_cast<std::int64_t>(x.shape()[normal_axis("select", axis, x.shape().size())]);
  require(-size <= index && index < size, "select", "index ", index, " of an axis of size ", size,
          "; it must be less, or negative and counted from the end");
  const std::int64_t begin = index < 0 ? index + size : index;
  return squeeze(slice(x, axis, begin, begin + 1), axis);
}

template <class T> Variable<T> squeeze(const Variable<T>& x, const Axes& axes) {
  require(axes.kept("squeeze", x.shape()) == x.shape(), "squeeze", "the shape is ", x.shape(),
          "; the axes that go must have size 1");
  return reshape(x, axes.dropped("squeeze", x.shape()));
}

template <class T> Variable<T> unsqueeze(const Variable<T>& x, Axis axis) {
  Shape shape = x.shape();
  shape.insert(normal_axis("unsqueeze", axis, shape.size() + 1, "a result"), 1);
  return reshape(x, shape);
}

template <class T> Variable<T> swap_axes(const Variable<T>& x, Axis a, Axis b) {
  const std::size_t rank = x.shape().size();
  std::vector<int> order(rank);
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[normal_axis("swap_axes", a, rank)], order[normal_axis("swap_axes", b, rank)]);
  return transpose(x, order);
}

/// y = x_1, x_2, ... along an axis                x̄_k = its part of ȳ
template <class T> Variable<T> concatenate(const std::vector<Variable<T>>& xs, Axis axis) {
  require(!xs.empty(), "concatenate", "there are no arrays; there must be at least one");
  const std::size_t k = normal_axis("concatenate", axis, xs[0].shape().size());
  Shape shape = xs[0].shape();
  std::vector<std::int64_t> ends{0};
  for (const Variable<T>& x : xs) {
    Shape others = x.shape();
    const std::size_t size = k < others.size() ? others[k] : 0;
    if (k < others.size()) others[k] = shape[k];
    require(others == shape, "concatenate", xs[0].shape(), " and ", x.shape(), " along axis ", axis,
            ": the other sizes must be equal");
    ends.push_back(ends.back() + static_cast<std::int64_t>(size));
  }
  if (xs.size() == 1) return xs[0];
  shape[k] = static_cast<std::size_t>(ends.back());
  Shared<Tensor<T>> y(new Tensor<T>(shape));
  const Strided<T> out = strided(y->place(), shape);
  const auto inner = static_cast<std::int64_t>(shape.product(k + 1, shape.size()));
  for (std::size_t i = 0; i < xs.size(); ++i)
    copy_into({out.data + ends[i] * inner, out.strides}, strided(xs[i].tensor().view(), xs[i].shape()), xs[i].shape());
  return primitive("concatenate", xs, Variable<T>(y),
                   [ends, axis](std::size_t i, const Variable<T>& g) { return slice(g, axis, ends[i], ends[i + 1]); });
}

template <class T> Variable<T> stack(const std::vector<Variable<T>>& xs, Axis axis) {
  const Scope scope("stack");
  require(!xs.empty(), "stack", "there are no arrays; there must be at least one");
  normal_axis("stack", axis, xs[0].shape().size() + 1, "a result");
  std::vector<Variable<T>> rows;
  for (const Variable<T>& x : xs) {
    require(x.shape() == xs[0].shape(), "stack", xs[0].shape(), " and ", x.shape(), ": the shapes must be equal");
    rows.push_back(unsqueeze(x, axis));
  }
  return concatenate(rows, axis);
}

/// y = x in reverse order                        x̄ = ȳ in reverse order
template <class T> Variable<T> flip(const Variable<T>& x, const Axes& axes) {
  const Shape& shape = x.shape();
  const Shape kept = axes.kept("flip", shape);
  Shared<Tensor<T>> y(new Tensor<T>(shape));
  Strided<const T> reversed = strided(x.tensor().view(), shape);
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (kept[k] == shape[k] || shape[k] == 0) continue;
    reversed.data += static_cast<std::ptrdiff_t>(shape[k] - 1) * reversed.strides[k];
    reversed.strides[k] = -reversed.strides[k];
  }
  copy_into(strided(y->place(), shape), reversed, shape);
  return primitive("flip", {x}, Variable<T>(y), [axes](const Variable<T>& g) { return flip(g, axes); });
}

extern const auto rearrangements = for_float_and_double([]<class T>() {
  using Join = Variable<T>(const std::vector<Variable<T>>&, Axis);
  return std::tuple(&part_of<T>, &reshape<T>, &transpose<T>, &broadcast_to<T>, &slice<T>, &pad<T>, &split<T>,
                    &unstack<T>, static_cast<Join*>(concatenate), static_cast<Join*>(stack), &flip<T>,
                    static_cast<Variable<T> (*)(const Variable<T>&, Axis, std::int64_t)>(select), &squeeze<T>,
                    &unsqueeze<T>, &swap_axes<T>);
});

}  // namespace unroll

#include <algorithm>
#include <limits>
#include <numeric>

#include "../kernels/blas.hpp"
#include "../kernels/kernels.hpp"
#include "../primitive.hpp"
#include "ops.hpp"
#include "parts.hpp"

namespace unroll {

namespace {

template <class T>
class PartNode final : public Node<T> {
 public:
  PartNode(const Variable<T>& result, const Part& memory, const Part& elements)
      : Node<T>("part", result.shape(), {&elements_.whole, 1}, &memory_), memory_(memory), elements_(elements) {}
  const Part* elements() const override { return &elements_; }

 private:
  const Part memory_, elements_;
};

// x written into memory, axis by axis along the strides.
template <class T>
void copy_into(const Strided<T>& out, const Strided<const T>& x, const Shape& shape, Write write = Write::assign) {
  traverse<T>(shape, vector_loops<T>(functions::copy).value, &functions::copy, {&x, 1}, out, write);
}

template <class T>
View<T> whole(Tensor<T>& tensor) {
  return {tensor.buffer.data(), tensor.shape, tensor.run, tensor.pitch};
}

}  // namespace

template <class T>
Variable<T> part_of(const Variable<T>& x, const Shape& shape, std::size_t offset, std::size_t run, std::size_t pitch) {
  const Tensor<T>& from = x.tensor();
  Shared<Tensor<T>> part(new Tensor<T>(shape, run, pitch, from.buffer.share(offset, shape.elements())));
  Tape<T>* const tape = Tape<T>::innermost();
  const std::uint32_t index = tape ? tape->index_of(x) : Node<T>::constant;
  if (index == Node<T>::constant) return Variable<T>(std::move(part));
  const auto element_at = [&](std::size_t place) {
    return from.contiguous() ? place : place / from.pitch * from.run + place % from.pitch;
  };
  const Part elements{index, element_at(offset), run, element_at(pitch)};
  const Part* const outer = tape->node(index).part();
  // The adjoint of what was captured with gaps between its rows has none.
  if (!outer && !from.contiguous()) return part_of(contiguous(x), shape, elements.offset, run, elements.pitch);
  const Part memory{outer ? outer->whole : index, outer ? outer->offset + offset : offset, run, pitch};
  return tape->template record<PartNode<T>>(std::move(part), memory, elements);
}

/// y = Σ of x_k at its part                      x̄_k = that part of ȳ
template <class T>
Variable<T> assemble(const Shape& shape, const std::vector<std::pair<Part, Variable<T>>>& values) {
  if (values.size() == 1 && values[0].second.size() == shape.elements()) return reshape(values[0].second, shape);
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  std::fill_n(result->buffer.data(), result->size(), T(0));
  std::vector<Variable<T>> operands;
  std::vector<Part> parts;
  for (const auto& [part, x] : values) {
    const View<T> place{result->buffer.data() + part.offset, x.shape(), part.run, part.pitch};
    copy_into(strided(place, x.shape()), strided(view(x), x.shape()), x.shape(), Write::add);
    operands.push_back(x);
    parts.push_back(part);
  }
  return primitive("assemble", operands, Variable<T>(result), [parts, operands](std::size_t k, const Variable<T>& g) {
    return part_of(contiguous(g), operands[k].shape(), parts[k].offset, parts[k].run, parts[k].pitch);
  });
}

template <class T>
Variable<T> detach(const Variable<T>& x) {
  const Tensor<T>& tensor = x.tensor();
  if (!tensor.contiguous()) return packed_copy(x);
  return Variable<T>(Shared<Tensor<T>>(new Tensor<T>(tensor.shape, tensor.buffer.share(0, tensor.size()))));
}

template <class T>
Variable<T> full(const Shape& shape, T value) {
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  std::fill_n(result->buffer.data(), result->size(), value);
  return Variable<T>(std::move(result));
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
  const std::size_t known = shape.checked_elements();
  if (open < Shape::most) {
    require(known > 0 && elements % known == 0, "reshape", elements,
            " elements do not fill an axis of -1 beside sizes of ", known, " together");
    shape[open] = elements / known;
  }
  return shape;
}

template <class T>
Variable<T> reshape(const Variable<T>& x, const Sizes& sizes) {
  const Shape shape = sizes.of(x.size());
  if (x.shape() == shape) return x;
  require(shape.elements() == x.size(), "reshape", x.shape(), " to ", shape, ": ", x.size(), " elements cannot become ",
          shape.elements());
  const Tensor<T>& tensor = x.tensor();
  if (tensor.contiguous()) return part_of(x, shape, 0, x.size(), x.size());
  // Rows with gaps stay where they are if the new shape has an axis boundary where they end, but for the last axis,
  // whose elements are neighbours in every array.
  std::size_t elements = shape.back();
  for (std::size_t k = shape.size() - 1; k > 0 && elements < tensor.run; --k) elements *= shape[k - 1];
  if (elements == tensor.run) return part_of(x, shape, 0, tensor.run, tensor.pitch);
  return reshape(contiguous(x), shape);
}

/// y = x with its axes in another order           x̄ = ȳ with its axes back in order
template <class T>
Variable<T> transpose(const Variable<T>& x, const std::vector<int>& order) {
  const std::size_t rank = x.shape().size();
  std::vector<int> axes = order, inverse(rank, -1);
  if (order.empty()) {
    axes.resize(rank);
    std::iota(axes.rbegin(), axes.rend(), 0);
  }
  require(axes.size() == rank, "transpose", axes.size(), " axes for an array with ", rank, "; all must be given");
  const Strided<const T> from = strided(view(x), x.shape());
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
    transpose_matrix<T>(shape[1], shape[0], {from.data, x.tensor().stride(shape[0])}, {y->buffer.data(), shape[1]});
  else
    copy_into(strided(whole(*y), shape), turned, shape);
  return primitive("transpose", {x}, Variable<T>(y), [inverse](const Variable<T>& g) { return transpose(g, inverse); });
}

/// y = x, repeated                               x̄ = Σȳ
template <class T>
Variable<T> broadcast_to(const Variable<T>& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(broadcast("broadcast_to", x.shape(), shape) == shape, "broadcast_to", x.shape(), " does not broadcast to ",
          shape);
  Shared<Tensor<T>> y(new Tensor<T>(shape));
  copy_into(strided(whole(*y), shape), strided(view(x), shape), shape);
  return primitive("broadcast_to", {x}, Variable<T>(y), Pass{});
}

template <class T>
Variable<T> slice(const Variable<T>& x, Axis axis, std::int64_t begin, std::int64_t end) {
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
  const std::size_t offset = static_cast<std::size_t>(first) * tensor.stride(inner);
  if (shape.elements() == 0) return part_of(x, shape, 0, 0, 0);
  if (outer == 1 && (tensor.contiguous() || after <= tensor.run)) return part_of(x, shape, offset, after, after);
  if (outer == 1) return part_of(x, shape, offset, tensor.run, tensor.pitch);
  if (tensor.contiguous()) return part_of(x, shape, offset, after, before);
  if (before == tensor.run) return part_of(x, shape, offset, after, tensor.pitch);
  return slice(contiguous(x), axis, begin, end);
}

template <class T>
Variable<T> slice(const Variable<T>& x, Axis axis, std::int64_t begin, std::int64_t end, std::size_t step) {
  require(step > 0, "slice", "a step of 0; it must be at least 1");
  const Scope scope("slice");
  const Variable<T> part = slice(x, axis, begin, end);
  Shape shape = part.shape();
  const std::size_t k = normal_axis("slice", axis, shape.size()), size = shape[k];
  step = std::min(step, std::max<std::size_t>(size, 1));  // a longer one leaves the first element alone too
  if (step == 1) return part;
  const auto whole = static_cast<std::int64_t>(size / step * step);
  // What is left of a step at the end gives one more element.
  const Variable<T> last = slice(part, axis, whole, std::min<std::int64_t>(whole + 1, std::int64_t(size)));
  const Variable<T> steps = reshape(slice(part, axis, 0, whole),
                                    {shape.product(0, k), size / step, step, shape.product(k + 1, shape.size())});
  shape[k] = size / step;
  const Variable<T> first = reshape(slice(steps, 2, 0, 1), shape);
  return last.shape()[k] ? concatenate({first, last}, axis) : first;
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

template <class T>
std::vector<Variable<T>> unstack(const Variable<T>& x, Axis axis) {
  const Scope scope("unstack");
  const std::size_t k = normal_axis("unstack", axis, x.shape().size());
  Shape shape = x.shape();
  shape.erase(k);
  std::vector<Variable<T>> parts = split(x, std::vector<std::size_t>(x.shape()[k], 1), axis);
  for (Variable<T>& part : parts) part = reshape(part, shape);
  return parts;
}

/// y = x_1, x_2, ... along an axis                x̄_k = its part of ȳ
template <class T>
Variable<T> concatenate(const std::vector<Variable<T>>& xs, Axis axis) {
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
  const Strided<T> out = strided(whole(*y), shape);
  const auto inner = static_cast<std::int64_t>(shape.product(k + 1, shape.size()));
  for (std::size_t i = 0; i < xs.size(); ++i)
    copy_into({out.data + ends[i] * inner, out.strides}, strided(view(xs[i]), xs[i].shape()), xs[i].shape());
  return primitive("concatenate", xs, Variable<T>(y),
                   [ends, axis](std::size_t i, const Variable<T>& g) { return slice(g, axis, ends[i], ends[i + 1]); });
}

template <class T>
Variable<T> stack(const std::vector<Variable<T>>& xs, Axis axis) {
  const Scope scope("stack");
  require(!xs.empty(), "stack", "there are no arrays; there must be at least one");
  Shape shape = xs[0].shape();
  shape.insert(normal_axis("stack", axis, shape.size() + 1), 1);
  std::vector<Variable<T>> rows;
  for (const Variable<T>& x : xs) {
    require(x.shape() == xs[0].shape(), "stack", xs[0].shape(), " and ", x.shape(), ": the shapes must be equal");
    rows.push_back(reshape(x, shape));
  }
  return concatenate(rows, axis);
}

/// y = x in reverse order                        x̄ = ȳ in reverse order
template <class T>
Variable<T> flip(const Variable<T>& x, const Axes& axes) {
  const Shape& shape = x.shape();
  const Shape kept = axes.kept("flip", shape);
  Shared<Tensor<T>> y(new Tensor<T>(shape));
  Strided<const T> reversed = strided(view(x), shape);
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (kept[k] == shape[k] || shape[k] == 0) continue;
    reversed.data += static_cast<std::ptrdiff_t>(shape[k] - 1) * reversed.strides[k];
    reversed.strides[k] = -reversed.strides[k];
  }
  copy_into(strided(whole(*y), shape), reversed, shape);
  return primitive("flip", {x}, Variable<T>(y), [axes](const Variable<T>& g) { return flip(g, axes); });
}

template Variable<float> part_of(const Variable<float>&, const Shape&, std::size_t, std::size_t, std::size_t);
template Variable<double> part_of(const Variable<double>&, const Shape&, std::size_t, std::size_t, std::size_t);
template Variable<float> assemble(const Shape&, const std::vector<std::pair<Part, Variable<float>>>&);
template Variable<double> assemble(const Shape&, const std::vector<std::pair<Part, Variable<double>>>&);
template Variable<float> detach(const Variable<float>&);
template Variable<double> detach(const Variable<double>&);
template Variable<float> full(const Shape&, float);
template Variable<double> full(const Shape&, double);
template Variable<float> reshape(const Variable<float>&, const Sizes&);
template Variable<double> reshape(const Variable<double>&, const Sizes&);
template Variable<float> transpose(const Variable<float>&, const std::vector<int>&);
template Variable<double> transpose(const Variable<double>&, const std::vector<int>&);
template Variable<float> broadcast_to(const Variable<float>&, const Shape&);
template Variable<double> broadcast_to(const Variable<double>&, const Shape&);
template Variable<float> slice(const Variable<float>&, Axis, std::int64_t, std::int64_t);
template Variable<double> slice(const Variable<double>&, Axis, std::int64_t, std::int64_t);
template Variable<float> slice(const Variable<float>&, Axis, std::int64_t, std::int64_t, std::size_t);
template Variable<double> slice(const Variable<double>&, Axis, std::int64_t, std::int64_t, std::size_t);
template Variable<float> pad(const Variable<float>&, const std::vector<std::pair<std::size_t, std::size_t>>&, float);
template Variable<double> pad(const Variable<double>&, const std::vector<std::pair<std::size_t, std::size_t>>&, double);
template std::vector<Variable<float>> split(const Variable<float>&, const std::vector<std::size_t>&, Axis);
template std::vector<Variable<double>> split(const Variable<double>&, const std::vector<std::size_t>&, Axis);
template std::vector<Variable<float>> unstack(const Variable<float>&, Axis);
template std::vector<Variable<double>> unstack(const Variable<double>&, Axis);
template Variable<float> concatenate(const std::vector<Variable<float>>&, Axis);
template Variable<double> concatenate(const std::vector<Variable<double>>&, Axis);
template Variable<float> stack(const std::vector<Variable<float>>&, Axis);
template Variable<double> stack(const std::vector<Variable<double>>&, Axis);
template Variable<float> flip(const Variable<float>&, const Axes&);
template Variable<double> flip(const Variable<double>&, const Axes&);

}  // namespace unroll

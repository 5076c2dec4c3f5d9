#include <algorithm>

#include "../instantiate.hpp"
#include "../kernels/kernels.hpp"
#include "../primitive.hpp"
#include "ops.hpp"
#include "parts.hpp"

namespace unroll {

using namespace detail;

namespace {

template <class T> Variable<T> product(const Variable<T>& a, const Variable<T>& b, Transposed transposed);

constexpr std::size_t many_rows = 256;  // it costs little beside such a product to make the panels of its weight

// Whether a product of so many rows should read b from panels.
template <class T> bool panels_pay(const Variable<T>& b, std::size_t rows) {
  return b.tensor().parameter && b.shape().size() == 2 && (rows >= many_rows || (rows > 1 && RepeatedProducts::here()));
}

// A matrix, or its transpose; one of many along a leading axis.
template <class X> Matrix<X> matrix(const View<X>& x, bool transposed, std::size_t number = 0) {
  const Shape& shape = *x.shape;
  const std::size_t row = shape.back(), rows = shape[shape.size() - 2];
  return {x.data + number * x.layout.at(rows * row), transposed ? row : rows, transposed ? rows : row,
          std::max<std::size_t>(x.layout.at(row), 1), transposed};
}

// A product that has not been computed, so that a sweep can add it to what is there.
// shapes: (m, k) (k, n), or with the same leading axis for a batch of products
template <class T> struct Product {
  const Variable<T>&a, &b;
  Transposed transposed;
  bool panels = false;  // to read b from

  Shape shape() const {
    Shape result = a.shape();
    const std::size_t rank = result.size();
    if (transposed.a) result[rank - 2] = result[rank - 1];
    result[rank - 1] = b.shape()[rank - (transposed.b ? 2 : 1)];
    return result;
  }

  void run(const View<T>& c, bool add) const {
    const Shape& shape = *c.shape;
    if (panels) return run_panels(c, add ? c.data : nullptr, c.layout.at(shape[1]));
    const View<const T> from_a = a.tensor().view(), from_b = b.tensor().view();
    for (std::size_t batch = 0; batch < (shape.size() == 3 ? shape[0] : 1); ++batch)
      multiply_matrices(matrix(from_a, transposed.a, batch), matrix(from_b, transposed.b, batch),
                        matrix(c, false, batch), add);
  }

  // c = start + a b for a matrix c
  void run_panels(const View<T>& c, const T* start, std::size_t row_start) const {
    const Matrix<T> y = matrix(c, false);
    multiply_by_panels<T>({matrix(a.tensor().view(), false), nullptr, {start, y.rows, y.columns, row_start}, y},
                          matrix(b.tensor().view(), transposed.b),
                          y.rows < many_rows ? &b.tensor().parameter->panels[transposed.b] : nullptr);
  }

  Variable<T> value() const { return product(a, b, transposed); }
  void add_to(Adjoint<T>& into) const {
    const auto memory = into.open(true);
    run(memory.view, !memory.fresh);
  }
  // Of a weight that is used at every step: aᵀ b can wait for more rows.
  bool postpone_to(Adjoint<T>& into) const;
};

// Rows of arrays one after the other; not copied if they stand so in memory.
template <class T> Variable<T> joined(const std::vector<Variable<T>>& xs) {
  const Tensor<T>& first = xs[0].tensor();
  const T* next = first.data();
  std::size_t rows = 0;
  for (const Variable<T>& x : xs) {
    if (!x.tensor().gapless() || x.tensor().data() != next) return concatenate(xs);
    next += x.size();
    rows += x.shape()[0];
  }
  const Shape shape{rows, first.shape[1]};
  return Variable<T>(Shared<Tensor<T>>(new Tensor<T>(shape, first.buffer.share(0, shape.elements()))));
}

// Products aᵀ b that are computed as one.
template <class T> class Products final : public Postponed<T> {
 public:
  static constexpr std::size_t enough = 512;  // rows at once, for a product to run at full speed

  std::size_t rows = 0;
  std::vector<Variable<T>> as, bs;

  void add_to(Adjoint<T>& into) override {
    // A sweep comes by the last rows first.
    std::reverse(as.begin(), as.end());
    std::reverse(bs.begin(), bs.end());
    const Variable<T> a = joined(as), b = joined(bs);
    Product<T>{a, b, {.a = true}}.add_to(into);
  }
};

template <class T> bool Product<T>::postpone_to(Adjoint<T>& into) const {
  const std::size_t rows = a.shape()[0];
  if (!into.postpones() || !transposed.a || transposed.b || a.shape().size() != 2 || rows >= Products<T>::enough)
    return false;
  Products<T>& products = into.template waiting<Products<T>>();
  products.as.push_back(a);
  products.bs.push_back(b);
  products.rows += rows;
  if (products.rows >= Products<T>::enough) into.settle();
  return true;
}

/// y = a b                                       ā = ȳ bᵀ,  b̄ = aᵀ ȳ, and likewise where a or b is transposed
template <class T> Variable<T> product(const Variable<T>& a, const Variable<T>& b, Transposed t) {
  Product<T> y{a, b, t};
  Shared<Tensor<T>> value(new Tensor<T>(y.shape()));
  y.panels = !t.a && panels_pay(b, value->shape[0]);
  y.run(value->place(), false);
  return primitive(
      "matmul", {a, b}, Variable<T>(value),
      [b, t, panels = y.panels](const Variable<T>& g) {
        return t.a ? Product<T>{b, g, {t.b, true}} : Product<T>{g, b, {false, !t.b}, panels};
      },
      [a, t](const Variable<T>& g) {
        return t.b ? Product<T>{g, a, {true, t.a}} : Product<T>{a, g, {!t.a, false}};
      });
}

}  // namespace

template <class T> Variable<T> matmul(const Variable<T>& a, const Variable<T>& b, Transposed t) {
  const Shape &sa = a.shape(), &sb = b.shape();
  const auto describe = [&](const Shape& shape, bool transposed) {
    std::ostringstream text;
    text << shape << (transposed ? "ᵀ" : "");
    return text.str();
  };
  const auto refuse = [&](const auto&... why) {
    fail("matmul", describe(sa, t.a), " times ", describe(sb, t.b), ": ", why...);
  };
  if (sa.empty() || sb.empty()) refuse("an operand has no axes; use *");
  if ((t.a && sa.size() == 1) || (t.b && sb.size() == 1)) refuse("a vector cannot be transposed");
  const std::size_t inner_a = sa[sa.size() - (t.a ? 2 : 1)];
  const std::size_t inner_b = sb.size() == 1 ? sb[0] : sb[sb.size() - (t.b ? 1 : 2)];
  if (inner_a != inner_b) refuse("the inner sizes ", inner_a, " and ", inner_b, " differ");

  if (sa.size() == 2 && sb.size() == 2) return product(a, b, t);
  const Scope scope("matmul");
  // A vector is a row or a column, and leaves the result no axis.
  const bool row = sa.size() == 1, column = sb.size() == 1;
  const Variable<T> left = row ? reshape(a, {1, inner_a}) : a, right = column ? reshape(b, {inner_b, 1}) : b;
  const Shape &sl = left.shape(), &sr = right.shape();
  Shape shape(sl.begin(), sl.end() - 2);
  Variable<T> y;
  if (sr.size() == 2 && (sl.size() == 2 || !t.a)) {
    // One product for all leading axes.
    y = product(reshape(left, {sl.product(0, sl.size() - 1), sl.back()}), right, t);
  } else {
    shape = broadcast("matmul", shape, Shape(sr.begin(), sr.end() - 2));
    const auto batched = [&](const Variable<T>& x) {
      Shape full = shape, flat{shape.elements()};
      for (std::size_t size : {x.shape()[x.shape().size() - 2], x.shape().back()}) {
        full.push_back(size);
        flat.push_back(size);
      }
      return reshape(broadcast_to(x, full), flat);
    };
    y = product(batched(left), batched(right), t);
  }
  if (!row) shape.push_back(sl[sl.size() - (t.a ? 1 : 2)]);
  if (!column) shape.push_back(y.shape().back());
  return reshape(y, shape);
}

/// y = x Wᵀ + b                                  x̄ = ȳ W,  W̄ = ȳᵀ x,  b̄ = Σȳ
template <class T> Variable<T> linear(const Variable<T>& x, const Variable<T>& weight, const Variable<T>& bias) {
  const Scope scope("linear");
  if (!bias.has_value()) return matmul(x, weight, {.b = true});
  const Shape &sx = x.shape(), &sw = weight.shape();
  require(!sx.empty() && sw.size() == 2 && sx.back() == sw[1], "linear", "x of shape ", sx, " and a weight of shape ",
          sw, "; the last sizes must be equal");
  Shape shape = sx;
  shape.back() = sw[0];
  require(broadcast("linear", shape, bias.shape()) == shape, "linear", "a bias of shape ", bias.shape(),
          " for a result of shape ", shape, "; the former must broadcast to the latter");
  const Variable<T> rows = reshape(x, {sx.product(0, sx.size() - 1), sw[1]});
  const Variable<T> added =
      bias.shape().size() > 1 ? reshape(broadcast_to(bias, shape), {rows.shape()[0], sw[0]}) : bias;
  Shared<Tensor<T>> y(new Tensor<T>(Shape{rows.shape()[0], sw[0]}));
  const View<T> place = y->place();
  const Strided<const T> from = strided(added.tensor().view(), y->shape);
  const bool panels = panels_pay(weight, y->shape[0]);
  const Product<T> product{rows, weight, {.b = true}, panels};
  if (panels && (from.strides[1] == 1 || y->shape[1] <= 1)) {
    product.run_panels(place, from.data, static_cast<std::size_t>(from.strides[0]));
  } else {
    traverse<T>(y->shape, vector_loops<T>(functions::copy).value, &functions::copy.value, {&from, 1},
                strided(place, y->shape), Write::assign);
    product.run(place, true);
  }
  return reshape(primitive(
                     "linear", {rows, weight, added}, Variable<T>(y),
                     [weight = weight, panels](const Variable<T>& g) {
                       return Product<T>{g, weight, {}, panels};
                     },
                     [rows = rows](const Variable<T>& g) {
                       return Product<T>{g, rows, {.a = true}};
                     },
                     Pass{}),
                 shape);
}

extern const auto products = for_float_and_double([]<class T>() { return std::tuple(&matmul<T>, &linear<T>); });

}  // namespace unroll

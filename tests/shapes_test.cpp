// Operations on shapes, and what shows only in several operations together.
#include "primitives.hpp"

namespace unroll::primitives {
namespace {

// y[position] = x[f(position)]
template <class F> A picked(const A& x, const Shape& shape, const F& f) {
  return indexed(shape, [&](const Shape& position) { return at(x, f(position)); });
}
// Every step-th index from begin to end along an axis.
A cut(const A& x, std::size_t axis, std::size_t begin, std::size_t end, std::size_t step = 1) {
  return by_lines(x, axis, [=](const Line& line) {
    Line some;
    for (std::size_t k = begin; k < end; k += step) some.push_back(line[k]);
    return some;
  });
}
// All elements of the parts of x of these sizes along an axis, one part after the other.
A flat_parts(const A& x, std::size_t axis, const std::vector<std::size_t>& sizes) {
  Line elements;
  std::size_t begin = 0;
  for (const std::size_t size : sizes) {
    const A part = cut(x, axis, begin, begin + size);
    elements.insert(elements.end(), part.begin(), part.end());
    begin += size;
  }
  A y = A::from_shape({elements.size()});
  std::copy(elements.begin(), elements.end(), y.begin());
  return y;
}
A joined_along(const A& a, const A& b, std::size_t axis) {
  Shape shape(a.shape());
  shape[axis] += b.shape()[axis];
  return indexed(shape, [&](Shape position) {
    if (position[axis] < a.shape()[axis]) return at(a, position);
    position[axis] -= a.shape()[axis];
    return at(b, position);
  });
}
A raised(const A& x, std::size_t axis) {
  Shape shape(x.shape());
  shape.insert(axis, 1);
  return shaped(x, shape);
}
// The position in an array that broadcasts.
Shape repeated(const A& x, const Shape& of) {
  Shape position(of.end() - x.dimension(), of.end());
  for (std::size_t k = 0; k < position.size(); ++k)
    if (x.shape()[k] == 1) position[k] = 0;
  return position;
}
A squared(A x) {
  for (double& number : x) number *= number;
  return x;
}
std::vector<std::size_t> ones_of(std::size_t count) { return std::vector<std::size_t>(count, 1); }

// The elements of parts, one part after the other.
template <class Parts> auto all(const Parts& parts) {
  auto rows = std::vector(parts.begin(), parts.end());
  for (auto& row : rows) row = reshape(row, {-1});
  return concatenate(rows);
}

std::vector<Row> shapes() {
  static const Sizes twos{-1, 2}, halves{-1, 2, 2}, more{-1, 1, 4, 1}, no_sizes(Shape{});
  static const Shape box{4, 2, 3}, nothing{0, 3};
  static const std::vector<int> turned{1, -1, 0};
  static const std::vector<std::size_t> sizes{1, 0, 2};
  static const Axes two_axes{1, 0};
  const std::string thin = "(4); (2,4); (2,3,4); (0,4)";
  const auto joined = [](int axis) {
    return of([axis](auto& a, auto& b) { return concatenate(std::vector{a, b}, axis); });
  };
  const auto attached = [](std::size_t axis) {
    return naive([axis](const A& a, const A& b) { return joined_along(a, b, axis); });
  };
  const auto laid = [](int axis) {
    return naive([axis](const A& a, const A& b) {
      const std::size_t k = axis < 0 ? a.dimension() : std::size_t(axis);
      return joined_along(raised(a, k), raised(b, k), k);
    });
  };
  const auto filled_up = naive([](const A& x) {
    return indexed({x.shape()[0] + 1, x.shape()[1] + 2}, [&](const Shape& position) {
      const bool inside = position[0] < x.shape()[0] && position[1] >= 2;
      return inside ? x(position[0], position[1] - 2) : 0;
    });
  });
  const auto as = [](std::vector<std::size_t> sizes_after, std::size_t unit) {
    return naive([=](const A& x) {
      Shape shape(sizes_after);
      shape.insert(0, x.size() / unit);
      return shaped(x, shape);
    });
  };
  const auto stacked = [](int axis) { return of([axis](auto& a, auto& b) { return stack(std::vector{a, b}, axis); }); };
  return {
      {"reshape", "(4,3); (2,3,2); (2); (2,3,4); (3,2); (0,2)", of([](auto& x) { return reshape(x, twos); }),
       as({2}, 2)},
      {"reshape to cut an axis", thin, of([](auto& x) { return reshape(x, halves); }), as({2, 2}, 4)},
      {"reshape to more axes", thin, of([](auto& x) { return reshape(x, more); }), as({1, 4, 1}, 4)},
      {"reshape to a scalar", "(); (1); (1,1)", of([](auto& x) { return reshape(x, no_sizes); }),
       naive([](const A& x) { return shaped(x, {}); })},
      {"transpose", one, of([](auto& x) { return transpose(x); }), naive([](const A& x) {
         const Shape shape(x.shape().rbegin(), x.shape().rend());
         return picked(x, shape, [](const Shape& position) {
           Shape turned_back = position;
           std::reverse(turned_back.begin(), turned_back.end());
           return turned_back;
         });
       })},
      {"transpose in an order", "(2,3,4); (1,2,3); (2,0,3)", of([](auto& x) { return transpose(x, turned); }),
       naive([](const A& x) {
         const Shape shape{x.shape()[1], x.shape()[2], x.shape()[0]};
         return picked(x, shape, [](const Shape& position) { return Shape{position[2], position[0], position[1]}; });
       })},
      {"broadcast_to", "(); (3); (2,1); (1,1,3); (4,2,3)", of([](auto& x) { return broadcast_to(x, box); }),
       naive([](const A& x) { return picked(x, box, [&](const Shape& position) { return repeated(x, position); }); })},
      {"broadcast_to nothing", "(); (3); (1,3); (0,3)", of([](auto& x) { return broadcast_to(x, nothing); }),
       naive([](const A&) { return indexed(nothing, [](const Shape&) { return 0.0; }); })},
      {"slice along axis 0", "(4); (4,3); (3,2,2); (4,0)", of([](auto& x) { return slice(x, 0, 1, 3); }),
       naive([](const A& x) { return cut(x, 0, 1, 3); })},
      {"slice along axis 1", "(2,3); (2,3,4); (1,3,2)", of([](auto& x) { return slice(x, 1, 1, 2); }),
       naive([](const A& x) { return cut(x, 1, 1, 2); })},
      {"slice along axis -1", thin, of([](auto& x) { return slice(x, -1, -3, -1); }),
       naive([](const A& x) { return cut(x, last_axis(x), 1, 3); })},
      {"slice of nothing", thin, of([](auto& x) { return slice(x, -1, 2, 2); }),
       naive([](const A& x) { return cut(x, last_axis(x), 2, 2); })},
      {"slice of slices", "(4,4); (4,4,2)",
       of([](auto& x) { return slice(slice(slice(x, 1, 1, 4), 0, 1, 4), 1, 0, 2); }),
       naive([](const A& x) { return cut(cut(x, 1, 1, 3), 0, 1, 4); })},
      {"slice that overlaps a slice", thin, of([](auto& x) { return slice(x, -1, 0, 3) * slice(x, -1, 1, 4); }),
       naive([](const A& x) {
         return by_lines(x, last_axis(x), [](const Line& a) { return Line{a[0] * a[1], a[1] * a[2], a[2] * a[3]}; });
       })},
      {"slice in steps", "(7); (7,2); (7,0); (7,2,2)", of([](auto& x) { return slice(x, 0, 1, 7, 2); }),
       naive([](const A& x) { return cut(x, 0, 1, 7, 2); })},
      {"slice in steps that leave some", "(2,7)", of([](auto& x) { return slice(x, 1, 0, 7, 3); }),
       gathered({0, 3, 6, 7, 10, 13}, {2, 3})},
      {"slice in steps that leave two", "(2,8); (8); (3,8,2)",
       of([](auto& x) { return slice(x, x.shape().size() == 1 ? 0 : 1, 0, 8, 3); }),
       naive([](const A& x) { return cut(x, x.dimension() == 1 ? 0 : 1, 0, 8, 3); })},
      {"slice in steps beyond the end", thin, of([](auto& x) { return slice(x, -1, 1, 3, 5); }),
       naive([](const A& x) { return cut(x, last_axis(x), 1, 3, 5); })},
      {"pad", "(1,2); (2,3); (1,0); (0,2)", of([](auto& x) {
         return pad(x, {{0, 1}, {2, 0}});
       }),
       filled_up},
      {"pad with a value", "(2)", of([]<class T>(const Variable<T>& x) {
         return pad(x, {{1, 1}}, T(5));
       }),
       naive([](const A& x) {
         return A{5, x(0), x(1), 5};
       })},
      {"split", "(2,3)", of([](auto& x) { return all(split(x, sizes)); }), gathered({0, 3, 1, 2, 4, 5}, {6})},
      {"split of other shapes", "(3); (2,2,3); (0,3)", of([](auto& x) { return all(split(x * x, sizes)); }),
       naive([](const A& x) { return flat_parts(squared(x), last_axis(x), sizes); })},
      {"split into equal parts", "(2,4)", of([](auto& x) { return all(split<2>(x)); }),
       gathered({0, 1, 4, 5, 2, 3, 6, 7}, {8})},
      {"split into equal parts along axis 0", "(4); (4,3); (2,0)", of([](auto& x) { return all(split<2>(x * x, 0)); }),
       naive([](const A& x) {
         return flat_parts(squared(x), 0, {x.shape()[0] / 2, x.shape()[0] / 2});
       })},
      {"unstack", "(3); (3,2); (3,2,2); (1,2); (3,0)", of([](auto& x) { return all(unstack(x * x)); }),
       naive([](const A& x) { return shaped(squared(x), {x.size()}); })},
      {"unstack along axis 1", "(2,3)", of([](auto& x) { return all(unstack(x, 1)); }),
       gathered({0, 3, 1, 4, 2, 5}, {6})},
      {"unstack along an axis of three", "(2,2,3); (0,2,2)", of([](auto& x) { return all(unstack(x * x, -2)); }),
       naive([](const A& x) { return flat_parts(squared(x), 1, ones_of(x.shape()[1])); })},
      {"concatenate", "(2,3) (1,3); (2) (3); (2,3) (2,3); (2,3) (0,3); (2,0) (1,0)", joined(0), attached(0)},
      {"concatenate along axis 1", "(2,3) (2,1); (2,2,2) (2,1,2); (2,3) (2,3); (0,3) (0,1); (1,1) (1,0)", joined(1),
       attached(1)},
      {"stack", "() (); (3) (3); (2,3) (2,3); (0,3) (0,3)", stacked(0), laid(0)},
      {"stack along axis 1", "(3) (3); (3,2) (3,2)", stacked(1), laid(1)},
      {"stack along axis -1", "() (); (3) (3); (3,1) (3,1)", stacked(-1), laid(-1)},
      {"select", "(4,3); (3); (2,3,2)", of([](auto& x) { return select(x * x, 0, -1); }), naive([](const A& x) {
         const A last = cut(squared(x), 0, x.shape()[0] - 1, x.shape()[0]);
         return shaped(last, Shape(x.shape().begin() + 1, x.shape().end()));
       })},
      {"select along axis -1", "(2,3); (3); (0,3)", of([](auto& x) { return select(x, -1, 1); }), naive([](const A& x) {
         const A part = cut(x, last_axis(x), 1, 2);
         return shaped(part, Shape(x.shape().begin(), x.shape().end() - 1));
       })},
      {"x[t] of x[s]", "(3,2,2)", of([](auto& x) { return x[-2][1]; }), gathered({6, 7}, {2})},
      {"squeeze", "(1,3); (1); (1,2,2); (1,0)", of([](auto& x) { return squeeze(x, 0); }),
       naive([](const A& x) { return shaped(x, Shape(x.shape().begin() + 1, x.shape().end())); })},
      {"squeeze two axes", "(1,3,1)", of([](auto& x) {
         return squeeze(x * x, {0, -1});
       }),
       naive([](const A& x) { return shaped(squared(x), {3}); })},
      {"unsqueeze", "(3); (); (2,3); (0)", of([](auto& x) { return unsqueeze(x * x, 0); }),
       naive([](const A& x) { return raised(squared(x), 0); })},
      {"unsqueeze at the end", "(3); (2,3)", of([](auto& x) { return unsqueeze(x, -1); }),
       naive([](const A& x) { return raised(x, x.dimension()); })},
      {"swap_axes", "(2,3); (1,3); (0,3)", of([](auto& x) { return swap_axes(x, 0, -1); }),
       naive([](const A& x) { return A(xt::transpose(x)); })},
      {"swap_axes of three", "(2,3,2); (2,3,4)", of([](auto& x) { return swap_axes(x, 2, 1); }), naive([](const A& x) {
         return A(xt::transpose(x, std::vector<std::size_t>{0, 2, 1}));
       })},
      {"flip", "(4); (2,3); (3,1,2)", of([](auto& x) { return flip(x, 0); }), naive([](const A& x) {
         return by_lines(x, 0, [](const Line& line) { return Line(line.rbegin(), line.rend()); });
       })},
      {"flip along two axes", "(2,3); (3,11); (1,4); (0,3)", of([](auto& x) { return flip(x, two_axes); }),
       naive([](const A& x) {
         const Shape shape(x.shape());
         return picked(x, shape, [&](const Shape& position) {
           Shape from = position;
           for (std::size_t k = 0; k < 2; ++k) from[k] = shape[k] - 1 - position[k];
           return from;
         });
       })},
  };
}

// What shows only in several operations together.
std::vector<Row> compositions() {
  return {
      {"composition: a value that is reshaped and concatenated", "(4,3) (4,2)", of([](auto& a, auto& b) {
         const auto y = tanh(a), z = exp(reshape(y, {2, 6}));
         return concatenate({reshape(z, {-1}), reshape(concatenate({y, b}, -1), {-1})});
       }),
       naive([](const A& a, const A& b) {
         A y = A::from_shape({32});
         for (std::size_t k = 0; k < 12; ++k) y(k) = std::exp(std::tanh(a.storage()[k]));
         for (std::size_t i = 0; i < 4; ++i)
           for (std::size_t j = 0; j < 5; ++j) y(12 + 5 * i + j) = j < 3 ? std::tanh(a(i, j)) : b(i, j - 3);
         return y;
       })},
      {"composition: a value that is cut in several ways", "(4,4)", of([](auto& x) {
         const auto y = tanh(x), z = concatenate({y, detach(x < 9)}, -1);
         const auto a = exp(slice(y, 0, 1, 3)), b = slice(slice(z, 1, 1, 5), 0, 0, 2);
         return a * reshape(slice(y, 1, 1, 3), {2, 4}) + b * slice(reshape(exp(y), {2, 8}), 1, 2, 6);
       }),
       naive([](const A& x) {
         const auto y = [&](std::size_t i, std::size_t j) { return std::tanh(x(i, j)); };
         return indexed({2, 4}, [&](const Shape& position) {
           const std::size_t i = position[0], j = position[1], flat = 8 * i + 2 + j;
           const double b = j < 3 ? y(i, j + 1) : 1;
           return std::exp(y(i + 1, j)) * y(2 * i + j / 2, 1 + j % 2) + b * std::exp(y(flat / 4, flat % 4));
         });
       })},
      {"composition: a value that is needed five times", "(2,3); (); (0,3)", of([](auto& x) {
         const auto y = exp(x), z = y + x * y;
         return y * z / (2 + z * y) + sum(y) * x;
       }),
       naive([](const A& x) {
         double powers = 0;
         for (const double number : x) powers += std::exp(number);
         A result = x;
         for (double& number : result) {
           const double y = std::exp(number), z = y + number * y;
           number = y * z / (2 + z * y) + powers * number;
         }
         return result;
       })},
      {"composition: a sum of values that are needed before", "(2,3); (); (0,3)", of([](auto& x) {
         const auto a = tanh(x), b = exp(x), c = a * b;
         return c + (a + b);
       }),
       naive([](A x) {
         for (double& number : x) number = std::tanh(number) * std::exp(number) + std::tanh(number) + std::exp(number);
         return x;
       })},
      {"composition: attention over a batch", "(2,3,4) (2,5,4) (2,5,3)",
       of([](auto& q, auto& k, auto& v) { return matmul(softmax(matmul(q, k, {.b = true}) / 2), v); }),
       naive([](const A& q, const A& k, const A& v) {
         return indexed({2, 3, 3}, [&](const Shape& position) {
           double powers = 0, weighted = 0;
           for (std::size_t key = 0; key < 5; ++key) {
             double score = 0;
             for (std::size_t j = 0; j < 4; ++j) score += q(position[0], position[1], j) * k(position[0], key, j);
             powers += std::exp(score / 2);
             weighted += std::exp(score / 2) * v(position[0], key, position[2]);
           }
           return weighted / powers;
         });
       })},
      {"composition: rows of mean 0 and variance 1", "(3,5) (5)", of([](auto& x, auto& scale) {
         const auto centred = x - mean(x, -1, true);
         return scale * centred / exp(0.5 * log(mean(square(centred), -1, true) + 1e-2));
       }),
       naive([](const A& x, const A& scale) {
         return indexed({3, 5}, [&](const Shape& position) {
           double mean_of_row = 0, squares = 0;
           for (std::size_t j = 0; j < 5; ++j) mean_of_row += x(position[0], j) / 5;
           for (std::size_t j = 0; j < 5; ++j) squares += std::pow(x(position[0], j) - mean_of_row, 2) / 5;
           return scale(position[1]) * (x(position[0], position[1]) - mean_of_row) / std::sqrt(squares + 1e-2);
         });
       })},
  };
}

}  // namespace

TEST_CASE("every operation on shapes has its value, first and second derivatives, for all shapes and layouts") {
  check_all(shapes());
}

TEST_CASE("operations together have their value, first and second derivatives") { check_all(compositions()); }

TEST_CASE("every operation on shapes that is declared has a row") { check_names(shapes(), {"Shape"}); }

}  // namespace unroll::primitives

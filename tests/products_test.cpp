// Matrix products.
#include "primitives.hpp"

namespace unroll::primitives {
namespace {

// An element of a matrix, or of a matrix of a batch that repeats.
double element(const A& x, const Shape& batch, std::size_t row, std::size_t column) {
  Shape position(x.shape());
  const std::size_t rank = position.size();
  for (std::size_t k = 0; k + 2 < rank; ++k) position[k] = x.shape()[k] == 1 ? 0 : batch[batch.size() + 2 - rank + k];
  position[rank - 2] = row;
  position[rank - 1] = column;
  return at(x, position);
}

A product(A a, A b, Transposed t) {
  const bool row = a.dimension() == 1, column = b.dimension() == 1;
  if (row) a = shaped(a, {1, a.size()});
  if (column) b = shaped(b, {b.size(), 1});
  const Shape left(a.shape()), right(b.shape());
  const std::size_t inner = left[left.size() - (t.a ? 2 : 1)];
  Shape batch(left.begin(), left.end() - 2), other(right.begin(), right.end() - 2);
  while (batch.size() < other.size()) batch.insert(0, 1);
  while (other.size() < batch.size()) other.insert(0, 1);
  for (std::size_t k = 0; k < batch.size(); ++k)
    if (batch[k] == 1) batch[k] = other[k];
  Shape shape = batch;
  shape.push_back(left[left.size() - (t.a ? 1 : 2)]);
  shape.push_back(right[right.size() - (t.b ? 2 : 1)]);
  const A y = indexed(shape, [&](const Shape& position) {
    const std::size_t i = position[batch.size()], j = position[batch.size() + 1];
    const Shape of(position.begin(), position.end() - 2);
    double terms = 0;
    for (std::size_t k = 0; k < inner; ++k)
      terms +=
          (t.a ? element(a, of, k, i) : element(a, of, i, k)) * (t.b ? element(b, of, j, k) : element(b, of, k, j));
    return terms;
  });
  if (column) shape.erase(shape.size() - 1);
  if (row) shape.erase(shape.size() - (column ? 1 : 2));
  return shaped(y, shape);
}

std::vector<Row> products() {
  const auto multiplied = [](Transposed t) { return of([t](auto& a, auto& b) { return matmul(a, b, t); }); };
  const auto expected = [](Transposed t) { return naive([t](const A& a, const A& b) { return product(a, b, t); }); };
  constexpr Transposed left{.a = true}, right{.b = true}, both{true, true};
  return {
      {"matmul",
       "(3) (3); (2,3) (3); (3) (3,4); (2,3) (3,4); (2,2) (2,2); (1,3) (3,1); (3,1) (1,1); (5,2,3) (3,4); (4,2,3) (3);"
       "(2,3) (4,3,2); (3) (4,3,2); (2,1,2,3) (4,3,2); (2,2,2) (2,2,2); (1,1,2) (2,1); (0,3) (3,4); (2,0) (0,3);"
       "(0) (0); (2,3,0) (0,4); (2,3,0) (2,0,4); (0,2,3) (3,4); (0,2,3) (1,3,4); (9,17) (17,9)",
       multiplied({}), expected({})},
      {"matmul with a column that stands as a row", "(5,3)", of([](auto& x) {
         return matmul(reshape(slice(x, 1, 1, 2), Sizes(Shape{1, 5})), x);
       }),
       naive([](const A& x) {
         const A second{{x(0, 1), x(1, 1), x(2, 1), x(3, 1), x(4, 1)}};
         return product(second, x, {});
       })},
      {"matmul with the left side transposed",
       "(3,2) (3,4); (3,2) (3); (2,2) (2,2); (3,1) (3,4); (4,3,2) (4,3,5); (3,2) (4,3,5); (4,3,2) (3); (0,2) (0,3)",
       multiplied(left), expected(left)},
      {"matmul with the right side transposed",
       "(2,3) (4,3); (3) (4,3); (5,2,3) (4,3); (2,5,3) (2,4,3); (2,2) (2,2); (1,3) (4,3); (2,3) (1,3); (2,3,0) (4,0)",
       multiplied(right), expected(right)},
      {"matmul with both sides transposed", "(3,2) (4,3); (2,3,2) (4,3); (2,3,2) (2,4,3); (2,2) (2,2); (3,1) (4,3)",
       multiplied(both), expected(both)},
      {"linear",
       "(2,3) (4,3) (4); (3) (4,3) (4); (5,2,3) (4,3) (4); (2,3) (4,3) (); (2,3) (4,3) (2,4); (1,3) (4,3) (4);"
       "(2,3) (4,3) (2,1); (2,2) (2,2) (2,2); (2,3) (1,3) (1); (5,1,3) (4,3) (1,4); (0,3) (4,3) (4);"
       "(2,0) (4,0) (4); (2,3) (0,3) (0); (2,3) (0,3) (1,0); (1,2,3) (4,3) (2,4)",
       of([](auto& x, auto& w, auto& b) { return linear(x, w, b); }), naive([=](const A& x, const A& w, const A& b) {
         return by_elements({product(x, w, right), b}, sum_of);
       })},
      {"linear without a bias", "(2,3) (4,3); (3) (4,3); (5,2,3) (4,3); (2,0) (4,0)",
       of([](auto& x, auto& w) { return linear(x, w); }), expected(right)},
  };
}

}  // namespace

TEST_CASE("every product has its value, first and second derivatives, for all shapes and layouts") {
  check_all(products());
}

TEST_CASE("every product that is declared has a row") { check_names(products(), {"Matrix product"}); }

}  // namespace unroll::primitives

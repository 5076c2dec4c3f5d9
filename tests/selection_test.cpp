// Selection by index.
#include "primitives.hpp"
#include "support.hpp"

namespace unroll::primitives {
namespace {

// The rows of x with these indices, one after the other: as many axes go before as the indices have.
Reference rows_at(const std::vector<std::size_t>& rows, const Shape& before) {
  return naive([=](const A& x) {
    Shape shape = before;
    for (std::size_t k = 1; k < x.dimension(); ++k) shape.push_back(x.shape()[k]);
    return indexed(shape, [&](const Shape& position) {
      Shape from(position.begin() + before.size(), position.end());
      std::size_t place = 0;
      for (std::size_t k = 0; k < before.size(); ++k) place = place * before[k] + position[k];
      from.insert(0, rows[place]);
      return at(x, from);
    });
  });
}

std::vector<Row> selections() {
  static const Indices picks{2, 0, 2, 1}, pairs{{2, 0}, {0, 2}}, along{{2, 0, 2}, {1, 1, 0}}, column{{1, 0, 1}};
  static const Indices middle{{{2, 0}}, {{1, 1}}}, none = Indices::from_shape({0, 3});
  static const Shape matrix{2, 3}, box{2, 3, 2};
  const Positions of_picks{4, 5, 0, 1, 4, 5, 2, 3}, of_along{2, 0, 2, 4, 4, 3}, of_middle{4, 1, 8, 9};
  const auto along_sorted = [](std::size_t axis, std::size_t k) {
    return naive([=](const A& x) {
      return by_lines(x, axis, [=](Line line) {
        std::sort(line.rbegin(), line.rend());
        line.resize(k);
        return line;
      });
    });
  };
  return {
      {"take", "(3,2); (3); (3,2,2); (3,0)", of([](auto& x) { return take(x, picks); }), rows_at({2, 0, 2, 1}, {4})},
      {"take by a matrix", "(3)", of([](auto& x) { return take(x, pairs); }), gathered({2, 0, 0, 2}, {2, 2})},
      {"take nothing", "(3); (3,2)", of([](auto& x) { return take(x, none); }), rows_at({}, {0, 3})},
      {"scatter", "(4,2)", of([](auto& x) { return scatter(x, picks, 3); }), scattered(of_picks, {3, 2})},
      {"scatter other shapes", "(4); (4,2,2); (4,0)", of([](auto& x) { return scatter(x, picks, 3); }),
       naive([](const A& x) {
         Shape shape(x.shape());
         shape[0] = 3;
         return indexed(shape, [&](Shape position) {
           double sum_of_rows = 0;
           const std::size_t row = position[0];
           for (std::size_t k = 0; k < 4; ++k) {
             position[0] = k;
             if (std::size_t(picks(k)) == row) sum_of_rows += at(x, position);
           }
           return sum_of_rows;
         });
       })},
      {"scatter by a matrix", "(2,2)", of([](auto& x) { return scatter(x, pairs, 3); }), scattered({2, 0, 0, 2}, {3})},
      {"take_along", "(2,3)", of([](auto& x) { return take_along(x, along); }), gathered(of_along, matrix)},
      {"take_along axis 0", "(2,3)", of([](auto& x) { return take_along(x, column, 0); }), gathered({3, 1, 5}, {1, 3})},
      {"take_along a middle axis", "(2,3,2)", of([](auto& x) { return take_along(x, middle, 1); }),
       gathered(of_middle, {2, 1, 2})},
      {"one_hot", "(2,2,3)", of([]<class T>(const Variable<T>& x) { return x * one_hot<T>(pairs, 3); }),
       naive([](const A& x) {
         return A(x * A{{{0, 0, 1}, {1, 0, 0}}, {{1, 0, 0}, {0, 0, 1}}});
       })},
      {"top_k", apart + "(1,3); (2,3); (0,3); (4,3)", of([](auto& x) { return top_k(x, 2).values; }),
       along_sorted(1, 2)},
      {"top_k along axis 0", apart + "(3); (3,2); (3,2,2)", of([](auto& x) { return top_k(x, 3, 0).values; }),
       along_sorted(0, 3)},
      {"top_k by its indices", apart + "(1,3); (2,3); (4,3)",
       of([](auto& x) { return x * take_along(x, top_k(x, 3).indices); }), naive([](const A& x) {
         return by_lines(x, 1, [](Line line) {
           Line sorted = line;
           std::sort(sorted.rbegin(), sorted.rend());
           for (std::size_t k = 0; k < line.size(); ++k) line[k] *= sorted[k];
           return line;
         });
       })},
      {"argmax", apart + "(3); (2,3); (4,3)",
       of([]<class T>(const Variable<T>& x) { return x * one_hot<T>(argmax(x), 3); }),
       naive([](const A& x) { return A(x * (x >= A(xt::amax(x, {x.dimension() - 1}, xt::keep_dims)))); })},
      {"argmin", apart + "(3); (2,3); (4,3)",
       of([]<class T>(const Variable<T>& x) { return x * one_hot<T>(argmin(x), 3); }),
       naive([](const A& x) { return A(x * (x <= A(xt::amin(x, {x.dimension() - 1}, xt::keep_dims)))); })},
      {"scatter_along", "(2,3)", of([](auto& x) { return scatter_along(x, along, -1, matrix); }),
       scattered(of_along, matrix)},
      {"scatter_along axis 0", "(1,3)", of([](auto& x) { return scatter_along(x, column, 0, matrix); }),
       scattered({3, 1, 5}, matrix)},
      {"scatter_along a middle axis", "(2,1,2)", of([](auto& x) { return scatter_along(x, middle, 1, box); }),
       scattered(of_middle, box)},
  };
}

}  // namespace

TEST_CASE("every selection has its value, first and second derivatives, for all shapes and layouts") {
  check_all(selections());
}

TEST_CASE("every selection that is declared has a row") { check_names(selections(), {"Selection"}); }

TEST_CASE("of equal elements top_k and argmax choose the first ones, and NaN is the largest") {
  const Variable<double> x(A{{2, 5, 5, 1, 5},
                             {0, -0.0, not_a_number, 0, not_a_number},
                             {3, 3, 3, 3, 3},
                             {not_a_number, 7, 7, 8, not_a_number}});
  CHECK(top_k(x, 4).indices == Indices{{1, 2, 4, 0}, {2, 4, 0, 1}, {0, 1, 2, 3}, {0, 4, 3, 1}});
  CHECK(argmax(x) == Indices{1, 2, 0, 0});
  const Variable<double> turned = transpose(x);
  CHECK(top_k(turned, 2, 0).indices == Indices{{1, 2, 0, 0}, {2, 4, 1, 4}});
  CHECK(argmax(turned, 0) == Indices{1, 2, 0, 0});
  CHECK(top_k(x, 0).values.shape() == Shape{4, 0});
  CHECK(argmin(x) == Indices{3, 2, 0, 0});
  CHECK(argmin(turned, 0) == Indices{3, 2, 0, 0});
  CHECK(argmax(Variable<double>(A{{4, 9, 9}, {6, 6, 6}, {1, 0, 1}}), 1) == Indices{1, 0, 0});
}

TEST_CASE("indices are made of lists, vectors, ranges and rows of others") {
  CHECK(indices({3, 1}) == Indices{3, 1});
  CHECK(indices({5}, {1, 1}) == Indices::from_shape({1, 1}) * 0 + 5);
  CHECK(indices(std::vector<int>{1, 2, 3, 4, 5, 6}, {2, -1}) == Indices{{1, 2, 3}, {4, 5, 6}});
  CHECK(indices(std::span<const std::size_t>(std::array<std::size_t, 3>{2, 3, 4})) == Indices{2, 3, 4});
  CHECK(indices(std::vector<std::int64_t>{}).size() == 0);
  CHECK(error_of([] { indices({1, 2, 3}, {2, 2}); }) == "indices: 3 values for the shape (2, 2); they must be as many");
  const Indices table{{1, 2}, {3, 4}, {5, 6}};
  CHECK(take(table, Indices{2, 0, 2}) == Indices{{5, 6}, {1, 2}, {5, 6}});
  CHECK(take(Indices{7, 8, 9}, indices({2, 0}, {2, 1})) == indices({9, 7}, {2, 1}));
  CHECK(take(table, indices(std::vector<int>{})).shape()[1] == 2);
  CHECK(error_of([&] { take(table, Indices{3}); }) == "take: index 3 at position (0,); the table has 3 rows");
  CHECK(error_of([&] { take(Indices(5), Indices{0}); }) == "take: the table has no axes; it must have rows");
}

}  // namespace unroll::primitives

// Reductions.
#include "primitives.hpp"

namespace unroll::primitives {
namespace {

// f of the elements along some axes, or along all.
template <class F> Reference over(const std::vector<int>& axes, bool keep, const F& f) {
  return naive([=](const A& x) {
    std::vector<std::size_t> chosen;
    for (const int axis : axes) chosen.push_back(std::size_t(axis < 0 ? axis + int(x.dimension()) : axis));
    return folded(x, chosen, keep, f);
  });
}
template <class F> Reference over_all(const F& f) {
  return naive([=](const A& x) { return folded(x, all_axes(x), false, f); });
}
template <class F> Reference along(int axis, const F& f) {
  return naive([=](const A& x) { return by_lines(x, axis < 0 ? last_axis(x) : std::size_t(axis), f); });
}

double mean_of(const Line& x) { return sum_of(x) / double(x.size()); }
double product_of(const Line& x) { return std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>()); }
double largest_of(const Line& x) { return *std::max_element(x.begin(), x.end()); }
double smallest_of(const Line& x) { return *std::min_element(x.begin(), x.end()); }
double norm_of(const Line& x) { return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0)); }
double squares_about_mean(const Line& x) {
  double squares = 0;
  for (const double number : x) squares += (number - mean_of(x)) * (number - mean_of(x));
  return squares;
}
double log_sum_of(const Line& x) {
  double powers = 0;
  for (const double number : x) powers += std::exp(number);
  return std::log(powers);
}
// f of each number of a line.
template <class F> Line each(Line x, const F& f) {
  std::transform(x.begin(), x.end(), x.begin(), f);
  return x;
}
double square_of(double x) { return x * x; }
Line running(Line x) {
  std::partial_sum(x.begin(), x.end(), x.begin());
  return x;
}
Line shares(const Line& x) {
  return each(x, [&](double number) { return std::exp(number) / std::exp(log_sum_of(x)); });
}
Line running_product(Line x) {
  std::partial_sum(x.begin(), x.end(), x.begin(), std::multiplies<>());
  return x;
}
Line known_shares(const Line& x) {
  double all = 0;
  for (const double number : x) all += number > 0.3 ? std::exp(number) : 0;
  return each(x, [&](double number) { return number > 0.3 ? std::exp(number) / all : 0; });
}
Line log_shares(const Line& x) {
  return each(x, [&](double number) { return number - log_sum_of(x); });
}

std::vector<Row> reductions() {
  static const Axes corners{0, -1}, last_two{-1, -2}, no_axes = Axes::none();
  static const Shape row{3}, column{2, 1};
  const std::string matrices = "(2,3); (1,1); (2,3,4); (9,2)", axis_0 = "(2,3); (3,2,2); (1,1); (2,0); (0,2)";
  const auto exp_of_largest = [](const Line& x) { return std::exp(largest_of(x)); };
  const auto variance_of = [](const Line& x) { return squares_about_mean(x) / double(x.size()); };
  const auto corrected = [](const Line& x) { return squares_about_mean(x) / double(x.size() - 1); };
  const auto corrected_twice = [](const Line& x) { return squares_about_mean(x) / double(x.size() - 2); };
  const auto with_zeros = [](const Line& x) {
    return product_of(each(x, [](double a) { return std::max(a, 0.0) + a * a; }));
  };
  const auto rows_added = naive([](const A& x) {
    const Shape shape(x.shape());
    A y = A::from_shape({3});
    std::fill(y.begin(), y.end(), 0.0);
    for (std::size_t k = 0; k < x.size(); ++k) y.storage()[shape.position(k).back()] += x.storage()[k];
    return y;
  });
  return {
      {"sum", one, of([](auto& x) { return sum(x); }), over_all(sum_of)},
      {"sum over axis 0", axis_0, of([](auto& x) { return sum(x, 0); }), over({0}, false, sum_of)},
      {"sum over axis -1, kept", axis_0, of([](auto& x) { return sum(x, -1, true); }), over({-1}, true, sum_of)},
      {"sum over two axes", "(2,3,4); (2,3); (0,3); (3,0,2)", of([](auto& x) { return sum(x, corners); }),
       over({0, -1}, false, sum_of)},
      {"sum over no axes", one, of([](auto& x) { return sum(x, no_axes); }), naive(std::identity())},
      {"mean", filled, of([](auto& x) { return mean(x); }), over_all(mean_of)},
      {"mean over axis 1", matrices, of([](auto& x) { return mean(x, 1); }), over({1}, false, mean_of)},
      {"mean over an axis, of nothing", "(0,3); (3,0,2)", of([](auto& x) { return mean(x, -1); }),
       over({-1}, false, mean_of)},
      {"max", apart + filled, of([](auto& x) { return max(x); }), over_all(largest_of)},
      {"max over axis 0, kept", apart + matrices, of([](auto& x) { return max(x, 0, true); }),
       over({0}, true, largest_of)},
      {"max over two axes", apart + "(2,3); (1,1); (9,2)", of([](auto& x) { return max(exp(x), last_two); }),
       over({-1, -2}, false, exp_of_largest)},
      {"min", apart + matrices, of([](auto& x) { return min(x, 1, true); }), over({1}, true, smallest_of)},
      {"prod", one, of([](auto& x) { return prod(x); }), over_all(product_of)},
      {"prod over axis 0", axis_0, of([](auto& x) { return prod(x, 0); }), over({0}, false, product_of)},
      {"prod over two axes, kept", "(2,3,4); (2,3); (0,3)", of([](auto& x) { return prod(x, corners, true); }),
       over({0, -1}, true, product_of)},
      {"prod with zeros", matrices, of([](auto& x) { return prod(relu(x) + x * x, -1); }),
       over({-1}, false, with_zeros)},
      {"variance", filled, of([](auto& x) { return variance(x); }), over_all(variance_of)},
      {"variance over axis 1, corrected", "(2,3); (3,2,2); (0,2)", of([](auto& x) { return variance(x, 1, true, 1); }),
       over({1}, true, corrected)},
      {"variance over two axes, corrected by 2", "(2,3,2); (3,1,4)",
       of([](auto& x) { return variance(x, corners, false, 2); }), over({0, -1}, false, corrected_twice)},
      {"norm", filled, of([](auto& x) { return norm(x); }), over_all(norm_of)},
      {"norm over axis -1", "(2,3); (3,2,2); (0,2)", of([](auto& x) { return norm(x, -1, true); }),
       over({-1}, true, norm_of)},
      {"cumulative_sum", "(4); (2,3); (0,3); (3,0); (2,3,4)", of([](auto& x) { return cumulative_sum(x); }),
       along(-1, running)},
      {"cumulative_sum along axis 0", axis_0, of([](auto& x) { return cumulative_sum(x * x, 0); }),
       along(0, [](const Line& x) { return running(each(x, square_of)); })},
      {"cumulative_prod", "(4); (2,3); (0,3); (3,0); (2,3,4)", of([](auto& x) { return cumulative_prod(x); }),
       along(-1, running_product)},
      {"cumulative_prod along axis 0, with zeros", axis_0,
       of([](auto& x) { return cumulative_prod(relu(x) + x * x, 0); }),
       along(
           0,
           [](const Line& x) { return running_product(each(x, [](double a) { return std::max(a, 0.0) + a * a; })); })},
      {"logsumexp", filled, of([](auto& x) { return logsumexp(x); }), over_all(log_sum_of)},
      {"logsumexp_above", matrices, of([](auto& x) { return logsumexp_above(x, sum(x * x, -1, true)); }),
       over({-1}, true, [](const Line& x) { return log_sum_of(x) - sum_of(each(x, square_of)); })},
      {"logsumexp over axis 0", matrices, of([](auto& x) { return logsumexp(x, 0); }), over({0}, false, log_sum_of)},
      {"logsumexp over axis -1, kept", matrices, of([](auto& x) { return logsumexp(x, -1, true); }),
       over({-1}, true, log_sum_of)},
      {"softmax", matrices, of([](auto& x) { return softmax(x); }), along(-1, shares)},
      {"softmax along axis 0", axis_0, of([](auto& x) { return softmax(x, 0); }), along(0, shares)},
      {"masked_softmax", "(2,3); (1,1); (2,3,4); (9,2)", of([](auto& x) { return masked_softmax(x, x - 0.3 > 0); }),
       along(-1, known_shares)},
      {"masked_softmax along axis 0, by a row", "(2,3); (3,2,3)", of([](auto& x) {
         return masked_softmax(x, A{1, 0, 2}, 0);
       }),
       naive([](const A& x) {
         const A y = by_lines(x, 0, shares);
         return A(y * A{1, 0, 1});
       })},
      {"log_softmax", matrices, of([](auto& x) { return log_softmax(x); }), along(-1, log_shares)},
      {"log_softmax along axis 0", axis_0, of([](auto& x) { return log_softmax(x, 0); }), along(0, log_shares)},
      {"sum_to a row", "(3); (2,3); (1,3); (0,3); (5,3); (4,2,3); (1,1,1,3)",
       of([](auto& x) { return sum_to(x, row); }), rows_added},
      {"sum_to a column", "(2,3); (2,1); (2,0)", of([](auto& x) { return sum_to(x, column); }),
       over({1}, true, sum_of)},
  };
}

}  // namespace

TEST_CASE("every reduction has its value, first and second derivatives, for all shapes and layouts") {
  check_all(reductions());
}

TEST_CASE("every reduction that is declared has a row") { check_names(reductions(), {"Reductions"}); }

// The derivative of Σw ⊙ f(x) by x.
template <class F> A slope(const F& f, const A& x, const A& weights) {
  Tape<double> tape;
  const Variable<double> watched = tape.watch(x);
  return tape.backward(sum(f(watched) * weights))[watched];
}

TEST_CASE("equal maxima and minima share the gradient evenly, and a norm of 0 has gradient 0") {
  const A x{{2, 5, 5}, {1, 1, 1}}, w{6, 3};
  CHECK(slope([](const auto& a) { return max(a, 1); }, x, w) == A{{0, 3, 3}, {1, 1, 1}});
  CHECK(slope([](const auto& a) { return min(a, 1); }, x, w) == A{{6, 0, 0}, {1, 1, 1}});
  const A rows{{0, 0}, {3, 4}};
  CHECK(norm(Variable<double>(rows), 1).value() == A{0, 5});
  CHECK(slope([](const auto& a) { return norm(a, 1); }, rows, A{2, 5}) == A{{0, 0}, {3, 4}});
  Tape<double> tape;
  const Variable<double> watched = tape.watch(rows), slopes = tape.gradient(sum(norm(watched, 1)), {watched})[0];
  for (const double second : tape.backward(sum(slopes * A{{1, 2}, {3, 4}}))[watched]) CHECK(std::isfinite(second));
}

}  // namespace unroll::primitives

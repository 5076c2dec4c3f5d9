// A table of operations drives the checks of their values and derivatives; each part of autograd/ops.hpp has its own.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <numeric>
#include <set>
#include <string>
#include <unroll/autograd/autograd.hpp>
#include <utility>
#include <vector>

#include "numbers.hpp"

namespace unroll::primitives {

using Arrays = std::vector<A>;
using Shapes = std::vector<Shape>;
template <class T> using Operation = std::function<Variable<T>(const std::vector<Variable<T>>&)>;

using Reference = std::function<A(const Arrays&)>;  // the value, by other means than the library

struct Row {
  std::string name;   // of the operation, and after a space what is special
  std::string cases;  // shapes of the operands: "(2,3) (3); () ()" are two cases of two operands
  std::pair<Operation<double>, Operation<float>> operation;
  Reference reference;
};

// Before cases: all elements are positive, or no two elements, of one operand or of two, nor one and 0 are nearer to
// each other than 0.03.
inline const std::string positive = "+", apart = "~";

// f of as many elements of x as it takes.
template <class F, class X, class... Some> auto call(const F& f, const std::vector<X>& x, const Some&... some) {
  if constexpr (std::is_invocable_v<const F&, const Some&...>)
    return f(some...);
  else
    return call(f, x, some..., x[sizeof...(some)]);
}
template <class F> std::pair<Operation<double>, Operation<float>> of(const F& f) {
  const auto on_vector = [f](const auto& x) { return call(f, x); };
  return {on_vector, on_vector};
}
// The same numbers in another shape.
A shaped(A x, const Shape& shape);
// The elements of x at positions in memory or, scattered, zeros with the elements of x added there.
using Positions = std::vector<std::size_t>;
Reference gathered(const Positions& from, const Shape& shape, bool scattered = false);
inline Reference scattered(const Positions& to, const Shape& shape) { return gathered(to, shape, true); }

// What follows are references in plain loops, for arrays without elements too.
using Line = std::vector<double>;

// The array that has f(position) at each position.
A indexed(const Shape& shape, const std::function<double(const Shape&)>& f);
double at(const A& x, const Shape& position);
// f of the elements of x[0], x[1], ..., which broadcast.
A by_elements(const Arrays& x, const std::function<double(const Line&)>& f);
// f of all elements of x that differ in their positions along these axes alone.
A folded(const A& x, const std::vector<std::size_t>& axes, bool keep, const std::function<double(const Line&)>& f);
// f of each line along an axis, a line of any length.
A by_lines(const A& x, std::size_t axis, const std::function<Line(const Line&)>& f);
std::vector<std::size_t> all_axes(const A& x);
inline std::size_t last_axis(const A& x) { return x.dimension() - 1; }
inline double sum_of(const Line& x) { return std::accumulate(x.begin(), x.end(), 0.0); }

template <class F> Reference naive(const F& f) {
  return [f](const Arrays& x) { return A(call(f, x)); };
}
template <class F> Reference of_elements(const F& f) {
  return [f](const Arrays& x) { return by_elements(x, [&](const Line& elements) { return call(f, elements); }); };
}
// The same expression of variables and of numbers.
template <class F> Row alike(const char* name, const std::string& cases, const F& f) {
  return {name, cases, of(f), of_elements(f)};
}

inline const std::string one = "(); (0,3); (5); (1,3); (2,3,4); (3,11)", filled = "(); (5); (1,3); (2,3,4); (3,11)";
inline const std::string three =
    "() () (); (2,3) (2,3) (2,3); (3) (2,1) (); (2,3) () (3); (0,3) (3) (1,1); (1,3) (3) (1,3)";
inline const std::string two =
    "() (); (5) (5); (2,3) (3); (3) (1,3); (2,1) (1,3); (4) (); () (2,2); (0,3) (3); (1,3) (0,3); (2,0) (2,0);"
    "(1) (1,1); (3,1) (3); (2,3,2) (3,1)";

// Whether all rows have their values, first and second derivatives, for all shapes and layouts.
void check_all(const std::vector<Row>& table);
// Whether the table has all operations that stand under these headings of autograd/operations/ops.hpp.
void check_names(const std::vector<Row>& table, const std::set<std::string>& headings);

}  // namespace unroll::primitives

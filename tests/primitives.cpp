#include "primitives.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "operations.hpp"

namespace unroll::primitives {
namespace {

std::size_t offset_of(const Shape& shape, const Shape& position) {
  std::size_t offset = 0;
  for (std::size_t k = 0; k < shape.size(); ++k) offset = offset * shape[k] + position[k];
  return offset;
}

enum class Layout { plain, views, same };  // views: rows with gaps between NaN; same: one array for all operands

template <class T> Variable<T> viewed(const Variable<T>& x) {
  if (x.shape().empty()) return reshape(viewed(reshape(x, {1})), Shape{});
  Shape shape = x.shape();
  const auto size = static_cast<std::int64_t>(std::exchange(shape.back(), 2));
  const Variable<T> padding = full<T>(shape, T(not_a_number));
  return slice(concatenate({padding, x, padding}, -1), -1, 2, size + 2);
}

// A case of a row.
template <class T> struct Subject {
  const Operation<T>& operation;
  Layout layout;
  std::size_t operands;

  Variable<T> value(std::vector<Variable<T>> x) const {
    if (layout == Layout::same) x.resize(operands, Variable<T>(x[0]));
    if (layout == Layout::views) std::transform(x.begin(), x.end(), x.begin(), viewed<T>);
    return operation(x);
  }
  // Contracted with random weights; the adjoint of a view is a view too.
  Variable<T> loss(const std::vector<Variable<T>>& x) const {
    Variable<T> y = value(x);
    Shape more = y.shape();
    if (layout == Layout::views && !more.empty()) {
      more.back() = 3;
      y = concatenate({y, ones<T>(more)}, -1);
    }
    return sum(y * Random(11).normal<T>(y.shape()));
  }
};

// First derivatives by the fused sweep and by the recorded one, and second ones.
template <class T> std::array<std::vector<Array<T>>, 3> derivatives(const Subject<T>& subject, const Arrays& inputs) {
  Tape<T> tape;
  std::vector<Variable<T>> x;
  for (const A& input : inputs) x.push_back(tape.watch(Variable<T>(input)));
  const Variable<T> loss = subject.loss(x);
  const auto recorded = tape.gradient(loss, x);
  Variable<T> contraction = 0 * loss;
  for (const auto& g : recorded) contraction = contraction + sum(g * Random(12).normal<T>(g.shape()));
  std::array<std::vector<Array<T>>, 3> result;
  for (const auto& g : recorded) result[1].push_back(g.value());
  for (const auto& g : tape.gradient(contraction, x)) result[2].push_back(g.value());
  const auto gradients = tape.backward(loss);
  for (const auto& input : x) result[0].push_back(gradients[input]);
  return result;
}

// As difference(), but NaN is never right.
template <class Found> double strict_difference(const Found& found, const A& expected) {
  if (found.shape() != expected.shape()) return infinity;
  double worst = 0;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const double a = found.storage()[k], b = expected.storage()[k], error = std::abs(a - b) / (1 + std::abs(b));
    if (!(error <= worst)) worst = std::isnan(error) ? infinity : error;
  }
  return worst;
}

// Random numbers that a float can hold.
A input(const Shape& shape, char domain, std::size_t operand) {
  Random random(17 + operand);
  A x = domain == positive[0] ? random.uniform<double>(shape, 0.5, 2) : random.normal<double>(shape);
  if (domain == apart[0]) {
    const auto order = random.permutation(x.size());
    for (std::size_t k = 0; k < x.size(); ++k)
      x.storage()[k] = 0.3 * (double(order[k]) - std::floor(double(x.size()) / 2)) + 0.07 + 0.1 * double(operand);
  }
  return xt::cast<double>(Array<float>(xt::cast<float>(x)));
}

void check(const Row& row, const Shapes& shapes, Layout layout) {
  Arrays inputs;
  for (const Shape& shape : shapes) inputs.push_back(input(shape, row.cases[0], inputs.size()));
  if (layout == Layout::same) inputs.assign(shapes.size(), A(inputs[0]));
  const Subject<double> subject{row.operation.first, layout, shapes.size()};
  CHECK(strict_difference(subject.value({inputs.begin(), inputs.end()}).value(), row.reference(inputs)) <= 1e-13);

  if (layout == Layout::same) inputs.resize(1);
  const auto found = derivatives(subject, inputs), again = derivatives(subject, inputs);
  const auto in_float = derivatives(Subject<float>{row.operation.second, layout, shapes.size()}, inputs);
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    CHECK(strict_difference(found[0][k], found[1][k]) <= 1e-13);
    for (std::size_t order = 0; order < found.size(); ++order) {
      CHECK(found[order][k].storage() == again[order][k].storage());
      CHECK(strict_difference(in_float[order][k], found[order][k]) <= 1e-5);
    }
  }
  if (std::all_of(inputs.begin(), inputs.end(), [](const A& x) { return x.size() == 0; })) return;
  const auto report = gradient_check([&](const auto& x) { return subject.loss(x); }, inputs, {.order = 2});
  CHECK_MESSAGE(report, report);
}

std::vector<Shapes> parsed(const std::string& cases) {
  std::vector<Shapes> result{{}};
  for (std::size_t k = 0; k < cases.size(); ++k) {
    if (cases[k] == ';') result.emplace_back();
    if (cases[k] == '(') result.back().emplace_back();
    if (std::isdigit(cases[k]) && !std::isdigit(cases[k - 1])) result.back().back().push_back(std::stoul(&cases[k]));
  }
  return result;
}

}  // namespace

A shaped(A x, const Shape& shape) {
  x.reshape(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
  return x;
}

Reference gathered(const Positions& from, const Shape& shape, bool scattered) {
  return [=](const Arrays& x) {
    A y = uninitialised<double>(shape);
    std::fill(y.storage().begin(), y.storage().end(), 0.0);
    for (std::size_t k = 0; k < from.size(); ++k)
      y.storage()[scattered ? from[k] : k] += x[0].storage()[scattered ? k : from[k]];
    return y;
  };
}

A indexed(const Shape& shape, const std::function<double(const Shape&)>& f) {
  A y = uninitialised<double>(shape);
  for (std::size_t k = 0; k < y.size(); ++k) y.storage()[k] = f(shape.position(k));
  return y;
}
double at(const A& x, const Shape& position) { return x.storage()[offset_of(x.shape(), position)]; }
A by_elements(const Arrays& x, const std::function<double(const Line&)>& f) {
  Shape shape;
  for (const A& operand : x) {
    const Shape own(operand.shape());
    while (shape.size() < own.size()) shape.insert(0, 1);
    for (std::size_t k = 1; k <= own.size(); ++k)
      if (own[own.size() - k] != 1) shape[shape.size() - k] = own[own.size() - k];
  }
  return indexed(shape, [&](const Shape& position) {
    Line elements;
    for (const A& operand : x) {
      Shape own(operand.shape());
      for (std::size_t k = 1; k <= own.size(); ++k)
        own[own.size() - k] = own[own.size() - k] == 1 ? 0 : position[position.size() - k];
      elements.push_back(at(operand, own));
    }
    return f(elements);
  });
}

A folded(const A& x, const std::vector<std::size_t>& axes, bool keep, const std::function<double(const Line&)>& f) {
  const Shape shape(x.shape());
  Shape kept = shape, left;
  for (const std::size_t axis : axes) kept[axis] = 1;
  for (std::size_t k = 0; k < shape.size(); ++k)
    if (std::find(axes.begin(), axes.end(), k) == axes.end()) left.push_back(shape[k]);
  std::vector<Line> groups(kept.elements());
  for (std::size_t k = 0; k < x.size(); ++k) {
    Shape position = shape.position(k);
    for (const std::size_t axis : axes) position[axis] = 0;
    groups[offset_of(kept, position)].push_back(x.storage()[k]);
  }
  A y = uninitialised<double>(keep ? kept : left);
  std::transform(groups.begin(), groups.end(), y.storage().begin(), f);
  return y;
}
A by_lines(const A& x, std::size_t axis, const std::function<Line(const Line&)>& f) {
  const Shape from(x.shape());
  Shape shape = from;
  shape[axis] = f(Line(from[axis])).size();
  return indexed(shape, [&](Shape position) {
    const std::size_t k = std::exchange(position[axis], 0);
    Line line;
    for (; position[axis] < from[axis]; ++position[axis]) line.push_back(at(x, position));
    return f(line)[k];
  });
}
std::vector<std::size_t> all_axes(const A& x) {
  std::vector<std::size_t> axes(x.dimension());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

void check_all(const std::vector<Row>& table) {
  for (const Row& row : table) {
    for (const Shapes& shapes : parsed(row.cases)) {
      const bool alike = std::all_of(shapes.begin(), shapes.end(), [&](const Shape& s) { return s == shapes[0]; });
      std::ostringstream description;
      for (const Shape& shape : shapes) description << ' ' << shape;
      for (Layout layout : {Layout::plain, Layout::views, Layout::same}) {
        if (layout == Layout::same && (shapes.size() == 1 || !alike)) continue;
        INFO(row.name << ", of" << description.str() << ", layout " << static_cast<int>(layout));
        CHECK_NOTHROW(check(row, shapes, layout));
      }
    }
  }
}

void check_names(const std::vector<Row>& table, const std::set<std::string>& headings) {
  std::set<std::string> covered;
  for (const Row& row : table) covered.insert(row.name.substr(0, row.name.find(' ')));
  for (const std::string& name : declared_operations(headings))
    CHECK_MESSAGE(covered.contains(name), name << " has no row");
}

}  // namespace unroll::primitives

// What holds of derivatives without any tolerance of differences: the adjoint identity, and the bits of a second run.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

// A function of one array, of this shape.
struct Map {
  Shape shape;
  std::function<V(const V&)> f;
};

// Draws shapes and what else an operation takes.
struct Draw {
  Random random;

  int below(std::size_t n) { return int(random.below(n)); }
  std::size_t size() { return 1 + random.below(4); }
  Shape shape(std::size_t rank) {
    Shape shape;
    while (shape.size() < rank) shape.push_back(size());
    return shape;
  }
  Shape shape() { return shape(1 + random.below(3)); }
  V normal(const Shape& shape) { return random.normal<double>(shape); }
  Indices indices(const Shape& shape, std::size_t below) {
    Indices indices = Indices::from_shape({});
    indices.resize(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
    for (auto& index : indices) index = std::int64_t(random.below(below));
    return indices;
  }
};

using Maps = std::map<std::string, std::function<Map(Draw&)>>;

// One operand of a product in one batch or several, the other one given.
Map product(Draw& draw, bool left) {
  const Transposed transposed{draw.below(2) == 1, draw.below(2) == 1};
  Shape a = draw.shape(2), b = draw.shape(2);
  b[transposed.b ? 1 : 0] = a[transposed.a ? 0 : 1];
  const std::size_t batch = draw.size();
  if (draw.below(2)) a.insert(0, batch);
  if (draw.below(2)) b.insert(0, batch);
  if (left) return {a, [b = draw.normal(b), transposed](const V& x) { return matmul(x, b, transposed); }};
  return {b, [a = draw.normal(a), transposed](const V& x) { return matmul(a, x, transposed); }};
}

Map along_an_axis(Draw& draw, const std::function<V(const V&, int)>& f) {
  const Shape shape = draw.shape();
  return {shape, [f, axis = draw.below(shape.size())](const V& x) { return f(x, axis); }};
}

const Maps linear_maps{
    {"add and subtract",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       return Map{shape, [](const V& x) { return x + x - -x; }};
     }},
    {"multiply and divide by a constant",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       return Map{shape, [b = draw.normal(shape)](const V& x) { return x * b / (1 + b * b); }};
     }},
    {"where",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       return Map{shape, [b = draw.normal(shape)](const V& x) { return where(b < 0, x, where(b < 1, 0, 2 * x)); }};
     }},
    {"matmul by its left side", [](Draw& draw) { return product(draw, true); }},
    {"matmul by its right side", [](Draw& draw) { return product(draw, false); }},
    {"linear by x",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       return Map{shape, [W = draw.normal({draw.size(), shape.back()})](const V& x) { return linear(x, W); }};
     }},
    {"linear by its weight",
     [](Draw& draw) {
       const Shape shape = draw.shape(2);
       return Map{shape, [x = draw.normal({2, 3, shape[1]})](const V& W) { return linear(x, W); }};
     }},
    {"linear by its bias",
     [](Draw& draw) {
       const Shape shape = draw.shape(1);
       const V none = zeros<double>({3, 2}), W = zeros<double>({shape[0], 2});
       return Map{shape, [=](const V& b) { return linear(none, W, b); }};
     }},
    {"sum", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return sum(x, axis); }); }},
    {"mean", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return mean(x, axis, true); }); }},
    {"sum of everything",
     [](Draw& draw) {
       return Map{draw.shape(), [](const V& x) { return sum(x); }};
     }},
    {"sum_to and broadcast_to",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       Shape small = shape, large = shape;
       small[std::size_t(draw.below(shape.size()))] = 1;
       large.insert(0, draw.size());
       return Map{shape, [=](const V& x) { return broadcast_to(sum_to(x, small), large); }};
     }},
    {"reshape",
     [](Draw& draw) {
       const Shape shape = draw.shape(), turned{shape.back(), shape.elements() / shape.back()};
       return Map{shape, [=](const V& x) { return reshape(x, turned); }};
     }},
    {"transpose",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       std::vector<int> order;
       for (const std::size_t axis : draw.random.permutation(shape.size())) order.push_back(int(axis));
       return Map{shape, [=](const V& x) { return transpose(x, order); }};
     }},
    {"slice",
     [](Draw& draw) {
       return along_an_axis(draw, [n = draw.size()](auto& x, int axis) {
         const auto size = x.shape()[std::size_t(axis)], begin = n % size;
         return slice(x, axis, std::int64_t(begin), std::int64_t(std::min(size, begin + 2)));
       });
     }},
    {"slice with a step",
     [](Draw& draw) {
       return along_an_axis(draw, [n = draw.size()](auto& x, int axis) {
         return slice(x, axis, 0, std::int64_t(x.shape()[std::size_t(axis)]), n);
       });
     }},
    {"pad",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       std::vector<std::pair<std::size_t, std::size_t>> widths;
       while (widths.size() < shape.size()) widths.emplace_back(draw.random.below(3), draw.random.below(3));
       return Map{shape, [=](const V& x) { return pad(x, widths); }};
     }},
    {"cumulative_sum",
     [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return cumulative_sum(x, axis); }); }},
    {"split and concatenate",
     [](Draw& draw) {
       return along_an_axis(draw, [](auto& x, int axis) {
         const std::size_t size = x.shape()[std::size_t(axis)];
         const auto parts = split(x, {size / 2, size - size / 2}, axis);
         return concatenate({parts[1], parts[0], parts[1]}, axis);
       });
     }},
    {"unstack and stack",
     [](Draw& draw) {
       return along_an_axis(draw, [](auto& x, int axis) {
         auto parts = unstack(x, axis);
         parts.push_back(parts.front());
         return stack(parts, axis);
       });
     }},
    {"flip", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return flip(x, axis); }); }},
    {"take",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       return Map{shape, [i = draw.indices(draw.shape(), shape[0])](const V& x) { return take(x, i); }};
     }},
    {"scatter",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       const std::size_t count = draw.size();
       return Map{shape, [=, i = draw.indices({shape[0]}, count)](const V& x) { return scatter(x, i, count); }};
     }},
    {"take_along and scatter_along",
     [](Draw& draw) {
       const Shape shape = draw.shape();
       const int axis = draw.below(shape.size());
       Shape taken = shape;
       taken[std::size_t(axis)] = draw.size();
       const Indices from = draw.indices(taken, shape[std::size_t(axis)]), to = draw.indices(taken, 3);
       Shape result = shape;
       result[std::size_t(axis)] = 3;
       return Map{shape, [=](const V& x) { return scatter_along(take_along(x, from, axis), to, axis, result); }};
     }},
};

const Maps curved_maps{
    {"matmul of x with itself",
     [](Draw& draw) {
       return Map{draw.shape(2), [](const V& x) { return matmul(x, x, {.b = true}); }};
     }},
    {"divide and exp",
     [](Draw& draw) {
       return Map{draw.shape(), [](const V& x) { return exp(x) / (1 + x * x); }};
     }},
    {"max", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return max(x * x, axis); }); }},
    {"logsumexp", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return logsumexp(x, axis); }); }},
    {"softmax", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return softmax(x, axis); }); }},
    {"log_softmax",
     [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return log_softmax(x, axis); }); }},
    {"min", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return min(x * x, axis); }); }},
    {"prod", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return prod(x, axis); }); }},
    {"variance", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return variance(x, axis); }); }},
    {"norm", [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return norm(x, axis); }); }},
    {"top_k",
     [](Draw& draw) { return along_an_axis(draw, [](auto& x, int axis) { return top_k(x * x, 1, axis).values; }); }},
    {"LSTM",
     [](Draw& draw) {
       const Shape shape = draw.shape(3);
       auto lstm = std::make_shared<nn::LSTM<double>>(
           nn::LSTM<double>::Options{.input = shape[2], .hidden = 3, .bidirectional = true}, draw.random);
       return Map{shape, [=](const V& x) { return (*lstm)(x).output; }};
     }},
};

// ⟨a, b⟩, and the size of its terms
std::pair<double, double> inner(const V& a, const V& b) {
  const Array<double> terms = (a * b).value();
  double sum = 0, size = 1;
  for (const double term : terms) sum += term, size += std::abs(term);
  return {sum, size};
}

void check_inner(const V& a, const V& b, const V& c, const V& d) {
  const auto [left, size] = inner(a, b);
  CHECK(std::abs(left - inner(c, d).first) <= 1e-14 * size);
}

template <class T> struct Tagger : nn::Module<T> {
  nn::Embedding<T> words;
  nn::LSTM<T> lstm;
  nn::Linear<T> scores;

  explicit Tagger(Random& random)
      : words({.count = 7, .size = 5}, random),
        lstm({.input = 5, .hidden = 6, .layers = 2, .bidirectional = true, .dropout = 0.3}, random),
        scores({.input = 12, .output = 3}, random) {
    this->add("words", words);
    this->add("lstm", lstm);
    this->add("scores", scores);
  }
  Variable<T> loss() const {
    static const Indices tokens{{1, 4, 0}, {2, 6, 5}, {0, 3, 1}, {5, 5, 2}}, lengths{4, 1, 3};
    static const Indices labels{{0, 1, 2}, {2, -100, 0}, {1, -100, 1}, {1, -100, -100}};
    return nn::cross_entropy(scores(lstm(words(tokens), lengths).output), labels);
  }
};

template <class T> bool same_bits(const Array<T>& a, const Array<T>& b) {
  return Shape(a.shape()) == Shape(b.shape()) && !std::memcmp(a.data(), b.data(), a.size() * sizeof(T));
}

// The parameters after a few steps of training.
template <class T> std::vector<Array<T>> trained(std::uint64_t seed) {
  Random random(seed);
  const Tagger<T> model(random);
  nn::Adam<T> optimizer(model.parameters(), {.learning_rate = 1e-2});
  for (int k = 0; k < 3; ++k) {
    Tape<T> tape(random);
    auto gradients = tape.backward(model.loss());
    nn::clip_norm(gradients, 1.0);
    optimizer.step(gradients);
  }
  std::vector<Array<T>> values;
  for (const auto& parameter : model.parameters()) values.push_back(parameter.value());
  return values;
}

}  // namespace

TEST_CASE("a linear operation f and its gradient are adjoint: ⟨f(v), w⟩ = ⟨v, fᵀ(w)⟩") {
  for (const auto& map : linear_maps) {
    INFO(map.first);
    Draw draw{Random(1)};
    for (int k = 0; k < 50; ++k) {
      const auto drawn = map.second(draw);
      const auto& [shape, f] = drawn;
      INFO("shape " << drawn.shape);
      Tape<double> tape;
      const V v = tape.watch(draw.normal(shape)), y = f(v), w = draw.normal(y.shape());
      check_inner(y, w, v, tape.gradient(y, {v}, w)[0]);
      const V along = draw.normal(shape);
      check_inner(f(along), w, along, tape.backward(sum(y * w))[v]);
    }
  }
}

TEST_CASE("the derivative along v, by two sweeps, is adjoint to the gradient: ⟨J v, w⟩ = ⟨v, Jᵀ w⟩") {
  for (const auto& map : curved_maps) {
    INFO(map.first);
    Draw draw{Random(1)};
    for (int k = 0; k < 20; ++k) {
      const auto drawn = map.second(draw);
      const auto& [shape, f] = drawn;
      INFO("shape " << drawn.shape);
      Tape<double> tape;
      const V x = tape.watch(draw.normal(shape)), y = f(x), u = tape.watch(draw.normal(y.shape()));
      const V v = draw.normal(shape), w = draw.normal(y.shape());
      const V Jv = tape.gradient(sum(tape.gradient(y, {x}, u)[0] * v), {u})[0];
      check_inner(Jv, w, v, tape.gradient(y, {x}, w)[0]);
    }
  }
}

TEST_CASE_TEMPLATE("two sweeps of a recording give the same bits, and both kinds of sweep the same gradient", T, float,
                   double) {
  Random random(3);
  const Tagger<T> model(random);
  Tape<T> tape(random);
  const auto loss = model.loss();
  const auto xs = model.parameters();
  const auto first = tape.gradient(loss, xs), second = tape.gradient(loss, xs);
  const auto gradients = tape.backward(loss);
  for (std::size_t k = 0; k < xs.size(); ++k) {
    CHECK(same_bits(first[k].value(), second[k].value()));
    const Array<double> recorded = xt::cast<double>(first[k].value());
    CHECK(difference(gradients[xs[k]], recorded) < (std::is_same_v<T, float> ? 1e-7 : 1e-15));
  }
}

TEST_CASE_TEMPLATE("training an LSTM from the same seed gives the same bits", T, float, double) {
  const auto first = trained<T>(3), second = trained<T>(3), other = trained<T>(4);
  for (std::size_t k = 0; k < first.size(); ++k) {
    CHECK(same_bits(first[k], second[k]));
    CHECK(!same_bits(first[k], other[k]));
  }
}

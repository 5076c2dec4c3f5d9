// A table of layers: each against a naive reference, against differences to second order, in float, and on nothing.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>

#include "nn/nn.hpp"

using namespace unroll;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Extent {
  std::size_t time, batch;
};

// A layer on fixed inputs: what it makes of them, what it must make of them, and what it has derivatives by.
template <class T>
struct Subject {
  std::vector<Parameter<T>> parameters;
  std::function<std::vector<Variable<T>>()> outputs;
  std::function<std::vector<Array<double>>()> expected;
};

struct Row {
  std::string header, name;
  std::function<Subject<double>(Extent)> in_double;
  std::function<Subject<float>(Extent)> in_float;
};

template <class Make>
Row row(std::string header, std::string name, Make make) {
  return {std::move(header), std::move(name), [make](Extent sizes) { return make(double(), sizes); },
          [make](Extent sizes) { return make(float(), sizes); }};
}

// Lengths that differ, in no order, one of them 0.
Indices lengths_of(Extent sizes) {
  Indices lengths = Indices::from_shape({sizes.batch});
  const std::size_t pattern[] = {(sizes.time + 1) / 2, sizes.time, 0};
  for (std::size_t k = 0; k < sizes.batch; ++k) lengths(k) = static_cast<std::int64_t>(pattern[k % 3]);
  return lengths;
}

// Random numbers with NaN for padding.
template <class T>
Array<T> padded(Extent sizes, std::size_t features, Random& random) {
  const Indices lengths = lengths_of(sizes);
  Array<T> x = random.normal<T>({sizes.time, sizes.batch, features});
  for (std::size_t t = 0; t < sizes.time; ++t)
    for (std::size_t b = 0; b < sizes.batch; ++b)
      for (std::size_t k = 0; k < features && std::int64_t(t) >= lengths(b); ++k) x(t, b, k) = T(not_a_number);
  return x;
}

Array<double> zero_array(const Shape& shape) { return zeros<double>(shape).value(); }

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// Recurrent layers, one sequence, one step and one unit at a time.

using Vector = std::vector<double>;

// The weights of one cell.
struct Weights {
  std::map<std::string, Array<double>> all;
  std::string suffix;

  const Array<double>& at(const std::string& name) const { return all.at(name + suffix); }
  /// (W v + b) at a row, for W and b of this kind, ih or hh.
  double operator()(const std::string& kind, std::size_t row, const Vector& v) const {
    double sum = all.contains("bias_" + kind + suffix) ? at("bias_" + kind)(row) : 0;
    for (std::size_t k = 0; k < v.size(); ++k) sum += at("weight_" + kind)(row, k) * v[k];
    return sum;
  }
};

// The state of a cell after one step, for inputs x and a state.
using Step = std::function<std::vector<Vector>(const Weights&, const Vector&, const std::vector<Vector>&)>;

Step elman(const std::function<double(double)>& g) {
  return [g](const Weights& w, const Vector& x, const std::vector<Vector>& state) {
    Vector h = state[0];
    for (std::size_t j = 0; j < h.size(); ++j) h[j] = g(w("ih", j, x) + w("hh", j, state[0]));
    return std::vector<Vector>{h};
  };
}

std::vector<Vector> lstm(const Weights& w, const Vector& x, const std::vector<Vector>& state) {
  const std::size_t n = state[0].size();
  Vector h(n), c(n);
  for (std::size_t j = 0; j < n; ++j) {
    const auto gate = [&](std::size_t k) { return w("ih", k * n + j, x) + w("hh", k * n + j, state[0]); };
    c[j] = sigma(gate(1)) * state[1][j] + sigma(gate(0)) * std::tanh(gate(2));
    h[j] = sigma(gate(3)) * std::tanh(c[j]);
  }
  return {h, c};
}

std::vector<Vector> gru(bool reset_after, const Weights& w, const Vector& x, const std::vector<Vector>& state) {
  const Vector& h = state[0];
  const std::size_t n = h.size();
  const auto gate = [&](std::size_t k) { return sigma(w("ih", k, x) + w("hh", k, h)); };
  Vector next(n), reset(n);
  for (std::size_t j = 0; j < n; ++j) reset[j] = gate(j) * h[j];
  for (std::size_t j = 0; j < n; ++j) {
    const double of_h = reset_after ? gate(j) * w("hh", 2 * n + j, h) : w("hh", 2 * n + j, reset);
    const double z = gate(n + j);
    next[j] = (1 - z) * std::tanh(w("ih", 2 * n + j, x) + of_h) + z * h[j];
  }
  return {next};
}

// A user's own cell: three states and no options.       h' = tanh(W x + c),  c' = h + a ⊙ c,  m' = m + h' ⊙ h
template <class T>
struct OwnCell : nn::Module<T> {
  using State = std::array<Variable<T>, 3>;
  Parameter<T> W, a;

  OwnCell(const nn::CellSizes& sizes, Random& random)
      : W(random.normal<T>({sizes.hidden, sizes.input})), a(random.normal<T>({sizes.hidden})) {
    this->add("weight", W);
    this->add("leak", a);
  }
  Variable<T> input(const Variable<T>& x) const { return linear(x, W); }
  State step(const Variable<T>& projected, const State& state) const {
    const auto& [h, c, m] = state;
    const auto next = tanh(projected + c);
    return {next, h + a * c, m + next * h};
  }
};

std::vector<Vector> own(const Weights& w, const Vector& x, const std::vector<Vector>& state) {
  std::vector<Vector> next = state;
  for (std::size_t j = 0; j < next[0].size(); ++j) {
    double sum = state[1][j];
    for (std::size_t k = 0; k < x.size(); ++k) sum += w.at("weight")(j, k) * x[k];
    next[0][j] = std::tanh(sum);
    next[1][j] = state[0][j] + w.at("leak")(j) * state[1][j];
    next[2][j] = state[2][j] + next[0][j] * state[0][j];
  }
  return next;
}

// The output of a stack of layers, and its final states.
template <class Layer>
std::vector<Array<double>> run_naively(const Layer& layer, const Step& step, const Array<double>& x,
                                       const Indices& lengths, const std::vector<Array<double>>& initial) {
  const auto& options = layer.options();
  const std::size_t batch = x.shape(1), hidden = options.hidden, directions = options.bidirectional ? 2 : 1;
  Array<double> output = zero_array({x.shape(0), batch, directions * hidden});
  std::vector<Array<double>> final = initial;
  Weights weights;
  for (const auto& [name, parameter] : layer.named_parameters()) weights.all[name] = parameter.value();
  for (std::size_t b = 0; b < batch; ++b) {
    const auto length = static_cast<std::size_t>(lengths(b));
    std::vector<Vector> rows(length);
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t k = 0; k < options.input; ++k) rows[t].push_back(x(t, b, k));
    for (std::size_t cell = 0; cell < options.layers * directions;) {
      std::vector<Vector> next(length);
      for (std::size_t direction = 0; direction < directions; ++direction, ++cell) {
        weights.suffix = "_l" + std::to_string(cell / directions) + (direction ? "_reverse" : "");
        std::vector<Vector> state(initial.size(), Vector(hidden));
        for (std::size_t n = 0; n < state.size(); ++n)
          for (std::size_t j = 0; j < hidden; ++j) state[n][j] = initial[n](cell, b, j);
        for (std::size_t k = 0; k < length; ++k) {
          const std::size_t t = direction ? length - 1 - k : k;
          state = step(weights, rows[t], state);
          next[t].insert(next[t].end(), state[0].begin(), state[0].end());
        }
        for (std::size_t n = 0; n < state.size(); ++n)
          for (std::size_t j = 0; j < hidden; ++j) final[n](cell, b, j) = state[n][j];
      }
      rows = next;
    }
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t k = 0; k < directions * hidden; ++k) output(t, b, k) = rows[t][k];
  }
  final.insert(final.begin(), output);
  return final;
}

enum class Initial { zero, given, learned };

// A recurrent layer on padded sequences, with random weights and initial states.
template <class Layer>
auto recurrent(Extent sizes, typename Layer::Options options, const Step& step, Initial kind = Initial::given) {
  using T = typename Layer::T;
  Random random(11);
  options.input = 2;
  options.hidden = 3;
  options.learned_initial = kind == Initial::learned;
  const auto layer = std::make_shared<Layer>(options, random);
  std::vector<Parameter<T>> parameters = layer->parameters();
  for (Parameter<T>& parameter : parameters) parameter.assign(random.normal<T>(parameter.shape(), 0, 0.7));
  const Parameter<T> x(padded<T>(sizes, options.input, random), "x");
  parameters.push_back(x);
  const Indices lengths = lengths_of(sizes);
  constexpr std::size_t states = std::tuple_size_v<typename Layer::State>;
  std::optional<typename Layer::State> initial;
  const std::size_t cells = layer->cells().size();
  std::vector<Array<double>> start(states, zero_array({cells, sizes.batch, options.hidden}));
  for (std::size_t n = 0; n < states; ++n) {
    if (kind == Initial::given) {
      const Parameter<T> h(random.normal<T>({cells, sizes.batch, options.hidden}), "initial " + std::to_string(n));
      if (n == 0) initial.emplace();
      (*initial)[n] = h;
      parameters.push_back(h);
      start[n] = h.value();
    }
    const auto& named = layer->named_parameters();
    for (std::size_t k = 0; kind == Initial::learned && k < start[n].size(); ++k) {
      const std::size_t cell = k / (sizes.batch * options.hidden);
      start[n].flat(k) = named[named.size() - (cells - cell) * states + n].second.value()(k % options.hidden);
    }
  }
  return Subject<T>{parameters,
                    [=] {
                      const auto [output, state] = (*layer)(x, lengths, initial);
                      std::vector<Variable<T>> all(state.begin(), state.end());
                      all.insert(all.begin(), output);
                      return all;
                    },
                    [=] { return run_naively(*layer, step, xt::cast<double>(x.value()), lengths, start); }};
}

// −Σ w ln softmax(logits)[label], and so on, one label at a time: the sum or the mean, or each.
Array<double> naive_cross_entropy(const Array<double>& logits, const Indices& labels,
                                  const nn::CrossEntropyOptions<double>& options) {
  const std::size_t classes = logits.shape().back();
  Array<double> losses = zero_array(Shape(labels.shape()));
  double sum = 0, count = 0;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (labels.flat(k) == options.ignore) continue;
    double normaliser = 0;
    for (std::size_t j = 0; j < classes; ++j) normaliser += std::exp(logits.flat(k * classes + j));
    const auto label = static_cast<std::size_t>(labels.flat(k));
    double& loss = losses.flat(k);
    for (std::size_t j = 0; j < classes; ++j) {
      const double wanted = (j == label ? 1 - options.smoothing : 0) + options.smoothing / double(classes);
      const double weight = options.weights.size() == classes ? options.weights(j) : 1;
      loss -= weight * wanted * (logits.flat(k * classes + j) - std::log(normaliser));
    }
    sum += loss;
    count += options.weights.size() == classes ? options.weights(label) : 1;
  }
  if (options.reduction == nn::Reduction::none) return losses;
  return Array<double>(options.reduction == nn::Reduction::sum ? sum : count > 0 ? sum / count : 0);
}

template <class T>
Subject<T> cross_entropy(Extent sizes, const nn::CrossEntropyOptions<double>& options) {
  Random random(12);
  const Parameter<T> logits(padded<T>(sizes, 3, random), "logits");
  const Indices lengths = lengths_of(sizes);
  Indices labels = Indices::from_shape({sizes.time, sizes.batch});
  for (std::size_t t = 0; t < sizes.time; ++t)
    for (std::size_t b = 0; b < sizes.batch; ++b)
      labels(t, b) = std::int64_t(t) < lengths(b) ? std::int64_t(random.below(3)) : options.ignore;
  const nn::CrossEntropyOptions<T> same{.ignore = options.ignore,
                                        .weights = xt::cast<T>(options.weights),
                                        .smoothing = options.smoothing,
                                        .reduction = options.reduction};
  return {{logits},
          [=] { return std::vector<Variable<T>>{nn::cross_entropy<T>(logits, labels, same)}; },
          [=] { return std::vector{naive_cross_entropy(xt::cast<double>(logits.value()), labels, options)}; }};
}

// The rows of a sequence that `weight(t, length)` weighs, added up.
Array<double> weighted_rows(const Array<double>& x, const Indices& lengths, double (*weight)(double, double)) {
  Array<double> y = zero_array({x.shape(1), x.shape(2)});
  for (std::size_t b = 0; b < x.shape(1); ++b)
    for (std::size_t t = 0; std::int64_t(t) < lengths(b); ++t)
      for (std::size_t k = 0; k < x.shape(2); ++k) y(b, k) += x(t, b, k) * weight(double(t), double(lengths(b)));
  return y;
}

template <class T, class Pool>
Subject<T> pooling(Extent sizes, Pool pool, double (*weight)(double, double)) {
  Random random(13);
  const Parameter<T> x(padded<T>(sizes, 2, random), "x");
  const Indices lengths = lengths_of(sizes);
  return {{x},
          [=] { return std::vector<Variable<T>>{pool(x, lengths)}; },
          [=] { return std::vector{weighted_rows(xt::cast<double>(x.value()), lengths, weight)}; }};
}

template <class T>
Subject<T> linear_layer(Extent sizes, bool bias) {
  Random random(14);
  const auto layer = std::make_shared<nn::Linear<T>>(nn::LinearOptions{.input = 3, .output = 2, .bias = bias}, random);
  const Parameter<T> x(random.normal<T>({sizes.time, sizes.batch, 3}), "x");
  std::vector<Parameter<T>> parameters = layer->parameters();
  parameters.push_back(x);
  return {parameters, [=] { return std::vector{(*layer)(x)}; },
          [=] {
            Array<double> y = zero_array({sizes.time, sizes.batch, 2});
            for (std::size_t row = 0; row < sizes.time * sizes.batch; ++row)
              for (std::size_t i = 0; i < 2; ++i) {
                double& sum = y.flat(row * 2 + i) = bias ? double(layer->bias.value()(i)) : 0;
                for (std::size_t k = 0; k < 3; ++k)
                  sum += double(layer->weight.value()(i, k)) * double(x.value().flat(row * 3 + k));
              }
            return std::vector{y};
          }};
}

template <class T>
Subject<T> embedding(Extent sizes) {
  Random random(15);
  const auto layer = std::make_shared<nn::Embedding<T>>(nn::EmbeddingOptions{.count = 4, .size = 3}, random);
  Indices tokens = Indices::from_shape({sizes.time, sizes.batch});
  for (std::int64_t& token : tokens) token = std::int64_t(random.below(4));
  return {layer->parameters(), [=] { return std::vector{(*layer)(tokens)}; },
          [=] {
            Array<double> y = zero_array({sizes.time, sizes.batch, 3});
            for (std::size_t k = 0; k < y.size(); ++k)
              y.flat(k) = double(layer->weight.value()(std::size_t(tokens.flat(k / 3)), k % 3));
            return std::vector{y};
          }};
}

const std::vector<Row> table{
    row("elman.hpp", "RNN with tanh",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::RNN<T>>(sizes, {.layers = 2, .bidirectional = true},
                                       elman([](double x) { return std::tanh(x); }));
        }),
    row("elman.hpp", "RNN with relu, without biases",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::RNN<T>>(sizes, {.bias = false, .cell = {.nonlinearity = nn::Nonlinearity::relu}},
                                       elman([](double x) { return std::max(x, 0.0); }));
        }),
    row("lstm.hpp", "LSTM",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::LSTM<T>>(sizes, {.layers = 2, .bidirectional = true}, lstm);
        }),
    row("lstm.hpp", "LSTM without biases, from zeros",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::LSTM<T>>(sizes, {.bidirectional = true, .bias = false}, lstm, Initial::zero);
        }),
    row("lstm.hpp", "LSTM with learned initial states",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::LSTM<T>>(sizes, {.layers = 2, .bidirectional = true}, lstm, Initial::learned);
        }),
    row("gru.hpp", "GRU, reset after",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.layers = 2, .bidirectional = true}, std::bind_front(gru, true));
        }),
    row("gru.hpp", "GRU, reset before",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes,
                                       {.layers = 2, .bidirectional = true, .cell = {.reset = nn::Reset::before}},
                                       std::bind_front(gru, false));
        }),
    row("gru.hpp", "GRU, reset before, without biases",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.bias = false, .cell = {.reset = nn::Reset::before}},
                                       std::bind_front(gru, false));
        }),
    row("gru.hpp", "GRU, reset after, without biases",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.bidirectional = true, .bias = false}, std::bind_front(gru, true));
        }),
    row("recurrent.hpp", "a user's own cell",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::Recurrent<OwnCell<T>>>(sizes, {.layers = 2, .bidirectional = true}, own);
        }),
    row("cell.hpp", "a user's own cell with learned initial states",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::Recurrent<OwnCell<T>>>(sizes, {.layers = 2}, own, Initial::learned);
        }),
    row("linear.hpp", "Linear", []<class T>(T, Extent sizes) { return linear_layer<T>(sizes, true); }),
    row("linear.hpp", "Linear without bias", []<class T>(T, Extent sizes) { return linear_layer<T>(sizes, false); }),
    row("embedding.hpp", "Embedding", []<class T>(T, Extent sizes) { return embedding<T>(sizes); }),
    row("dropout.hpp", "Dropout",
        []<class T>(T, Extent sizes) {
          Random random(16);
          const Parameter<T> x(random.normal<T>({sizes.time, sizes.batch, 4}), "x");
          return Subject<T>{{x},
                            [=] {
                              const nn::Dropout<T> each({.rate = 0.4}),
                                  alike({.rate = 0.4, .same_for_all_steps = true});
                              return std::vector{each(x), alike(x)};
                            },
                            [=] { return std::vector<Array<double>>(2, xt::cast<double>(x.value())); }};
        }),
    row("packing.hpp", "Packing",
        []<class T>(T, Extent sizes) {
          Random random(17);
          const Parameter<T> x(padded<T>(sizes, 2, random), "x"), y(random.normal<T>({sizes.batch, 2}), "y");
          const nn::Packing packing(sizes.time, sizes.batch, lengths_of(sizes));
          return Subject<T>{
              {x, y},
              [=] {
                return std::vector{packing.unpack(tanh(packing.pack(x))), packing.unsort(tanh(packing.sort<T>(y)))};
              },
              [=] {
                const Array<double> known = xt::cast<double>(x.value()), rows = xt::cast<double>(y.value());
                return std::vector<Array<double>>{xt::where(xt::isnan(known), 0.0, xt::tanh(known)), xt::tanh(rows)};
              }};
        }),
    row("pooling.hpp", "last_step",
        []<class T>(T, Extent sizes) {
          return pooling<T>(sizes, nn::last_step<T>, [](double t, double length) { return double(t == length - 1); });
        }),
    row("pooling.hpp", "mean_over_time",
        []<class T>(T, Extent sizes) {
          return pooling<T>(sizes, nn::mean_over_time<T>, [](double, double length) { return 1 / length; });
        }),
    row("pooling.hpp", "both_ends",
        []<class T>(T, Extent sizes) {
          Random random(18);
          const Parameter<T> h(random.normal<T>({4, sizes.batch, 2}), "h");
          return Subject<T>{{h},
                            [=] { return std::vector{nn::both_ends<T>(h)}; },
                            [=] {
                              Array<double> y = zero_array({sizes.batch, 4});
                              for (std::size_t b = 0; b < sizes.batch; ++b)
                                for (std::size_t k = 0; k < 4; ++k) y(b, k) = double(h.value()(2 + k / 2, b, k % 2));
                              return std::vector{y};
                            }};
        }),
    row("losses.hpp", "cross_entropy", []<class T>(T, Extent sizes) { return cross_entropy<T>(sizes, {}); }),
    row("losses.hpp", "cross_entropy with weights of the classes",
        []<class T>(T, Extent sizes) {
          return cross_entropy<T>(sizes, {.ignore = 7, .weights = {0.5, 2.0, 0.25}});
        }),
    row("losses.hpp", "cross_entropy with smoothing, as a sum",
        []<class T>(T, Extent sizes) {
          return cross_entropy<T>(sizes, {.smoothing = 0.2, .reduction = nn::Reduction::sum});
        }),
    row("losses.hpp", "cross_entropy with everything, of each label",
        []<class T>(T, Extent sizes) {
          return cross_entropy<T>(sizes,
                                  {.weights = {0.5, 2.0, 0.25}, .smoothing = 0.3, .reduction = nn::Reduction::none});
        }),
};

const Extent all_sizes[] = {{4, 3}, {3, 1}, {1, 4}, {0, 3}, {4, 0}, {1, 1}};

// The largest |a − b| / (1 + |b|); infinite for other shapes and for what is not finite.
template <class T>
double distance(const Array<T>& a, const Array<double>& b) {
  if (!(Shape(a.shape()) == Shape(b.shape()))) return std::numeric_limits<double>::infinity();
  double most = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double difference = std::abs(double(a.flat(k)) - b.flat(k)) / (1 + std::abs(b.flat(k)));
    most = std::isfinite(difference) ? std::max(most, difference) : std::numeric_limits<double>::infinity();
  }
  return most;
}

// Σ v ⊙ x over the outputs, with the same random v each time.
template <class T>
Variable<T> contract(const std::vector<Variable<T>>& outputs) {
  Random random(19);
  Variable<T> total = 0;
  for (const Variable<T>& output : outputs) total = total + sum(output * random.normal<T>(output.shape()));
  return total;
}

}  // namespace

TEST_CASE("every layer gives what its equations give") {
  for (const Row& row : table) {
    for (const Extent& sizes : all_sizes) {
      CAPTURE(row.name);
      CAPTURE(sizes.time);
      CAPTURE(sizes.batch);
      const auto subject = row.in_double(sizes);
      const auto outputs = subject.outputs();
      const auto expected = subject.expected();
      REQUIRE(outputs.size() == expected.size());
      for (std::size_t k = 0; k < outputs.size(); ++k) CHECK(distance(outputs[k].value(), expected[k]) < 1e-13);
      const auto in_float = row.in_float(sizes).outputs();
      for (std::size_t k = 0; k < outputs.size(); ++k) CHECK(distance(in_float[k].value(), expected[k]) < 2e-5);
    }
  }
}

TEST_CASE("every layer has the first and second derivatives that differences have") {
  for (const Row& row : table) {
    for (const Extent& sizes : all_sizes) {
      CAPTURE(row.name);
      CAPTURE(sizes.time);
      CAPTURE(sizes.batch);
      const auto subject = row.in_double(sizes);
      std::size_t entries = 0;
      for (const auto& parameter : subject.parameters) entries += parameter.size();
      if (entries == 0) continue;
      const GradientReport report =
          gradient_check([&] { return contract(subject.outputs()); }, subject.parameters, {.order = 2});
      CHECK_MESSAGE(report, report);
      CHECK(report.kinks == 0);
    }
  }
}

TEST_CASE("every layer has a row in the table") {
  std::size_t layers = 0;
  for (const auto& entry : std::filesystem::directory_iterator("../nn")) {
    if (entry.path().extension() != ".hpp") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find("Variable<T>") == std::string::npos) continue;
    ++layers;
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    CHECK(std::any_of(table.begin(), table.end(), [&](const Row& row) { return row.header == name; }));
  }
  CHECK(layers >= 10);
}

namespace {

template <class T>
struct Tagger : nn::Module<T> {
  nn::Embedding<T> words;
  nn::GRU<T> gru;
  nn::Linear<T> scores;

  explicit Tagger(Random& random)
      : words({.count = 5, .size = 3}, random),
        gru({.input = 3, .hidden = 4, .bidirectional = true}, random),
        scores({.input = 8, .output = 3}, random) {
    this->add("words", words);
    this->add("gru", gru);
    this->add("scores", scores);
  }
  Variable<T> operator()(const Indices& tokens, const Indices& lengths) const {
    return scores(gru(words(tokens), lengths).output);
  }
};

const Indices tokens{{1, 4, 0}, {2, 3, 0}, {0, 1, 0}}, labels{{0, 1, -100}, {2, 0, -100}, {1, -100, -100}},
    lengths{3, 2, 0};

template <class T>
Variable<T> loss_of(const Tagger<T>& model) {
  return nn::cross_entropy(model(tokens, lengths), labels);
}

// One parameter under two names, and another.
struct Tied : nn::Module<double> {
  Parameter<double> a{Array<double>{1, 2}}, b = a, c{Array<double>{3}};
  Tied() {
    add("a", a);
    add("b", b);
    add("c", c);
  }
};

// The gradients of Σ g ⊙ parameter, which are g.
Gradients<double> gradients_of(const std::vector<std::pair<Parameter<double>, Array<double>>>& given) {
  Tape<double> tape;
  Variable<double> loss = 0;
  for (const auto& [parameter, g] : given) loss = loss + sum(parameter * g);
  return tape.backward(loss);
}

}  // namespace

TEST_CASE("a module names its parameters with dots, and lists a tied one once") {
  Random random(41);
  const Tagger<double> model(random);
  std::vector<std::string> names;
  for (const auto& [name, parameter] : model.named_parameters()) {
    names.push_back(name);
    CHECK(parameter.name() == name);
  }
  CHECK(names == std::vector<std::string>{"words.weight", "gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0",
                                          "gru.bias_hh_l0", "gru.weight_ih_l0_reverse", "gru.weight_hh_l0_reverse",
                                          "gru.bias_ih_l0_reverse", "gru.bias_hh_l0_reverse", "scores.weight",
                                          "scores.bias"});
  CHECK(model.parameters().size() == 11);
  const Tied tied;
  CHECK(tied.named_parameters().size() == 3);
  CHECK(tied.parameters().size() == 2);
}

TEST_CASE("a module that was moved trains as before") {
  Random random(42);
  std::optional<Tagger<double>> first(random);
  nn::SGD<double> optimizer(first->parameters(), {.learning_rate = 0.5});
  Tagger<double> model = std::move(*first);
  first.reset();
  std::vector<Tagger<double>> models;
  models.push_back(std::move(model));
  const double before = loss_of(models[0]).item();
  for (int step = 0; step < 100; ++step) {
    Tape<double> tape;
    optimizer.step(tape.backward(loss_of(models[0])));
  }
  CHECK(loss_of(models[0]).item() < before / 10);
}

TEST_CASE("a clone has the same values and nothing else in common; ties within it stay ties") {
  Random random(43);
  Tagger<double> model(random);
  model.words.weight.freeze();
  const Tagger<double> twin = nn::clone(model);
  CHECK(twin.words.weight.frozen());
  CHECK(loss_of(twin).item() == loss_of(model).item());
  const double before = loss_of(twin).item();
  for (auto parameter : model.parameters()) parameter.assign(random.normal<double>(parameter.shape()));
  CHECK(loss_of(twin).item() == before);
  CHECK(loss_of(model).item() != before);
  // What is registered is what the layers use.
  for (auto parameter : twin.parameters()) parameter.assign(xt::zeros_like(parameter.value()));
  CHECK(loss_of(twin).item() == doctest::Approx(std::log(3.0)));

  Tied tied, other = nn::clone(tied);
  other.b.assign({5, 6});
  CHECK(other.a.value()(0) == 5);
  CHECK(other.named_parameters()[0].second.value()(1) == 6);
  CHECK(tied.a.value()(0) == 1);
  CHECK(other.parameters().size() == 2);
}

TEST_CASE("copy_from takes over a model's values, in float or double") {
  Random random(44), other(45);
  Tagger<float> model(random);
  Tagger<double> same(other);
  same.copy_from(model);
  for (std::size_t k = 0; k < model.parameters().size(); ++k)
    CHECK(distance(model.parameters()[k].value(), same.parameters()[k].value()) == 0);
  CHECK(loss_of(model).item() == doctest::Approx(loss_of(same).item()).epsilon(1e-5));
  Tagger<float> back(random);
  back.copy_from(same);
  CHECK(loss_of(back).item() == loss_of(model).item());
}

TEST_CASE("an embedding from a given table is frozen unless it is to be trained") {
  const nn::Embedding<double> fixed(Array<double>{{1, 2}, {3, 4}}), trained(Array<double>{{1, 2}, {3, 4}}, true);
  Tape<double> tape;
  const auto loss = sum(fixed(Indices{1, 1}) * trained(Indices{0, 1}));
  CHECK(loss.item() == 3 * 1 + 4 * 2 + 3 * 3 + 4 * 4);
  const auto gradients = tape.backward(loss);
  CHECK_FALSE(gradients.contains(fixed.weight));
  CHECK(gradients[trained.weight] == Array<double>{{3, 4}, {3, 4}});
}

TEST_CASE("dropout needs a tape with a random stream; the same stream draws the same mask") {
  Random random(46);
  const Variable<double> x = random.normal<double>({7, 3, 5});
  const nn::Dropout<double> dropout({.rate = 0.25});
  CHECK(dropout(x).value() == x.value());
  {
    Tape<double> tape;
    const auto watched = tape.watch(x);
    CHECK(dropout(watched).value() == x.value());
    CHECK(tape.size() == 1);
  }
  const auto draw = [&](std::uint64_t seed) {
    Random masks(seed);
    Tape<double> tape(masks);
    const auto watched = tape.watch(x);
    const auto y = dropout(watched), again = dropout(watched);
    CHECK(y.value() != again.value());
    const auto gradient = tape.backward(sum(y))[watched];
    for (std::size_t k = 0; k < x.size(); ++k) {
      const bool dropped = y.value().flat(k) == 0;
      CHECK(gradient.flat(k) == (dropped ? 0 : 1 / 0.75));
      if (!dropped) CHECK(y.value().flat(k) == x.value().flat(k) * (1 / 0.75));
    }
    return y.value();
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
}

TEST_CASE("dropout drops at its rate and keeps the mean, over steps alike if asked to") {
  Random random(47);
  const Variable<float> x = ones<float>({50, 40, 50});
  const Tape<float> tape(random);
  for (const double rate : {0.1, 0.5, 0.9}) {
    const auto y = nn::Dropout<float>({.rate = rate})(x);
    const auto n = double(x.size());
    double total = 0, dropped = 0;
    for (const float value : y.value()) total += value, dropped += value == 0;
    CHECK(std::abs(dropped / n - rate) < 4 * std::sqrt(rate * (1 - rate) / n));
    CHECK(std::abs(total / n - 1) < 4 * std::sqrt(rate / (1 - rate) / n));

    const auto alike = nn::Dropout<float>({.rate = rate, .same_for_all_steps = true})(x);
    const auto steps = unstack(alike);
    for (const auto& step : steps) CHECK(step.value() == steps[0].value());
    double share = 0;
    for (const float value : steps[0].value()) share += value == 0;
    CHECK(std::abs(share / 2000 - rate) < 4 * std::sqrt(rate * (1 - rate) / 2000));
  }
}

TEST_CASE("cross entropy: uneven shards add up, ignored labels count for nothing, extremes stay finite") {
  Random random(48);
  const Variable<double> logits = random.normal<double>({6, 3});
  const Indices wanted{0, -100, 2, 1, 1, -100};
  const nn::CrossEntropyOptions<double> options{.weights = {1.0, 0.5, 2.0}, .smoothing = 0.1};
  double sum = 0, count = 0;
  for (const auto& [begin, end] : {std::pair(0, 2), std::pair(2, 6)}) {
    Indices part = Indices::from_shape({std::size_t(end - begin)});
    std::copy(wanted.begin() + begin, wanted.begin() + end, part.begin());
    const auto shard = nn::cross_entropy_total(slice(logits, 0, begin, end), part, options);
    sum += shard.sum.item();
    count += shard.count;
  }
  CHECK(count == 1.0 + 2.0 + 0.5 + 0.5);
  CHECK(sum / count == doctest::Approx(nn::cross_entropy(logits, wanted, options).item()).epsilon(1e-14));

  for (const auto reduction : {nn::Reduction::mean, nn::Reduction::sum}) {
    Tape<double> tape;
    const auto unknown = tape.watch(full<double>({2, 3}, not_a_number));
    const auto loss = nn::cross_entropy(unknown, {-100, -100}, {.reduction = reduction});
    CHECK(loss.item() == 0);
    CHECK(tape.backward(loss)[unknown] == zero_array({2, 3}));
  }
  CHECK(nn::cross_entropy_total(logits, Indices{-100, -100, -100, -100, -100, -100}).count == 0);
  CHECK(nn::cross_entropy<double>(Array<double>{{1e300, -1e300, 0}}, {1}).item() == 2e300);
  Tape<double> tape;
  const auto excluded = tape.watch(Array<double>{{1, -std::numeric_limits<double>::infinity(), 2}});
  const auto gradient = tape.backward(nn::cross_entropy(excluded, {0}))[excluded];
  CHECK(gradient(0, 1) == 0);
  CHECK(gradient(0, 2) == doctest::Approx(sigma(1)));
  CHECK(gradient(0, 0) == doctest::Approx(-sigma(1)));
}

TEST_CASE("optimisers move parameters as their equations say") {
  const Array<double> start{0.5, -1.5, 2.0}, gs[] = {{0.1, -0.2, 3.0}, {-0.4, 0.5, 0.0}, {1.0, 1e-3, -2.0}};
  const double rate = 0.1, decay = 0.05;
  struct Kind {
    bool momentum = false, adam = false, decoupled = false;
  };
  for (const Kind& kind : {Kind{}, Kind{.momentum = true}, Kind{.adam = true}, Kind{.adam = true, .decoupled = true}}) {
    Parameter<double> parameter(start, "p");
    std::unique_ptr<nn::Optimizer<double>> optimizer;
    const nn::AdamOptions adam{
        .learning_rate = rate, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = decay};
    if (kind.decoupled)
      optimizer = std::make_unique<nn::AdamW<double>>(std::vector{parameter}, adam);
    else if (kind.adam)
      optimizer = std::make_unique<nn::Adam<double>>(std::vector{parameter}, adam);
    else
      optimizer = std::make_unique<nn::SGD<double>>(
          std::vector{parameter},
          nn::SGDOptions{.learning_rate = rate, .momentum = kind.momentum ? 0.9 : 0.0, .weight_decay = decay});
    Vector x(start.begin(), start.end()), m(3), v(3);
    for (int t = 1; t <= 3; ++t) {
      const double now = t == 3 ? rate / 2 : rate;
      optimizer->learning_rate = now;
      optimizer->step(gradients_of({{parameter, gs[t - 1]}}));
      for (std::size_t k = 0; k < 3; ++k) {
        const double g = gs[t - 1](k) + (kind.decoupled ? 0 : decay * x[k]);
        if (kind.decoupled) x[k] -= now * decay * x[k];
        if (kind.adam) {
          m[k] = 0.8 * m[k] + 0.2 * g;
          v[k] = 0.95 * v[k] + 0.05 * g * g;
          const double mean = m[k] / (1 - std::pow(0.8, t)), square = v[k] / (1 - std::pow(0.95, t));
          x[k] -= now * mean / (std::sqrt(square) + 1e-3);
        } else {
          m[k] = (kind.momentum ? 0.9 : 0.0) * m[k] + g;
          x[k] -= now * m[k];
        }
        CHECK(parameter.value()(k) == doctest::Approx(x[k]).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("an optimiser leaves a parameter without gradient, or a frozen one, as if there had been no step") {
  Parameter<double> a({1.0}, "a"), b({1.0}, "b"), c({1.0}, "c"), same({1.0}, "same");
  nn::Adam<double> optimizer({a, b, c}, {.learning_rate = 0.1, .weight_decay = 0.1});
  nn::Adam<double> alone({same}, {.learning_rate = 0.1, .weight_decay = 0.1});
  optimizer.step(gradients_of({{a, {2.0}}}));
  Gradients<double> gradients = gradients_of({{a, {2.0}}, {c, {2.0}}});
  c.freeze();
  optimizer.step(gradients);
  CHECK(a.value()(0) != 1);
  CHECK(b.value()(0) == 1);
  CHECK(c.value()(0) == 1);
  // Its first step is a first step, however many the others have made.
  optimizer.step(gradients_of({{b, {0.3}}}));
  alone.step(gradients_of({{same, {0.3}}}));
  CHECK(b.value()(0) == same.value()(0));
}

TEST_CASE("a gradient that is not finite is refused before anything changes") {
  for (const double bad : {not_a_number, std::numeric_limits<double>::infinity()}) {
    Parameter<double> a({1.0, 2.0}, "a"), b({3.0}, "lstm.weight"), same({1.0, 2.0}, "same");
    nn::Adam<double> optimizer({a, b}, {.learning_rate = 0.1}), alone({same}, {.learning_rate = 0.1});
    Gradients<double> gradients = gradients_of({{a, {1.0, 1.0}}, {b, {bad}}});
    CHECK_THROWS_AS(optimizer.step(gradients), Error);
    CHECK_THROWS_AS(nn::clip_norm(gradients, 1.0), Error);
    CHECK(a.value() == Array<double>{1, 2});
    CHECK(b.value()(0) == 3);
    CHECK(gradients[a] == Array<double>{1, 1});
    optimizer.step(gradients_of({{a, {1.0, 1.0}}}));
    alone.step(gradients_of({{same, {1.0, 1.0}}}));
    CHECK(a.value() == same.value());
  }
}

TEST_CASE("clipping scales all gradients together, and only those with too large a norm") {
  const Parameter<double> a({0.0, 0.0}, "a"), b({0.0}, "b");
  Gradients<double> gradients = gradients_of({{a, {2.0, 3.0}}, {b, {6.0}}});
  CHECK(nn::clip_norm(gradients, 7.5) == 7);
  CHECK(gradients[b](0) == 6);
  CHECK(nn::clip_norm(gradients, 3.5) == 7);
  CHECK(gradients.norm() == doctest::Approx(3.5).epsilon(1e-6));
  CHECK(gradients[a](0) / gradients[b](0) == doctest::Approx(2.0 / 6));
  CHECK(gradients[a](1) / gradients[b](0) == doctest::Approx(3.0 / 6));
}

TEST_CASE("learning rates fall by steps, or on a plateau") {
  const nn::StepSchedule steps({.start = 0.8, .every = 2, .factor = 0.5, .from = 3});
  const double expected[] = {0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1};
  for (std::size_t epoch = 0; epoch < std::size(expected); ++epoch)
    CHECK(steps(epoch) == doctest::Approx(expected[epoch]));
  nn::PlateauSchedule plateau({.start = 0.8, .factor = 0.5, .patience = 1, .least = 0.3});
  // A loss that is not a number is no improvement.
  const std::pair<double, double> course[] = {
      {5, 0.8}, {4, 0.8}, {4, 0.8}, {4.5, 0.4}, {4, 0.4}, {3, 0.4}, {3, 0.4}, {not_a_number, 0.3}, {3, 0.3}, {3, 0.3}};
  for (const auto& [loss, rate] : course) CHECK(plateau(loss) == doctest::Approx(rate));
}

TEST_CASE("initialisers: bounds, moments, orthogonality") {
  Random random(49);
  const auto check = [](const Array<double>& x, double bound) {
    double squares = 0, total = 0, most = 0;
    for (const double value : x) squares += value * value, total += value, most = std::max(most, std::abs(value));
    const auto n = double(x.size());
    CHECK(most <= bound);
    CHECK(most > 0.99 * bound);
    CHECK(std::abs(total / n) < 4 * bound / std::sqrt(3 * n));
    CHECK(squares / n == doctest::Approx(bound * bound / 3).epsilon(0.05));
  };
  check(nn::uniform_by_fan_in<double>({100, 50}, 25, random), 0.2);
  check(nn::glorot_uniform<double>({60, 90}, random), std::sqrt(6.0 / 150));
  for (const auto& [rows, columns] : {std::pair(5, 5), std::pair(4, 9), std::pair(9, 4), std::pair(1, 1)}) {
    const Variable<double> Q = nn::orthogonal<double>({std::size_t(rows), std::size_t(columns)}, random);
    const auto products = matmul(Q, Q, {.a = rows > columns, .b = rows <= columns}).value();
    for (std::size_t i = 0; i < products.shape(0); ++i)
      for (std::size_t j = 0; j < products.shape(1); ++j) CHECK(std::abs(products(i, j) - double(i == j)) < 1e-14);
  }
  // Uniformly distributed: signs of the diagonal are even.
  int positive = 0;
  for (int k = 0; k < 400; ++k) positive += nn::orthogonal<double>({3, 3}, random)(2, 2) > 0;
  CHECK(std::abs(positive - 200) < 60);
}

// A table of layers: each against a naive reference, against differences to second order, in float, and on nothing.
#include <doctest/doctest.h>

#include <cmath>
#include <iterator>

#include "reference_cells.hpp"

using namespace unroll;

namespace {

// A user's own cell: three states and no options.       h' = tanh(W x + c),  c' = h + a ⊙ c,  m' = m + h' ⊙ h
template <class T> struct OwnCell : nn::Module<T> {
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

// The start, and the state of a user's own cell after each step, from the last step to the first.
template <class T> Subject<T> unrolled(Extent sizes) {
  Random random(20);
  const auto cell = std::make_shared<OwnCell<T>>(nn::CellSizes{.input = 2, .hidden = 3}, random);
  const Parameter<T> x(random.normal<T>({sizes.time, sizes.batch, 2}), "x");
  const Parameter<T> start(random.normal<T>({3, sizes.batch, 3}), "start");
  return {{cell->W, cell->a, x, start},
          [=] {
            const auto first = unstack(start);
            std::vector<Variable<T>> all{start};
            for (const auto& state : nn::unroll(*cell, x, {first[0], first[1], first[2]}, true))
              all.push_back(stack(std::vector<Variable<T>>(state.begin(), state.end())));
            return all;
          },
          [=] {
            Weights weights{
                {{"weight", xt::cast<double>(cell->W.value())}, {"leak", xt::cast<double>(cell->a.value())}}, ""};
            std::vector<Array<double>> all(sizes.time + 1, xt::cast<double>(start.value()));
            for (std::size_t b = 0; b < sizes.batch; ++b) {
              std::vector<Vector> state;
              for (std::size_t n = 0; n < 3; ++n) state.push_back({all[0](n, b, 0), all[0](n, b, 1), all[0](n, b, 2)});
              for (std::size_t t = sizes.time; t-- > 0;) {
                state = own(weights, {double(x.value()(t, b, 0)), double(x.value()(t, b, 1))}, state);
                for (std::size_t k = 0; k < 9; ++k) all[t + 1](k / 3, b, k % 3) = state[k / 3][k % 3];
              }
            }
            return all;
          }};
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

template <class T> Subject<T> cross_entropy(Extent sizes, const nn::CrossEntropyOptions<double>& options) {
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

// A loss of each entry and its target, their sum and, of what is not nothing, their mean.
template <class T, class Loss> Subject<T> entry_loss(Extent sizes, Loss loss, double (*naive)(double x, double t)) {
  using enum nn::Reduction;
  Random random(20);
  const Shape shape{sizes.time, sizes.batch};
  const Parameter<T> x(random.normal<T>(shape), "x"), t(random.uniform<T>(shape, 0.1, 0.9), "targets");
  return {{x, t},
          [=] {
            std::vector<Variable<T>> losses{loss(x, t, {none}), loss(x, t, {sum})};
            if (shape.elements()) losses.push_back(loss(x, t, {mean}));
            return losses;
          },
          [=] {
            Array<double> each = zero_array(shape), total = 0;
            for (std::size_t k = 0; k < each.size(); ++k)
              total.flat(0) += each.flat(k) = naive(double(x.value().flat(k)), double(t.value().flat(k)));
            std::vector<Array<double>> losses{each, total};
            if (shape.elements()) losses.push_back(total / double(shape.elements()));
            return losses;
          }};
}

template <class T> Subject<T> kl_divergence(Extent sizes) {
  using enum nn::Reduction;
  Random random(21);
  const Parameter<T> logits(random.normal<T>({sizes.time, sizes.batch, 3}), "logits"),
      t(random.uniform<T>({sizes.time, sizes.batch, 3}, 0.1, 0.9), "targets");
  return {{logits, t},
          [=] {
            const Variable<T> log_p = log_softmax<T>(logits);
            return std::vector{nn::kl_divergence<T>(log_p, t, {none}), nn::kl_divergence<T>(log_p, t, {sum})};
          },
          [=] {
            Array<double> each = zero_array({sizes.time, sizes.batch}), total = 0;
            for (std::size_t k = 0; k < 3 * each.size(); ++k) {
              const std::size_t row = k / 3 * 3;
              double normaliser = 0;
              for (std::size_t j = row; j < row + 3; ++j) normaliser += std::exp(double(logits.value().flat(j)));
              const double wanted = double(t.value().flat(k));
              const double loss = wanted * (std::log(wanted) - double(logits.value().flat(k)) + std::log(normaliser));
              each.flat(k / 3) += loss;
              total.flat(0) += loss;
            }
            return std::vector{each, total};
          }};
}

// ln p(labels) of each sequence, by all paths: path k has k's digit t in base 3 at step t.
template <class T> Subject<T> crf(Extent sizes) {
  Random random(22);
  const auto layer = std::make_shared<nn::CRF<T>>(nn::CRFOptions{.tags = 3}, random);
  std::vector<Parameter<T>> parameters = layer->parameters();
  for (auto& parameter : parameters) parameter.assign(random.normal<T>(parameter.shape()));
  const Parameter<T> e(padded<T>(sizes, 3, random), "emissions");
  parameters.push_back(e);
  const Indices lengths = lengths_of(sizes);
  Indices labels = Indices::from_shape({sizes.time, sizes.batch});
  for (std::int64_t& label : labels) label = std::int64_t(random.below(3));
  return {parameters, [=] { return std::vector{layer->log_likelihood(e, labels, lengths)}; },
          [=] {
            Array<double> y = zero_array({sizes.batch});
            for (std::size_t b = 0; b < sizes.batch; ++b) {
              double total = 0, wanted = 0;
              for (std::size_t path = 0; double(path) < std::pow(3, lengths(b)); ++path) {
                double score = 0;
                bool right = true;
                for (std::size_t t = 0, tag = 0, before = 0, digits = path; std::int64_t(t) < lengths(b);
                     ++t, before = tag, digits /= 3) {
                  tag = digits % 3;
                  score += double(e.value()(t, b, tag));
                  score += double(t ? layer->transitions.value()(before, tag) : layer->start.value()(tag));
                  if (std::int64_t(t) + 1 == lengths(b)) score += double(layer->end.value()(tag));
                  right &= labels(t, b) == std::int64_t(tag);
                }
                total += std::exp(score);
                if (right) wanted = score;
              }
              y(b) = wanted - std::log(total);
            }
            return std::vector{y};
          }};
}

// −ln p(labels) of each sequence, or 0 where no alignment may be: alignment k has k's digit t in base 3 at step t.
template <class T> Subject<T> ctc(Extent sizes) {
  Random random(23);
  const Parameter<T> logits(padded<T>(sizes, 3, random), "logits");
  const Indices lengths = lengths_of(sizes);
  Indices labels = Indices::from_shape({2, sizes.batch}), label_lengths = Indices::from_shape({sizes.batch});
  for (std::int64_t& label : labels) label = std::int64_t(random.below(2));
  for (std::size_t b = 0; b < sizes.batch; ++b) label_lengths(b) = std::int64_t(b + 1) % 3;
  const nn::CTCOptions options{.blank = 2, .reduction = nn::Reduction::none, .zero_infinity = true};
  return {{logits},
          [=] { return std::vector{nn::ctc_loss<T>(logits, labels, lengths, label_lengths, options)}; },
          [=] {
            const Array<double> log_p = log_softmax<double>(xt::cast<double>(logits.value())).value();
            Array<double> y = zero_array({sizes.batch});
            for (std::size_t b = 0; b < sizes.batch; ++b) {
              double total = 0;
              for (std::size_t alignment = 0; double(alignment) < std::pow(3, lengths(b)); ++alignment) {
                double log_probability = 0;
                std::vector<std::int64_t> left;
                for (std::size_t t = 0, before = 2, digits = alignment; std::int64_t(t) < lengths(b);
                     ++t, before = digits % 3, digits /= 3) {
                  log_probability += log_p(t, b, digits % 3);
                  if (digits % 3 != 2 && digits % 3 != before) left.push_back(std::int64_t(digits % 3));
                }
                bool right = std::int64_t(left.size()) == label_lengths(b);
                for (std::size_t i = 0; right && i < left.size(); ++i) right = left[i] == labels(i, b);
                if (right) total += std::exp(log_probability);
              }
              y(b) = total > 0 ? -std::log(total) : 0;
            }
            return std::vector{y};
          }};
}

// The rows of a sequence that `weight(t, length)` weighs, added up.
Array<double> weighted_rows(const Array<double>& x, const Indices& lengths, double (*weight)(double, double)) {
  Array<double> y = zero_array({x.shape(1), x.shape(2)});
  for (std::size_t b = 0; b < x.shape(1); ++b)
    for (std::size_t t = 0; std::int64_t(t) < lengths(b); ++t)
      for (std::size_t k = 0; k < x.shape(2); ++k) y(b, k) += x(t, b, k) * weight(double(t), double(lengths(b)));
  return y;
}

template <class T, class Pool> Subject<T> pooling(Extent sizes, Pool pool, double (*weight)(double, double)) {
  Random random(13);
  const Parameter<T> x(padded<T>(sizes, 2, random), "x");
  const Indices lengths = lengths_of(sizes);
  return {{x},
          [=] { return std::vector<Variable<T>>{pool(x, lengths)}; },
          [=] { return std::vector{weighted_rows(xt::cast<double>(x.value()), lengths, weight)}; }};
}

template <class T> Subject<T> linear_layer(Extent sizes, bool bias) {
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

template <class T> Subject<T> embedding(Extent sizes) {
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

template <class T> Subject<T> layer_norm(Extent sizes, const nn::LayerNormOptions& options) {
  Random random(20);
  const auto layer = std::make_shared<nn::LayerNorm<T>>(options);
  const Parameter<T> x(random.normal<T>({sizes.time, sizes.batch, 4}, 3, 2), "x");
  std::vector<Parameter<T>> parameters = layer->parameters();
  for (Parameter<T>& parameter : parameters) parameter.assign(random.normal<T>({4}));
  parameters.push_back(x);
  return {parameters, [=] { return std::vector{(*layer)(x)}; },
          [=] {
            Array<double> y = xt::cast<double>(x.value());
            for (std::size_t row = 0; row < sizes.time * sizes.batch; ++row) {
              double mean = 0, variance = 0;
              for (std::size_t k = 0; k < 4; ++k) mean += y.flat(row * 4 + k) / 4;
              for (std::size_t k = 0; k < 4; ++k) variance += std::pow(y.flat(row * 4 + k) - mean, 2) / 4;
              for (std::size_t k = 0; k < 4; ++k) {
                double& element = y.flat(row * 4 + k);
                element = (element - mean) / std::sqrt(variance + options.epsilon);
                if (layer->weight.has_value()) element *= double(layer->weight.value()(k));
                if (layer->bias.has_value()) element += double(layer->bias.value()(k));
              }
            }
            return std::vector{y};
          }};
}

// A layer whose cell is chosen at run time, against the layer of that cell.
template <class T> Subject<T> any_recurrent(Extent sizes) {
  Random random(23);
  const auto layer = std::make_shared<nn::AnyRecurrent<T>>(
      nn::AnyRecurrentOptions{.input = 2, .hidden = 3, .layers = 2, .bidirectional = true, .cell = "lstm"}, random);
  std::vector<Parameter<T>> parameters = layer->parameters();
  const auto same = std::make_shared<nn::LSTM<double>>(
      nn::LSTM<double>::Options{.input = 2, .hidden = 3, .layers = 2, .bidirectional = true}, random);
  same->copy_from(*layer);
  const Parameter<T> x(padded<T>(sizes, 2, random), "x");
  parameters.push_back(x);
  const Indices lengths = lengths_of(sizes);
  const auto all = [](const auto& result) {
    std::vector outputs{result.output};
    outputs.insert(outputs.end(), result.state.begin(), result.state.end());
    return outputs;
  };
  return {parameters, [=] { return all((*layer)(x, lengths)); },
          [=] {
            std::vector<Array<double>> expected;
            for (const auto& output : all((*same)(Array<double>(xt::cast<double>(x.value())), lengths)))
              expected.push_back(output.value());
            return expected;
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
          return recurrent<nn::LSTM<T>>(sizes, {.layers = 2, .bidirectional = true}, lstm({}));
        }),
    row("lstm.hpp", "LSTM without biases, from zeros",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::LSTM<T>>(sizes, {.bidirectional = true, .bias = false}, lstm({}), Initial::zero);
        }),
    row("lstm.hpp", "LSTM with learned initial states",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::LSTM<T>>(sizes, {.layers = 2, .bidirectional = true}, lstm({}), Initial::learned);
        }),
    row("gru.hpp", "GRU, reset after",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.layers = 2, .bidirectional = true}, gru(true));
        }),
    row("gru.hpp", "GRU, reset before",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(
              sizes, {.layers = 2, .bidirectional = true, .cell = {.reset = nn::Reset::before}}, gru(false));
        }),
    row("gru.hpp", "GRU, reset before, without biases",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.bias = false, .cell = {.reset = nn::Reset::before}}, gru(false));
        }),
    row("gru.hpp", "GRU, reset after, without biases",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.bidirectional = true, .bias = false}, gru(true));
        }),
    row("recurrent.hpp", "a user's own cell",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::Recurrent<OwnCell<T>>>(sizes, {.layers = 2, .bidirectional = true}, own);
        }),
    row("cell.hpp", "a user's own cell with learned initial states",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::Recurrent<OwnCell<T>>>(sizes, {.layers = 2}, own, Initial::learned);
        }),
    row("unroll.hpp", "unroll", []<class T>(T, Extent sizes) { return unrolled<T>(sizes); }),
    row("recurrent.hpp", "LSTM with zoneout, dropout by one choice and residual layers",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::LSTM<T>>(sizes,
                                        {.layers = 2,
                                         .bidirectional = true,
                                         .dropout = 0.4,
                                         .variational_dropout = true,
                                         .zoneout = {0.2, 0.6},
                                         .residual = true},
                                        lstm({}));
        }),
    row("recurrent.hpp", "GRU with zoneout",
        []<class T>(T, Extent sizes) {
          return recurrent<nn::GRU<T>>(sizes, {.bidirectional = true, .zoneout = {0.3}}, gru(true));
        }),
    row("linear.hpp", "Linear", []<class T>(T, Extent sizes) { return linear_layer<T>(sizes, true); }),
    row("linear.hpp", "Linear without bias", []<class T>(T, Extent sizes) { return linear_layer<T>(sizes, false); }),
    row("embedding.hpp", "Embedding", []<class T>(T, Extent sizes) { return embedding<T>(sizes); }),
    row("layer_norm.hpp", "LayerNorm", []<class T>(T, Extent sizes) { return layer_norm<T>(sizes, {.size = 4}); }),
    row("layer_norm.hpp", "LayerNorm without a bias, with another epsilon",
        []<class T>(T, Extent sizes) { return layer_norm<T>(sizes, {.size = 4, .epsilon = 0.1, .bias = false}); }),
    row("layer_norm.hpp", "LayerNorm without parameters",
        []<class T>(T, Extent sizes) { return layer_norm<T>(sizes, {.size = 4, .affine = false}); }),
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
    row("losses.hpp", "binary_cross_entropy",
        []<class T>(T, Extent sizes) {
          return entry_loss<T>(sizes, nn::binary_cross_entropy<T>, [](double x, double t) {
            return -t * std::log(sigma(x)) - (1 - t) * std::log(1 - sigma(x));
          });
        }),
    row("losses.hpp", "mean_squared_error",
        []<class T>(T, Extent sizes) {
          return entry_loss<T>(sizes, nn::mean_squared_error<T>, [](double x, double t) { return (x - t) * (x - t); });
        }),
    row("losses.hpp", "mean_absolute_error",
        []<class T>(T, Extent sizes) {
          return entry_loss<T>(sizes, nn::mean_absolute_error<T>, [](double x, double t) { return std::abs(x - t); });
        }),
    row("losses.hpp", "kl_divergence", []<class T>(T, Extent sizes) { return kl_divergence<T>(sizes); }),
    row("total.hpp", "total",
        []<class T>(T, Extent sizes) {
          Random random(21);
          const Parameter<T> x(random.normal<T>({sizes.time, sizes.batch}), "x");
          return Subject<T>{{x},
                            [=] {
                              const nn::Total<T> total = nn::total(square(x));
                              return std::vector{total.sum, total.mean()};
                            },
                            [=] {
                              double sum = 0;
                              for (const double element : x.value()) sum += element * element;
                              return std::vector<Array<double>>{sum, x.size() ? sum / double(x.size()) : 0.0};
                            }};
        }),
    row("losses.hpp", "ctc_loss", []<class T>(T, Extent sizes) { return ctc<T>(sizes); }),
    row("crf.hpp", "CRF", []<class T>(T, Extent sizes) { return crf<T>(sizes); }),
    row("any_recurrent.hpp", "AnyRecurrent", []<class T>(T, Extent sizes) { return any_recurrent<T>(sizes); }),
};

}  // namespace

TEST_CASE("every layer gives what its equations give") { check_values(table); }

TEST_CASE("every layer has the first and second derivatives that differences have") { check_derivatives(table); }

TEST_CASE("every layer has a row in the table") {
  std::size_t layers = 0;
  for (const auto& path : sources("../nn")) {
    if (path.extension() != ".hpp") continue;
    const std::string text = contents(path.string());
    const std::string name = path.filename().string();
    if (text.find("Variable<T>") == std::string::npos || name == "parallel.hpp") continue;  // which has gradients
    ++layers;
    CAPTURE(name);
    CHECK(std::any_of(table.begin(), table.end(), [&](const Row& row) { return row.header == name; }));
  }
  CHECK(layers >= 10);
}

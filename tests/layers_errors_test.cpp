// Every refusal of the layers, losses and optimizers, word for word; none of them leaves a trace.
#include <doctest/doctest.h>

#include <filesystem>
#include <limits>
#include <regex>
#include <unroll/nn/nn.hpp>

#include "refusals.hpp"

using namespace unroll;

namespace {

using V = Variable<double>;

constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

struct Model : nn::Module<double> {
  std::vector<Parameter<double>> parameters;
  explicit Model(const std::vector<std::pair<std::string, Shape>>& named) {
    for (const auto& [name, shape] : named) add(name, parameters.emplace_back(zeros<double>(shape).value()));
  }
};

V numbers(const Shape& shape) { return Random(50).normal<double>(shape); }

// What refused calls are made with, and might change.
Random random_numbers(51);
const nn::GRU<double> layer({.input = 3, .hidden = 2}, random_numbers);
const nn::LSTM<double> lstm({.input = 3, .hidden = 2, .bidirectional = true}, random_numbers);
const nn::CRF<double> crf({.tags = 3}, random_numbers);
const nn::AnyRecurrent<double> any_layer({.input = 3, .hidden = 2}, random_numbers);
const std::vector<Parameter<double>> trained = layer.parameters();
nn::Adam<double> optimizer(trained);
nn::PlateauSchedule plateau({});

// Gradients one of which is this number.
Gradients<double> gradients_with(double one, bool of_watched = false) {
  const Parameter<double> good({1.0}, "lstm.bias_hh_l0"), other({2.0, 3.0}, "lstm.weight_hh_l0");
  Tape<double> tape;
  const V watched = tape.watch(Array<double>{1.0});
  return tape.backward(of_watched ? sum(watched * one + good) : sum(good) + sum(other * Array<double>{1.0, one}));
}

// Made before any tape records around them.
const auto good = gradients_with(1), infinite = gradients_with(infinity), of_watched = gradients_with(-infinity, true);

void refuse_recurrent(Refusals& says) {
  says("recurrent: input 0, hidden 2, layers 1; all sizes must be given",
       [&] { nn::RNN<double>({.hidden = 2}, random_numbers); });
  says("recurrent: input 3, hidden 2, layers 0; all sizes must be given",
       [&] { nn::LSTM<double>({.input = 3, .hidden = 2, .layers = 0}, random_numbers); });
  says("recurrent: dropout 1; the rate must be in [0, 1)",
       [&] { nn::GRU<double>({.input = 3, .hidden = 2, .dropout = 1}, random_numbers); });
  says("lstm: a forget bias of 1 in a cell without biases; set bias = true",
       [&] { nn::LSTM<double>({.input = 3, .hidden = 2, .bias = false, .cell = {.forget_bias = 1}}, random_numbers); });
  says("recurrent: x has shape (4, 3); it must be (time, batch, 3)", [&] { layer(numbers({4, 3})); });
  says("recurrent: x has shape (4, 2, 5); it must be (time, batch, 3)", [&] { layer(numbers({4, 2, 5})); });
  says("lengths: shape (3,) for a batch of 2; there must be one for each sequence (in recurrent)", [&] {
    layer(numbers({4, 2, 3}), Indices{4, 2, 1});
  });
  says("lengths: length 5 of sequence 1; it must be between 0 and 4 (in recurrent)", [&] {
    layer(numbers({4, 2, 3}), Indices{4, 5});
  });
  says("lengths: length -1 of sequence 0; it must be between 0 and 4 (in recurrent)", [&] {
    layer(numbers({4, 2, 3}), Indices{-1, 4});
  });
  says("recurrent: an initial state of shape (1, 2, 2); it must be (2, 2, 2)", [&] {
    lstm(numbers({4, 2, 3}), {}, std::array{numbers({2, 2, 2}), numbers({1, 2, 2})});
  });
  says("any_recurrent: cell 'mgu'; it must be lstm, gru or rnn",
       [] { nn::AnyRecurrent<double>({.input = 3, .hidden = 2, .cell = "mgu"}, random_numbers); });
  says("recurrent: input 0, hidden 2, layers 1; all sizes must be given",
       [] { nn::AnyRecurrent<double>({.input = 0, .hidden = 2}, random_numbers); });
  says("recurrent: input 3, hidden 2, layers 0; all sizes must be given",
       [] { nn::AnyRecurrent<double>({.input = 3, .hidden = 2, .layers = 0}, random_numbers); });
  says("recurrent: dropout 1; the rate must be in [0, 1)",
       [] { nn::AnyRecurrent<double>({.input = 3, .hidden = 2, .dropout = 1}, random_numbers); });
  says("any_recurrent: an initial state of 1 entries; a cell of kind lstm has 2", [] {
    any_layer(numbers({4, 2, 3}), {}, std::vector{numbers({1, 2, 2})});
  });
  says("unroll: x has shape (4, 3); it must be (time, batch, input)", [&] {
    nn::unroll(layer.cells()[0], numbers({4, 3}), {numbers({4, 2})});
  });
  says("unroll: an initial state of shape (1, 2) for 2 sequences; it must be (batch, hidden)", [&] {
    nn::unroll(layer.cells()[0], numbers({4, 2, 3}), {numbers({1, 2})});
  });
  says("unroll: rows of shape (4, 3) for steps of 3 rows together; there must be as many", [&] {
    nn::unroll(layer.cells()[0], numbers({4, 3}), {2, 1}, {numbers({2, 2})});
  });
  says("recurrent: zoneout 1; the rate must be in [0, 1)", [&] {
    nn::LSTM<double>({.input = 3, .hidden = 2, .zoneout = {0.5, 1}}, random_numbers);
  });
  says("recurrent: dropout nan; the rate must be in [0, 1)",
       [] { nn::GRU<double>({.input = 3, .hidden = 2, .dropout = nan}, random_numbers); });
  says("recurrent: zoneout nan; the rate must be in [0, 1)",
       [] { nn::GRU<double>({.input = 3, .hidden = 2, .zoneout = {nan}}, random_numbers); });
  says("recurrent: input 0, hidden 2, layers 1; all sizes must be given",
       [] { nn::GRU<double>({.input = 0, .hidden = 2}, random_numbers); });
  says("recurrent: input 3, hidden 0, layers 1; all sizes must be given",
       [] { nn::GRU<double>({.input = 3, .hidden = 0}, random_numbers); });
  says("recurrent: 9223372036854775808 layers; there is no memory for so many", [] {
    nn::GRU<double>({.input = 3, .hidden = 2, .layers = most / 2 + 1, .bidirectional = true}, random_numbers);
  });
  says("recurrent: 9223372036854775808 layers; there is no memory for so many",
       [] { nn::GRU<double>({.input = 3, .hidden = 2, .layers = most / 2 + 1}, random_numbers); });
  says("cell: 4 gates of size 4611686018427387904; there is no memory for so many",
       [] { nn::LSTM<double>({.input = 3, .hidden = most / 4 + 1}, random_numbers); });
  for (const auto& [bias, text] : {std::pair(nan, "nan"), {infinity, "inf"}, {-infinity, "-inf"}})
    says("lstm: a forget bias of " + std::string(text) + "; it must be finite", [&, bias = bias] {
      nn::LSTM<double>({.input = 3, .hidden = 2, .cell = {.forget_bias = bias}}, random_numbers);
    });
  says("lstm: a forget bias of 1e+300; it must be finite",
       [] { nn::LSTM<float>({.input = 3, .hidden = 2, .cell = {.forget_bias = 1e300}}, random_numbers); });
  says("unroll: an initial state of shape (2, 1) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(layer.cells()[0], numbers({4, 2, 3}), {numbers({2, 1})});
  });
  says("unroll: an initial state of shape (2, 1) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(lstm.cells()[0], numbers({4, 2, 3}), {numbers({2, 2}), numbers({2, 1})});
  });
  says("unroll: an initial state of shape (3, 2) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(lstm.cells()[0], numbers({4, 2, 3}), {numbers({2, 2}), numbers({3, 2})});
  });
  says("unroll: an initial state of shape (2,) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(layer.cells()[0], numbers({4, 2, 3}), {numbers({2})});
  });
  says("unroll: zoneout nan; the rate must be in [0, 1)", [] {
    nn::unroll(layer.cells()[0], numbers({4, 3}), {2, 2}, {numbers({2, 2})}, false, {nan});
  });
  says("unroll: zoneout -0.5; the rate must be in [0, 1)", [] {
    nn::unroll(layer.cells()[0], numbers({4, 3}), {2, 2}, {numbers({2, 2})}, false, {-0.5});
  });
  struct Growing : nn::Module<double> {
    using State = std::array<V, 1>;
    V input(const V& x) const { return x; }
    State step(const V& x, const State& state) const { return {x + state[0]}; }
  };
  says("unroll: a step from a state of shape (2, 1) to one of (2, 3); they must be equal (in step 0)", [] {
    nn::unroll(Growing(), numbers({4, 2, 3}), {numbers({2, 1})});
  });
}

void refuse_layers(Refusals& says) {
  says("dropout: a rate of 1; it must be in [0, 1)", [&] { nn::Dropout<double>({.rate = 1}); });
  says("dropout: a rate of -0.5; it must be in [0, 1)", [&] { nn::dropout(numbers({2}), -0.5); });
  says("zoneout: a rate of 1; it must be in [0, 1)", [&] { nn::zoneout(numbers({2}), numbers({2}), 1); });
  says("zoneout: shape (2,) before and (3,) after; they must be equal",
       [&] { nn::zoneout(numbers({2}), numbers({3}), 0.5); });
  says("layer_norm: size 0; it must be given", [&] { nn::LayerNorm<double>({}); });
  says("layer_norm: x has shape (2, 3); its last size must be 4", [&] {
    nn::LayerNorm<double>({.size = 4})(numbers({2, 3}));
  });
  says("linear: input 0, output 2; both sizes must be given",
       [&] { nn::Linear<double>({.output = 2}, random_numbers); });
  says("linear: a weight of shape (3,); it must be (output, input)", [&] {
    nn::Linear<double>(Parameter<double>({1.0, 2.0, 3.0}));
  });
  says("linear: a bias of shape (2,) for a weight of shape (1, 3); it must be (output,)", [&] {
    nn::Linear<double>(Parameter<double>(Array<double>{{1.0, 2.0, 3.0}}), Parameter<double>({1.0, 2.0}));
  });
  says("embedding: count 5, size 0; both must be given", [&] { nn::Embedding<double>({.count = 5}, random_numbers); });
  says("embedding: a table of shape (3,); it must be (count, size)", [&] {
    nn::Embedding<double>(Array<double>{1, 2, 3});
  });
  says("embedding: index 2 at position (1, 0); the table has 2 rows", [&] {
    nn::Embedding<double>(Array<double>{{1, 2}, {3, 4}})(Indices{{0, 1}, {2, 0}});
  });
  says("last_step: x has shape (4, 2); it must be (time, batch, size)", [&] {
    nn::last_step(numbers({4, 2}), Indices{1, 2});
  });
  says("mean_over_time: lengths of shape (1,) for a batch of 2; there must be one for each sequence", [&] {
    nn::mean_over_time(numbers({4, 2, 3}), Indices{1});
  });
  says("mean_over_time: length 5 of sequence 1; it must be between 0 and 4", [&] {
    nn::mean_over_time(numbers({4, 2, 3}), Indices{1, 5});
  });
  says("both_ends: h has shape (3, 2, 4); it must be (layers × 2, batch, hidden)", [&] {
    nn::both_ends(numbers({3, 2, 4}));
  });
  says("uniform_by_fan_in: a fan-in of 0; it must be positive", [&] {
    nn::uniform_by_fan_in<double>({2, 3}, 0, random_numbers);
  });
  says("glorot_uniform: shape (2, 3, 4); it must be that of a matrix", [&] {
    nn::glorot_uniform<double>({2, 3, 4}, random_numbers);
  });
  says("orthogonal: shape (2,); it must be that of a matrix", [&] { nn::orthogonal<double>({2}, random_numbers); });
  says("dropout: a rate of nan; it must be in [0, 1)", [] { nn::Dropout<double>({.rate = nan}); });
  says("dropout: a rate of nan; it must be in [0, 1)", [] { nn::dropout(numbers({2}), nan); });
  says("dropout: axis 2 of an array with 1 axes; it must be between -1 and 0",
       [] { nn::dropout(numbers({2}), 0.5, 2); });
  says("zoneout: a rate of nan; it must be in [0, 1)", [] { nn::zoneout(numbers({2}), numbers({2}), nan); });
  for (const auto& [epsilon, text] : {std::pair(nan, "nan"), {infinity, "inf"}, {-1e-5, "-1e-05"}}) {
    says("layer_norm: epsilon is " + std::string(text) + "; it must be 0 or more, and finite",
         [&, epsilon = epsilon] { nn::LayerNorm<double>({.size = 2, .epsilon = epsilon}); });
    says("layer_norm: epsilon is " + std::string(text) + "; it must be 0 or more, and finite", [&, epsilon = epsilon] {
      nn::layer_norm(numbers({2, 2}), {}, {}, epsilon);
    });
  }
  says("layer_norm: size 0; it must be given", [] { nn::LayerNorm<double>({.size = 0}); });
  says("linear: input 3, output 0; both sizes must be given",
       [] { nn::Linear<double>({.input = 3, .output = 0}, random_numbers); });
  says("linear: input 0, output 3; both sizes must be given",
       [] { nn::Linear<double>({.input = 0, .output = 3}, random_numbers); });
  says("embedding: count 0, size 5; both must be given",
       [] { nn::Embedding<double>({.count = 0, .size = 5}, random_numbers); });
  says("embedding: count 5, size 0; both must be given",
       [] { nn::Embedding<double>({.count = 5, .size = 0}, random_numbers); });
  says("embedding: index -1 at position (0,); the table has 2 rows", [] {
    nn::Embedding<double>(Array<double>{{1, 2}, {3, 4}})(Indices{-1});
  });
  says("last_step: length -1 of sequence 0; it must be between 0 and 4", [] {
    nn::last_step(numbers({4, 2, 3}), Indices{-1, 2});
  });
  says("last_step: lengths of shape (1,) for a batch of 2; there must be one for each sequence", [] {
    nn::last_step(numbers({4, 2, 3}), Indices{1});
  });
}

void refuse_losses(Refusals& says) {
  says("cross_entropy: label 3 at position (1,); there are 3 classes", [&] {
    nn::cross_entropy(numbers({2, 3}), Indices{0, 3});
  });
  says("cross_entropy: label -1 at position (1, 0); there are 3 classes", [&] {
    nn::cross_entropy_total<double>(numbers({2, 2, 3}), Indices{{1, 2}, {-1, 0}});
  });
  says("cross_entropy: logits of shape (2, 3) and labels of shape (3,); the former must be the latter and the classes",
       [&] {
         nn::cross_entropy(numbers({2, 3}), Indices{0, 1, 2});
       });
  says("cross_entropy: smoothing 1; it must be in [0, 1)", [&] {
    nn::cross_entropy(numbers({2, 3}), Indices{0, 1}, {.smoothing = 1});
  });
  says("cross_entropy: weights of shape (2,); there must be one for each of 3 classes", [&] {
    nn::cross_entropy(numbers({2, 3}), Indices{0, 1}, {.weights = {1.0, 2.0}});
  });
  says("mean_squared_error: shape (2, 3) with targets of shape (3,); they must be equal", [&] {
    nn::mean_squared_error(numbers({2, 3}), numbers({3}));
  });
  says("kl_divergence: shape (); the last axis must be that of the classes",
       [&] { nn::kl_divergence(numbers({}), numbers({})); });
  says("mean: the shape is (0, 3); there is nothing to average (in mean_absolute_error)", [&] {
    nn::mean_absolute_error(numbers({0, 3}), numbers({0, 3}));
  });
  says("cross_entropy: smoothing nan; it must be in [0, 1)", [] {
    nn::cross_entropy(numbers({2, 3}), Indices{0, 1}, {.smoothing = nan});
  });
  says("cross_entropy: smoothing -0.1; it must be in [0, 1)", [] {
    nn::cross_entropy_total<double>(numbers({2, 3}), Indices{0, 1}, {.smoothing = -0.1});
  });
  for (const auto& [weight, text] : {std::pair(nan, "nan"), {infinity, "inf"}, {-1.0, "-1"}})
    says("cross_entropy: weight " + std::string(text) + " of class 1; it must be 0 or more, and finite",
         [&, weight = weight] {
           nn::cross_entropy(numbers({2, 3}), Indices{0, 1}, {.weights = {1.0, weight, 2.0}});
         });
  says("mean: the shape is (0,); there is nothing to average (in kl_divergence)", [] {
    nn::kl_divergence(numbers({0, 3}), numbers({0, 3}));
  });
  says("binary_cross_entropy: shape (2,) with targets of shape (3,); they must be equal",
       [] { nn::binary_cross_entropy(numbers({2}), numbers({3})); });
  says("mean_absolute_error: shape (2,) with targets of shape (1,); they must be equal",
       [] { nn::mean_absolute_error(numbers({2}), numbers({1})); });
}

void refuse_crf(Refusals& says) {
  says("crf: 0 tags; their number must be given", [&] { nn::CRF<double>({}, random_numbers); });
  says("crf: emissions of shape (4, 2, 5); it must be (time, batch, 3)", [&] { crf.decode(numbers({4, 2, 5})); });
  says("crf: labels of shape (2, 2) for emissions of shape (4, 2, 3); there must be one for each step of each sequence",
       [&] {
         crf.log_likelihood(numbers({4, 2, 3}), Indices{{0, 1}, {2, 0}});
       });
  says("crf: label -1 at position (1, 0); there are 3 tags", [&] {
    crf.loss(numbers({2, 2, 3}), Indices{{0, 1}, {-1, 5}}, Indices{2, 1});
  });
  says("lengths: length 5 of sequence 0; it must be between 0 and 4 (in crf)", [&] {
    crf.decode(numbers({4, 2, 3}), Indices{5, 1});
  });
  says("crf: 0 tags; their number must be given", [] { nn::CRF<double>({.tags = 0}, random_numbers); });
  says("crf: label 3 at position (0, 0); there are 3 tags", [] {
    crf.log_likelihood(numbers({1, 1, 3}), xt::zeros<std::int64_t>({1, 1}) + 3);
  });
}

void refuse_modules(Refusals& says) {
  struct Small : nn::Module<float> {
    Parameter<float> w{Array<float>{1, 2}};
    Small() { add("w", w); }
  } small;
  Model large({{"w", {2}}});
  large.parameters[0].assign({1, -1e300});
  says("copy_from: 'w' holds -1e+300; it must fit a float", [&] { small.copy_from(large); });
  CHECK(small.w.value() == Array<float>{1, 2});
  struct Outer : nn::Module<double> {
    Model model{{{"a", {1}}}};
    nn::Dropout<double> dropout{{.rate = 0.5}};
    Outer() {
      add("model", model);
      add("dropout", dropout);
    }
  } outer;
  const std::string on =
      ", and would go on with the parameters that were here; use copy_from(), or make the whole model anew";
  says("module: assigned to while another module has registered its 'a'" + on, [&] {
    outer.model = Model({{"a", {1}}});
  });
  says("module: assigned to while another module has registered it" + on,
       [&] { outer.dropout = nn::Dropout<double>({.rate = 0.5}); });
  says("module: copied; a copy would share its parameters, so use clone(), or share one model through std::shared_ptr",
       [&] { const auto copy = layer; });
  says("module: 'a' is added twice; names must be different", [&] { Model({{"a", {1}}, {"a", {2}}}); });
  says("copy_from: 1 parameters for a model with 2; the models must have the same", [&] {
    Model({{"a", {1}}, {"b", {1}}}).copy_from(Model({{"a", {1}}}));
  });
  says("copy_from: parameter 'c' where the model has 'b'; the names must be equal", [&] {
    Model({{"a", {1}}, {"b", {1}}}).copy_from(Model({{"a", {1}}, {"c", {1}}}));
  });
  says("copy_from: 'b' has shape (1, 3); the model needs (3,)", [&] {
    Model({{"a", {1}}, {"b", {3}}}).copy_from(Model({{"a", {1}}, {"b", {1, 3}}}));
  });
}

void refuse_optimizers(Refusals& says) {
  says("optimizer: there are no parameters; there must be at least one", [&] { nn::SGD<double>({}, {}); });
  says("optimizer: parameter 'w' is given twice; parameters() of one module has each once", [&] {
    const Parameter<double> w({1.0}, "w");
    nn::SGD<double>({w, w}, {});
  });
  says("sgd: momentum is -1; it must be 0 or more, and finite", [&] { nn::SGD<double>(trained, {.momentum = -1}); });
  says("sgd: nesterov without momentum; set momentum", [&] { nn::SGD<double>(trained, {.nesterov = true}); });
  says("optimizer: the learning rate factor of a group is -2; it must be 0 or more, and finite",
       [&] { nn::SGD<double>({{.parameters = layer.parameters(), .learning_rate_factor = -2}}); });
  says("optimizer: the weight_decay of a group is nan; it must be 0 or more, and finite",
       [&] { nn::Adam<double>({{.parameters = layer.parameters(), .weight_decay = std::nan("")}}); });
  says("adam: epsilon is -1; it must be 0 or more, and finite", [&] { nn::Adam<double>(trained, {.epsilon = -1}); });
  says("rmsprop: alpha is 1; it must be in [0, 1)", [&] { nn::RMSprop<double>(trained, {.alpha = 1}); });
  says("rmsprop: momentum is -1; it must be 0 or more, and finite",
       [&] { nn::RMSprop<double>(trained, {.momentum = -1}); });
  says("rmsprop: epsilon is inf; it must be 0 or more, and finite",
       [&] { nn::RMSprop<double>(trained, {.epsilon = std::numeric_limits<double>::infinity()}); });
  says("adagrad: learning_rate_decay is -1; it must be 0 or more, and finite",
       [&] { nn::Adagrad<double>(trained, {.learning_rate_decay = -1}); });
  says("adagrad: initial is -1; it must be 0 or more, and finite",
       [&] { nn::Adagrad<double>(trained, {.initial = -1}); });
  says("adadelta: weight_decay is -1; it must be 0 or more, and finite",
       [&] { nn::Adadelta<double>(trained, {.weight_decay = -1}); });
  says("adadelta: rho is nan; it must be in [0, 1)", [&] { nn::Adadelta<double>(trained, {.rho = std::nan("")}); });
  says("adam: beta1 is 1; it must be in [0, 1)", [&] { nn::Adam<double>(trained, {.beta1 = 1}); });
  says("adam: the learning rate is nan; it must be 0 or more, and finite",
       [&] { nn::AdamW<double>(trained, {.learning_rate = std::nan("")}); });
  for (const auto& [bad, given] : {std::pair(nan, "nan"), {infinity, "inf"}, {-1.0, "-1"}}) {
    const std::string is = std::string(" is ") + given + "; it must be ", not_negative = is + "0 or more, and finite";
    const std::string share = is + "in [0, 1)";
    const double x = bad;
    says("sgd: the learning rate" + not_negative, [=] { nn::SGD<double>(trained, {.learning_rate = x}); });
    says("sgd: momentum" + not_negative, [=] { nn::SGD<double>(trained, {.momentum = x}); });
    says("sgd: weight_decay" + not_negative, [=] { nn::SGD<double>(trained, {.weight_decay = x}); });
    says("adam: the learning rate" + not_negative, [=] { nn::Adam<double>(trained, {.learning_rate = x}); });
    says("adam: beta1" + share, [=] { nn::Adam<double>(trained, {.beta1 = x}); });
    says("adam: beta2" + share, [=] { nn::AdamW<double>(trained, {.beta2 = x}); });
    says("adam: beta2" + share, [=] { nn::Adam<double>(trained, {.beta2 = x}); });
    says("adam: epsilon" + not_negative, [=] { nn::Adam<double>(trained, {.epsilon = x}); });
    says("adam: weight_decay" + not_negative, [=] { nn::Adam<double>(trained, {.weight_decay = x}); });
    says("rmsprop: the learning rate" + not_negative, [=] { nn::RMSprop<double>(trained, {.learning_rate = x}); });
    says("rmsprop: alpha" + share, [=] { nn::RMSprop<double>(trained, {.alpha = x}); });
    says("rmsprop: epsilon" + not_negative, [=] { nn::RMSprop<double>(trained, {.epsilon = x}); });
    says("rmsprop: momentum" + not_negative, [=] { nn::RMSprop<double>(trained, {.momentum = x}); });
    says("rmsprop: weight_decay" + not_negative, [=] { nn::RMSprop<double>(trained, {.weight_decay = x}); });
    says("adagrad: the learning rate" + not_negative, [=] { nn::Adagrad<double>(trained, {.learning_rate = x}); });
    says("adagrad: learning_rate_decay" + not_negative,
         [=] { nn::Adagrad<double>(trained, {.learning_rate_decay = x}); });
    says("adagrad: epsilon" + not_negative, [=] { nn::Adagrad<double>(trained, {.epsilon = x}); });
    says("adagrad: weight_decay" + not_negative, [=] { nn::Adagrad<double>(trained, {.weight_decay = x}); });
    says("adagrad: initial" + not_negative, [=] { nn::Adagrad<double>(trained, {.initial = x}); });
    says("adadelta: the learning rate" + not_negative, [=] { nn::Adadelta<double>(trained, {.learning_rate = x}); });
    says("adadelta: rho" + share, [=] { nn::Adadelta<double>(trained, {.rho = x}); });
    says("adadelta: epsilon" + not_negative, [=] { nn::Adadelta<double>(trained, {.epsilon = x}); });
    says("adadelta: weight_decay" + not_negative, [=] { nn::Adadelta<double>(trained, {.weight_decay = x}); });
    says("optimizer: the learning rate factor of a group" + not_negative,
         [=] { nn::SGD<double>({{.parameters = trained, .learning_rate_factor = x}}); });
    says("optimizer: the weight_decay of a group" + not_negative,
         [=] { nn::SGD<double>({{.parameters = trained, .weight_decay = x}}); });
    const double kept = std::exchange(optimizer.learning_rate, x);
    says("step: the learning rate" + not_negative, [&] { optimizer.step(good); });
    optimizer.learning_rate = kept;
  }
  const Parameter<float> small(Array<float>{1});
  says("adam: epsilon is 1e+300; it must be 0 or more, and finite",
       [&] { nn::Adam<float>({small}, {.epsilon = 1e300}); });
  nn::SGD<double> fast({{.parameters = trained, .learning_rate_factor = 1e300}});
  fast.learning_rate = 1e300;
  says("step: the learning rate of a group is inf; it must be 0 or more, and finite", [&] { fast.step(good); });
  says(
      "step: 3 gradients, none of them by a parameter of this optimizer; make it from the parameters of the model "
      "that is swept",
      [&] { optimizer.step(good); });
  says(
      "step: 0 gradients, none of them by a parameter of this optimizer; make it from the parameters of the model "
      "that is swept",
      [&] { optimizer.step(Gradients<double>()); });
  says("step: the gradient of 'lstm.weight_hh_l0' holds inf; it must be finite", [&] { optimizer.step(infinite); });
  says("step: the gradient of a watched variable holds -inf; it must be finite", [&] { optimizer.step(of_watched); });
  Gradients<double> clipped = infinite, finite = good;
  for (const auto& [bad, given] : {std::pair(nan, "nan"), {-infinity, "-inf"}, {-1.0, "-1"}}) {
    const double x = bad;
    says("clip_norm: a limit of " + std::string(given) + "; it must be 0 or more", [&] { nn::clip_norm(finite, x); });
    says("clip_value: a limit of " + std::string(given) + "; it must be 0 or more", [&] { nn::clip_value(finite, x); });
  }
  says("clip_norm: the gradient of 'lstm.weight_hh_l0' holds inf; it must be finite",
       [&] { nn::clip_norm(clipped, 1); });
  says("clip_value: the gradient of 'lstm.weight_hh_l0' holds inf; it must be finite",
       [&] { nn::clip_value(clipped, 1); });
  CHECK(finite.norm() == good.norm());
}

void refuse_schedules(Refusals& says) {
  says("step_schedule: every 0 epochs; it must be at least 1", [&] { nn::StepSchedule({.every = 0}); });
  says("cosine_schedule: 10 steps with a warm-up of 10; there must be more steps than that",
       [&] { nn::CosineSchedule({.steps = 10, .warm_up = 10}); });
  says("cosine_schedule: from 0.1 to 0.2; the rate must fall, to 0 or more",
       [&] { nn::CosineSchedule({.start = 0.1, .steps = 10, .least = 0.2}); });
  for (const auto& [bad, given] : {std::pair(nan, "nan"), {infinity, "inf"}, {-1.0, "-1"}}) {
    const double x = bad;
    const std::string is = given;
    says("step_schedule: start is " + is + "; it must be 0 or more, and finite",
         [=] { nn::StepSchedule({.start = x}); });
    says("step_schedule: factor is " + is + "; it must be positive, and finite",
         [=] { nn::StepSchedule({.factor = x}); });
    says("plateau_schedule: factor is " + is + "; it must be in (0, 1]", [=] { nn::PlateauSchedule({.factor = x}); });
    says("plateau_schedule: from " + is + " to 0; the rate must fall, to 0 or more",
         [=] { nn::PlateauSchedule({.start = x}); });
    says("plateau_schedule: from 0.001 to " + is + "; the rate must fall, to 0 or more",
         [=] { nn::PlateauSchedule({.least = x}); });
    says("cosine_schedule: from " + is + " to 0; the rate must fall, to 0 or more",
         [=] { nn::CosineSchedule({.start = x, .steps = 2}); });
    says("cosine_schedule: from 0.001 to " + is + "; the rate must fall, to 0 or more",
         [=] { nn::CosineSchedule({.steps = 2, .least = x}); });
  }
  says("step_schedule: factor is 0; it must be positive, and finite", [] { nn::StepSchedule({.factor = 0}); });
  says("plateau_schedule: factor is 0; it must be in (0, 1]", [] { nn::PlateauSchedule({.factor = 0}); });
  says("plateau_schedule: factor is 1.5; it must be in (0, 1]", [] { nn::PlateauSchedule({.factor = 1.5}); });
  says("plateau_schedule: from 0.1 to 0.2; the rate must fall, to 0 or more",
       [] { nn::PlateauSchedule({.start = 0.1, .least = 0.2}); });
  says("cosine_schedule: 0 steps with a warm-up of 0; there must be more steps than that",
       [] { nn::CosineSchedule({}); });
}

void refuse_rest(Refusals& says) {
  const auto constant = [](std::size_t) { return V(1.0); };
  says("parallel_gradients: 0 shares; there must be at least one", [&] { nn::parallel_gradients(0, constant); });
  says("parallel_gradients: 18446744073709551615 shares; there is no memory for so many",
       [&] { nn::parallel_gradients(most, constant, {.random = &random_numbers}); });
  says("backward: the loss was not recorded on this tape; make it with tape.watch() or use a Parameter",
       [&] { nn::parallel_gradients(2, constant, {.random = &random_numbers}); });
  says("batches: the batch size is 0; it must be at least 1",
       [] { nn::make_batches({{1}}, {.size = 0}, &random_numbers); });
  says("batches: the batch size is 0; it must be at least 1", [] {
    nn::batches_of_similar_length({1, 2}, 0, &random_numbers);
  });
  says("batches: the number of sequences is 2 in tokens and 1 in labels; it must be the same", [] {
    nn::make_batches({{1}, {2}}, {{1}}, {}, &random_numbers);
  });
  says("batches: sequence 1 has length 2 in tokens and 1 in labels; each token needs one label", [] {
    nn::make_batches({{1}, {2, 3}}, {{1}, {2}}, {}, &random_numbers);
  });
  says("pad: row 1; the number of sequences is 1", [] { nn::pad({{1}}, {1}, 0); });
}

void refuse_texts(Refusals& says) {
  says("windows: a text of 1 tokens; there must be two to predict one", [] { nn::Windows({1}); });
  says("windows: 0 columns of 35 steps; there must be at least one", [] { nn::Windows({1, 2}, {.columns = 0}); });
  says("windows: 32 columns of 0 steps; there must be at least one", [] { nn::Windows({1, 2}, {.steps = 0}); });
  const nn::Windows windows({1, 2, 3}, {.columns = 2});
  says("windows: window 1 from column 0; there are 1 windows of 2 columns", [&] { windows.tokens(1); });
  says("windows: window 0 from column 3; there are 1 windows of 2 columns", [&] { windows.labels(0, 3); });
  const auto sample = [](const Array<double>& scores, const nn::SamplingOptions& options) {
    nn::sample(scores, options, random_numbers);
  };
  const auto nothing = Array<double>::from_shape({0});
  says("sample: temperature is -1; it must be 0 or more, and finite", [&] { sample({1, 2}, {.temperature = -1}); });
  says("sample: top_p is 1.5; it must be in [0, 1]", [&] { sample({1, 2}, {.top_p = 1.5}); });
  says("sample: top_p is nan; it must be in [0, 1]", [&] { sample({1, 2}, {.top_p = nan}); });
  says("sample: score 1 is nan; it must be less than inf", [&] { sample({1, nan}, {}); });
  says("sample: score 0 is inf; it must be less than inf", [&] { sample({infinity, 2}, {}); });
  says("sample: 1 scores, none of them above -inf; there must be one", [&] { sample({-infinity}, {.top_k = 1}); });
  says("sample: 0 scores, none of them above -inf; there must be one", [&] { sample(nothing, {}); });
}

// What can be seen of all that refused calls are made with.
std::vector<double> everything(const Tape<double>& tape, const Random& random) {
  std::vector<double> all{double(tape.size())};
  for (const Random* stream : {&random, static_cast<const Random*>(&random_numbers)})
    for (const std::uint64_t word : stream->state()) all.push_back(double(word));
  const auto add = [&](const auto& array) { all.insert(all.end(), array.begin(), array.end()); };
  for (const nn::Module<double>* model : std::initializer_list<const nn::Module<double>*>{&layer, &lstm, &crf})
    for (const auto& parameter : model->parameters()) add(parameter.value());
  const auto see = [&](const std::string&, const auto& value) {
    if constexpr (requires { value.begin(); })
      add(value);
    else
      all.push_back(double(value));
  };
  optimizer.visit_state(see);
  return all;
}

// The refusals of all layers, each made to happen once.
std::vector<std::string> refuse_all() {
  Random random(52);
  Tape<double> tape(random);
  layer(tape.watch(numbers({1, 1, 3})));
  Refusals says([&] { return everything(tape, random); });
  refuse_recurrent(says);
  refuse_layers(says);
  refuse_losses(says);
  refuse_crf(says);
  refuse_modules(says);
  refuse_optimizers(says);
  refuse_schedules(says);
  refuse_rest(says);
  refuse_texts(says);
  return says.texts();
}

}  // namespace

TEST_CASE("every refusal says where, what was given and what must hold, and changes nothing") {
  const auto texts = refuse_all();
  CHECK(texts.size() > 200);
  // What reads and writes files and text has tests of its own.
  const std::regex tested_elsewhere(
      "(atomic_file|checkpoint|conllu|lines|safetensors|safetensors_header|stored_tensor|utf8|vocabulary|"
      "word_vectors)\\..pp");
  const std::regex literal(R"--("((?:[^"\\\n]|\\.)*)")--");
  std::size_t demands = 0;
  for (const auto& path : sources("../nn")) {
    const std::string name = path.filename().string();
    if (std::regex_match(name, tested_elsewhere)) continue;
    const std::string source = contents(path.string());
    for (std::sregex_iterator found(source.begin(), source.end(), literal), end; found != end; ++found) {
      const std::string text = found->str(1);
      if (text.find("; ") == std::string::npos || text.find("moved from") != std::string::npos) continue;
      CAPTURE(name);
      CAPTURE(text);
      CHECK(std::any_of(texts.begin(), texts.end(),
                        [&](const std::string& row) { return row.find(text) != std::string::npos; }));
      ++demands;
    }
  }
  CHECK(demands >= 25);
}

TEST_CASE("every number in options has a row in the table") {
  const auto missing = numbers_without_a_row("../nn", "layers_errors_test.cpp",
                                             {{"Recurrent", "(?:RNN|LSTM|GRU)"},
                                              {"LSTM.projection", ""},
                                              {"LSTM.forget_bias", "cell"},
                                              {"CrossEntropy", "cross_entropy"},
                                              {"CrossEntropy.ignore", ""},
                                              {"Batch", "make_batches"},
                                              {"Batch.padding", ""},
                                              {"StepSchedule.from", ""},
                                              {"PlateauSchedule.patience", ""},
                                              {"Parallel.threads", ""},
                                              {"Window", "Windows"},
                                              {"Sampling", "sample"}});
  for (const std::string& number : missing) FAIL_CHECK("no row gives " << number);
}

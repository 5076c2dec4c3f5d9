// Every refusal of the layers, losses and optimisers, word for word; none of them leaves a trace on the tape.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <regex>

#include "nn/nn.hpp"

using namespace unroll;

namespace {

using V = Variable<double>;

struct Refusal {
  std::string text;
  std::function<void()> provoke;
};

struct Model : nn::Module<double> {
  std::vector<Parameter<double>> parameters;
  explicit Model(const std::vector<std::pair<std::string, Shape>>& named) {
    for (const auto& [name, shape] : named) add(name, parameters.emplace_back(zeros<double>(shape).value()));
  }
};

Random random_numbers(51);

V numbers(const Shape& shape) { return random_numbers.normal<double>(shape); }

const nn::GRU<double> layer({.input = 3, .hidden = 2}, random_numbers);
const nn::CRF<double> crf({.tags = 3}, random_numbers);
const nn::LSTM<double> lstm({.input = 3, .hidden = 2, .bidirectional = true}, random_numbers);

// Gradients one of which is not finite.
Gradients<double> gradients_with(double bad, bool of_watched) {
  const Parameter<double> good({1.0}, "lstm.bias_hh_l0"), other({2.0, 3.0}, "lstm.weight_hh_l0");
  Tape<double> tape;
  const V watched = tape.watch(Array<double>{1.0});
  return tape.backward(of_watched ? sum(watched * bad + good) : sum(good) + sum(other * Array<double>{1.0, bad}));
}

const std::vector<Refusal> refusals{
    {"recurrent: input 0, hidden 2, layers 1; all sizes must be given",
     [] { nn::RNN<double>({.hidden = 2}, random_numbers); }},
    {"recurrent: input 3, hidden 2, layers 0; all sizes must be given",
     [] { nn::LSTM<double>({.input = 3, .hidden = 2, .layers = 0}, random_numbers); }},
    {"recurrent: dropout 1; the rate must be in [0, 1)",
     [] { nn::GRU<double>({.input = 3, .hidden = 2, .dropout = 1}, random_numbers); }},
    {"lstm: a forget bias of 1 in a cell without biases; set bias = true",
     [] { nn::LSTM<double>({.input = 3, .hidden = 2, .bias = false, .cell = {.forget_bias = 1}}, random_numbers); }},
    {"recurrent: x has shape (4, 3); it must be (time, batch, 3)",
     [] {
       layer(numbers({4, 3}));
     }},
    {"recurrent: x has shape (4, 2, 5); it must be (time, batch, 3)",
     [] {
       layer(numbers({4, 2, 5}));
     }},
    {"lengths: shape (3,) for a batch of 2; there must be one for each sequence (in recurrent)",
     [] {
       layer(numbers({4, 2, 3}), Indices{4, 2, 1});
     }},
    {"lengths: length 5 of sequence 1; it must be between 0 and 4 (in recurrent)",
     [] {
       layer(numbers({4, 2, 3}), Indices{4, 5});
     }},
    {"lengths: length -1 of sequence 0; it must be between 0 and 4 (in recurrent)",
     [] {
       layer(numbers({4, 2, 3}), Indices{-1, 4});
     }},
    {"recurrent: an initial state of shape (1, 2, 2); it must be (2, 2, 2)",
     [] {
       lstm(numbers({4, 2, 3}), {}, std::array{numbers({2, 2, 2}), numbers({1, 2, 2})});
     }},
    {"unroll: x has shape (4, 3); it must be (time, batch, input)",
     [] {
       nn::unroll(layer.cells()[0], numbers({4, 3}), {numbers({4, 2})});
     }},
    {"unroll: an initial state of shape (1, 2) for 2 sequences; it must be (batch, hidden)",
     [] {
       nn::unroll(layer.cells()[0], numbers({4, 2, 3}), {numbers({1, 2})});
     }},
    {"unroll: rows of shape (4, 3) for steps of 3 rows together; there must be as many",
     [] {
       nn::unroll(layer.cells()[0], numbers({4, 3}), {2, 1}, {numbers({2, 2})});
     }},
    {"dropout: a rate of 1; it must be in [0, 1)", [] { nn::Dropout<double>({.rate = 1}); }},
    {"dropout: a rate of -0.5; it must be in [0, 1)", [] { nn::dropout(numbers({2}), -0.5); }},
    {"recurrent: zoneout 1; the rate must be in [0, 1)",
     [] {
       nn::LSTM<double>({.input = 3, .hidden = 2, .zoneout = {0.5, 1}}, random_numbers);
     }},
    {"zoneout: a rate of 1; it must be in [0, 1)", [] { nn::zoneout(numbers({2}), numbers({2}), 1); }},
    {"zoneout: shape (2,) before and (3,) after; they must be equal",
     [] { nn::zoneout(numbers({2}), numbers({3}), 0.5); }},
    {"layer_norm: size 0; it must be given", [] { nn::LayerNorm<double>({}); }},
    {"layer_norm: x has shape (2, 3); its last size must be 4",
     [] {
       nn::LayerNorm<double>({.size = 4})(numbers({2, 3}));
     }},
    {"linear: input 0, output 2; both sizes must be given", [] { nn::Linear<double>({.output = 2}, random_numbers); }},
    {"linear: a weight of shape (3,); it must be (output, input)",
     [] {
       nn::Linear<double>(Parameter<double>({1.0, 2.0, 3.0}));
     }},
    {"linear: a bias of shape (2,) for a weight of shape (1, 3); it must be (output,)",
     [] {
       nn::Linear<double>(Parameter<double>(Array<double>{{1.0, 2.0, 3.0}}), Parameter<double>({1.0, 2.0}));
     }},
    {"embedding: count 5, size 0; both must be given", [] { nn::Embedding<double>({.count = 5}, random_numbers); }},
    {"embedding: a table of shape (3,); it must be (count, size)",
     [] {
       nn::Embedding<double>(Array<double>{1, 2, 3});
     }},
    {"embedding: index 2 at position (1, 0); the table has 2 rows",
     [] {
       nn::Embedding<double>(Array<double>{{1, 2}, {3, 4}})(Indices{{0, 1}, {2, 0}});
     }},
    {"last_step: x has shape (4, 2); it must be (time, batch, size)",
     [] {
       nn::last_step(numbers({4, 2}), Indices{1, 2});
     }},
    {"mean_over_time: lengths of shape (1,) for a batch of 2; there must be one for each sequence",
     [] {
       nn::mean_over_time(numbers({4, 2, 3}), Indices{1});
     }},
    {"mean_over_time: length 5 of sequence 1; it must be between 0 and 4",
     [] {
       nn::mean_over_time(numbers({4, 2, 3}), Indices{1, 5});
     }},
    {"both_ends: h has shape (3, 2, 4); it must be (layers × 2, batch, hidden)",
     [] {
       nn::both_ends(numbers({3, 2, 4}));
     }},
    {"cross_entropy: label 3 at position (1,); there are 3 classes",
     [] {
       nn::cross_entropy(numbers({2, 3}), Indices{0, 3});
     }},
    {"cross_entropy: label -1 at position (1, 0); there are 3 classes",
     [] {
       nn::cross_entropy_total<double>(numbers({2, 2, 3}), Indices{{1, 2}, {-1, 0}});
     }},
    {"cross_entropy: logits of shape (2, 3) and labels of shape (3,); the former must be the latter and the classes",
     [] {
       nn::cross_entropy(numbers({2, 3}), Indices{0, 1, 2});
     }},
    {"cross_entropy: smoothing 1; it must be in [0, 1)",
     [] {
       nn::cross_entropy(numbers({2, 3}), Indices{0, 1}, {.smoothing = 1});
     }},
    {"cross_entropy: weights of shape (2,); there must be one for each of 3 classes",
     [] {
       nn::cross_entropy(numbers({2, 3}), Indices{0, 1}, {.weights = {1.0, 2.0}});
     }},
    {"mean_squared_error: shape (2, 3) with targets of shape (3,); they must be equal",
     [] {
       nn::mean_squared_error(numbers({2, 3}), numbers({3}));
     }},
    {"kl_divergence: shape (); the last axis must be that of the classes",
     [] { nn::kl_divergence(numbers({}), numbers({})); }},
    {"mean: the shape is (0, 3); there is nothing to average (in mean_absolute_error)",
     [] {
       nn::mean_absolute_error(numbers({0, 3}), numbers({0, 3}));
     }},
    {"crf: 0 tags; their number must be given", [] { nn::CRF<double>({}, random_numbers); }},
    {"crf: emissions of shape (4, 2, 5); it must be (time, batch, 3)",
     [] {
       crf.decode(numbers({4, 2, 5}));
     }},
    {"crf: labels of shape (2, 2) for emissions of shape (4, 2, 3); there must be one for each step of each sequence",
     [] {
       crf.log_likelihood(numbers({4, 2, 3}), Indices{{0, 1}, {2, 0}});
     }},
    {"crf: label -1 at position (1, 0); there are 3 tags",
     [] {
       crf.loss(numbers({2, 2, 3}), Indices{{0, 1}, {-1, 5}}, Indices{2, 1});
     }},
    {"lengths: length 5 of sequence 0; it must be between 0 and 4 (in crf)",
     [] {
       crf.decode(numbers({4, 2, 3}), Indices{5, 1});
     }},
    {"module: copied; a copy would share its parameters, so use clone(), or share one model through std::shared_ptr",
     [] { const auto copy = layer; }},
    {"module: 'a' is added twice; names must be different",
     [] {
       Model({{"a", {1}}, {"a", {2}}});
     }},
    {"copy_from: 1 parameters for a model with 2; the models must have the same",
     [] {
       Model({{"a", {1}}, {"b", {1}}}).copy_from(Model({{"a", {1}}}));
     }},
    {"copy_from: parameter 'c' where the model has 'b'; the names must be equal",
     [] {
       Model({{"a", {1}}, {"b", {1}}}).copy_from(Model({{"a", {1}}, {"c", {1}}}));
     }},
    {"copy_from: 'b' has shape (1, 3); the model needs (3,)",
     [] {
       Model({{"a", {1}}, {"b", {3}}}).copy_from(Model({{"a", {1}}, {"b", {1, 3}}}));
     }},
    {"optimizer: there are no parameters; there must be at least one", [] { nn::SGD<double>({}, {}); }},
    {"optimizer: parameter 'w' is given twice; parameters() of one module has each once",
     [] {
       const Parameter<double> w({1.0}, "w");
       nn::SGD<double>({w, w}, {});
     }},
    {"sgd: momentum is -1; it must be 0 or more, and finite",
     [] { nn::SGD<double>(layer.parameters(), {.momentum = -1}); }},
    {"sgd: nesterov without momentum; set momentum", [] { nn::SGD<double>(layer.parameters(), {.nesterov = true}); }},
    {"optimizer: the learning rate factor of a group is -2; it must be 0 or more, and finite",
     [] { nn::SGD<double>({{.parameters = layer.parameters(), .learning_rate_factor = -2}}); }},
    {"optimizer: the weight_decay of a group is nan; it must be 0 or more, and finite",
     [] { nn::Adam<double>({{.parameters = layer.parameters(), .weight_decay = std::nan("")}}); }},
    {"adam: epsilon is -1; it must be 0 or more, and finite",
     [] { nn::Adam<double>(layer.parameters(), {.epsilon = -1}); }},
    {"rmsprop: alpha is 1; it must be in [0, 1)", [] { nn::RMSprop<double>(layer.parameters(), {.alpha = 1}); }},
    {"rmsprop: momentum is -1; it must be 0 or more, and finite",
     [] { nn::RMSprop<double>(layer.parameters(), {.momentum = -1}); }},
    {"rmsprop: epsilon is inf; it must be 0 or more, and finite",
     [] { nn::RMSprop<double>(layer.parameters(), {.epsilon = std::numeric_limits<double>::infinity()}); }},
    {"adagrad: learning_rate_decay is -1; it must be 0 or more, and finite",
     [] { nn::Adagrad<double>(layer.parameters(), {.learning_rate_decay = -1}); }},
    {"adagrad: initial is -1; it must be 0 or more, and finite",
     [] { nn::Adagrad<double>(layer.parameters(), {.initial = -1}); }},
    {"adadelta: weight_decay is -1; it must be 0 or more, and finite",
     [] { nn::Adadelta<double>(layer.parameters(), {.weight_decay = -1}); }},
    {"adadelta: rho is nan; it must be in [0, 1)",
     [] { nn::Adadelta<double>(layer.parameters(), {.rho = std::nan("")}); }},
    {"adam: beta1 is 1; it must be in [0, 1)", [] { nn::Adam<double>(layer.parameters(), {.beta1 = 1}); }},
    {"adam: the learning rate is nan; it must be 0 or more, and finite",
     [] { nn::AdamW<double>(layer.parameters(), {.learning_rate = std::nan("")}); }},
    {"step: the learning rate is -1; it must be 0 or more, and finite",
     [] {
       nn::SGD<double> optimizer(layer.parameters());
       optimizer.learning_rate = -1;
       optimizer.step(gradients_with(1, false));
     }},
    {"step: the learning rate of a group is inf; it must be 0 or more, and finite",
     [] {
       nn::SGD<double> optimizer({{.parameters = layer.parameters(), .learning_rate_factor = 1e300}});
       optimizer.learning_rate = 1e300;
       optimizer.step(gradients_with(1, false));
     }},
    {"step: 3 gradients, none of them by a parameter of this optimizer; make it from the parameters of the model that "
     "is swept",
     [] { nn::Adam<double>(layer.parameters()).step(gradients_with(1, false)); }},
    {"clip_norm: a limit of -1; it must be 0 or more",
     [] {
       auto gradients = gradients_with(1, false);
       nn::clip_norm(gradients, -1);
     }},
    {"clip_value: a limit of nan; it must be 0 or more",
     [] {
       auto gradients = gradients_with(1, false);
       nn::clip_value(gradients, std::nan(""));
     }},
    {"clip_value: the gradient of 'lstm.weight_hh_l0' holds inf; it must be finite",
     [] {
       auto gradients = gradients_with(std::numeric_limits<double>::infinity(), false);
       nn::clip_value(gradients, 1);
     }},
    {"step: the gradient of 'lstm.weight_hh_l0' holds inf; it must be finite",
     [] { nn::Adam<double>(layer.parameters()).step(gradients_with(std::numeric_limits<double>::infinity(), false)); }},
    {"clip_norm: the gradient of 'lstm.weight_hh_l0' holds -inf; it must be finite",
     [] {
       auto gradients = gradients_with(-std::numeric_limits<double>::infinity(), false);
       nn::clip_norm(gradients, 1);
     }},
    {"step: the gradient of a watched variable holds inf; it must be finite",
     [] { nn::AdamW<double>(layer.parameters()).step(gradients_with(std::numeric_limits<double>::infinity(), true)); }},
    {"step_schedule: every 0 epochs; it must be at least 1", [] { nn::StepSchedule({.every = 0}); }},
    {"cosine_schedule: 10 steps with a warm-up of 10; there must be more steps than that",
     [] { nn::CosineSchedule({.steps = 10, .warm_up = 10}); }},
    {"cosine_schedule: from 0.1 to 0.2; the rate must fall, to 0 or more",
     [] { nn::CosineSchedule({.start = 0.1, .steps = 10, .least = 0.2}); }},
    {"uniform_by_fan_in: a fan-in of 0; it must be positive",
     [] {
       nn::uniform_by_fan_in<double>({2, 3}, 0, random_numbers);
     }},
    {"glorot_uniform: shape (2, 3, 4); it must be that of a matrix",
     [] {
       nn::glorot_uniform<double>({2, 3, 4}, random_numbers);
     }},
    {"parallel_gradients: 0 shares; there must be at least one",
     [] { nn::parallel_gradients(0, [](std::size_t) { return Variable<double>(1.0); }); }},
    {"orthogonal: shape (2,); it must be that of a matrix", [] { nn::orthogonal<double>({2}, random_numbers); }},
};

}  // namespace

TEST_CASE("every refusal says where, what was given and what must hold, and leaves the tape as it was") {
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.text);
    Random random(52);
    const Random::State state = random.state();
    Tape<double> tape(random);
    layer(tape.watch(numbers({1, 1, 3})));
    const std::size_t size = tape.size();
    CHECK_THROWS_WITH_AS(refusal.provoke(), refusal.text.c_str(), Error);
    CHECK(tape.size() == size);
    CHECK(random.state() == state);
  }
}

TEST_CASE("every refusal in the sources is in the table") {
  // What reads and writes files and text has tests of its own.
  const std::regex tested_elsewhere(
      "(atomic_file|batches|checkpoint|conllu|lines|safetensors|safetensors_header|stored_tensor|utf8|"
      "vocabulary|word_vectors)\\..pp");
  const std::regex literal(R"--("((?:[^"\\\n]|\\.)*)")--");
  std::size_t demands = 0;
  for (const auto& entry : std::filesystem::directory_iterator("../nn")) {
    const std::string name = entry.path().filename().string();
    if (std::regex_match(name, tested_elsewhere)) continue;
    std::ifstream file(entry.path());
    const std::string source{std::istreambuf_iterator<char>(file), {}};
    for (std::sregex_iterator found(source.begin(), source.end(), literal), end; found != end; ++found) {
      const std::string text = found->str(1);
      if (text.find("; ") == std::string::npos) continue;
      CAPTURE(name);
      CAPTURE(text);
      CHECK(std::any_of(refusals.begin(), refusals.end(),
                        [&](const Refusal& refusal) { return refusal.text.find(text) != std::string::npos; }));
      ++demands;
    }
  }
  CHECK(demands >= 25);
}

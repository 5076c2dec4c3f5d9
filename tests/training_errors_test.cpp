// Every refusal of what trains a model, word for word; none of them leaves a trace.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "refusals.hpp"

using namespace unroll;

namespace {

// What refused calls are made with, and might change.
Random random_numbers(51);
const nn::GRU<double> layer({.input = 3, .hidden = 2}, random_numbers);
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

void refuse_losses(Refusals& says) {
  says("cross_entropy: label 3 at position (1,); there are 3 classes", [&] {
    nn::cross_entropy(of({2, 3}), Indices{0, 3});
  });
  says("cross_entropy: label -1 at position (1, 0); there are 3 classes", [&] {
    nn::cross_entropy_total<double>(of({2, 2, 3}), Indices{{1, 2}, {-1, 0}});
  });
  says("cross_entropy: logits of shape (2, 3) and labels of shape (3,); the former must be the latter and the classes",
       [&] {
         nn::cross_entropy(of({2, 3}), Indices{0, 1, 2});
       });
  says("cross_entropy: smoothing 1; it must be in [0, 1)", [&] {
    nn::cross_entropy(of({2, 3}), Indices{0, 1}, {.smoothing = 1});
  });
  says("cross_entropy: weights of shape (2,); there must be one for each of 3 classes", [&] {
    nn::cross_entropy(of({2, 3}), Indices{0, 1}, {.weights = {1.0, 2.0}});
  });
  says("mean_squared_error: shape (2, 3) with targets of shape (3,); they must be equal", [&] {
    nn::mean_squared_error(of({2, 3}), of({3}));
  });
  says("kl_divergence: shape (); the last axis must be that of the classes",
       [&] { nn::kl_divergence(of({}), of({})); });
  says("mean: the shape is (0, 3); there is nothing to average (in mean_absolute_error)", [&] {
    nn::mean_absolute_error(of({0, 3}), of({0, 3}));
  });
  says("cross_entropy: smoothing nan; it must be in [0, 1)", [] {
    nn::cross_entropy(of({2, 3}), Indices{0, 1}, {.smoothing = not_a_number});
  });
  says("cross_entropy: smoothing -0.1; it must be in [0, 1)", [] {
    nn::cross_entropy_total<double>(of({2, 3}), Indices{0, 1}, {.smoothing = -0.1});
  });
  for (const auto& [weight, text] : {std::pair(not_a_number, "nan"), {infinity, "inf"}, {-1.0, "-1"}})
    says("cross_entropy: weight " + std::string(text) + " of class 1; it must be 0 or more, and finite",
         [&, weight = weight] {
           nn::cross_entropy(of({2, 3}), Indices{0, 1}, {.weights = {1.0, weight, 2.0}});
         });
  says("mean: the shape is (0,); there is nothing to average (in kl_divergence)", [] {
    nn::kl_divergence(of({0, 3}), of({0, 3}));
  });
  says("binary_cross_entropy: shape (2,) with targets of shape (3,); they must be equal",
       [] { nn::binary_cross_entropy(of({2}), of({3})); });
  says("mean_absolute_error: shape (2,) with targets of shape (1,); they must be equal",
       [] { nn::mean_absolute_error(of({2}), of({1})); });
}

void refuse_ctc(Refusals& says) {
  const Indices labels{{1, 2}, {2, 1}, {0, 0}}, lengths{4, 2}, counts{2, 2};
  const V x = of({4, 2, 3});
  says("ctc_loss: logits of shape (4, 3); it must be (time, batch, classes)", [&] {
    nn::ctc_loss(of({4, 3}), labels, lengths, counts);
  });
  says("ctc_loss: labels of shape (3, 2) for a batch of 3; it must be (labels, 3)", [&] {
    nn::ctc_loss(of({4, 3, 3}), labels);
  });
  says("ctc_loss: labels of shape (2,) for a batch of 2; it must be (labels, 2)", [&] {
    nn::ctc_loss(x, Indices{1, 2});
  });
  says("ctc_loss: label 0 at position (2, 0); it must be in [0, 3), and not the blank 0",
       [&] { nn::ctc_loss(x, labels); });
  says("ctc_loss: label 1 at position (0, 0); it must be in [0, 3), and not the blank 1",
       [&] { nn::ctc_loss(x, labels, lengths, counts, {.blank = 1}); });
  says("ctc_loss: label 2 at position (1, 0); it must be in [0, 2), and not the blank 0", [&] {
    nn::ctc_loss(of({4, 2, 2}), labels, lengths, counts);
  });
  says("ctc_loss: label -1 at position (1, 0); it must be in [0, 3), and not the blank 0", [&] {
    nn::ctc_loss(x, Indices{{1, 2}, {-1, 1}});
  });
  for (const std::int64_t blank : {-1, 3})
    says("ctc_loss: blank " + std::to_string(blank) + "; there are 3 classes",
         [&] { nn::ctc_loss(x, labels, lengths, counts, {.blank = blank}); });
  says("lengths: length 5 of sequence 1; it must be between 0 and 4 (in ctc_loss)", [&] {
    nn::ctc_loss(x, labels, Indices{1, 5}, counts);
  });
  says("lengths: length 4 of sequence 0; it must be between 0 and 3 (in ctc_loss/labels)", [&] {
    nn::ctc_loss(x, labels, lengths, Indices{4, 2});
  });
  says("mean: the shape is (0,); there is nothing to average (in ctc_loss)", [&] {
    nn::ctc_loss(of({4, 0, 3}), Indices::from_shape({2, 0}));
  });
}

void refuse_beam_search(Refusals& says) {
  A log_p{{-1, -2}};
  V state = of({1, 3});
  const auto search = [&](const nn::BeamSearchOptions& options) {
    nn::beam_search(
        state, [&](const V& s, const Indices&) { return std::pair(V(log_p), s); }, options);
  };
  says("beam_search: width 0, length 100; both must be 1 or more", [&] { search({.width = 0}); });
  says("beam_search: width 5, length 0; both must be 1 or more", [&] { search({.length = 0}); });
  says("beam_search: length_penalty is -0.5; it must be 0 or more, and finite",
       [&] { search({.length_penalty = -0.5}); });
  says("beam_search: length_penalty is nan; it must be 0 or more, and finite",
       [&] { search({.length_penalty = not_a_number}); });
  says("beam_search: log-probabilities of shape (1, 2); it must be (2, vocabulary), the vocabulary with the end -1",
       [&] { search({}); });
  says("beam_search: log-probabilities of shape (1, 2); it must be (1, vocabulary), the vocabulary with the end 2",
       [&] { search({.end = 2}); });
  says("beam_search: a state of shape (1, 3) for 1 hypotheses; it must have them along axis 1",
       [&] { search({.axis = 1}); });
  says("beam_search: axis 2 of a state with 2 axes; it must be between -2 and 1", [&] { search({.axis = 2}); });
  state = of({2, 3});
  says("beam_search: a state of shape (2, 3) for 1 hypotheses; it must have them along axis 0", [&] { search({}); });
  log_p = {{-1, not_a_number}};
  says("beam_search: log-probability nan of token 1; it must be less than inf", [&] { search({.width = 1}); });
  log_p = {{infinity, -1}};
  says("beam_search: log-probability inf of token 0; it must be less than inf", [&] { search({}); });
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
       [&] { nn::Adam<double>({{.parameters = layer.parameters(), .weight_decay = not_a_number}}); });
  says("adam: epsilon is -1; it must be 0 or more, and finite", [&] { nn::Adam<double>(trained, {.epsilon = -1}); });
  says("rmsprop: alpha is 1; it must be in [0, 1)", [&] { nn::RMSprop<double>(trained, {.alpha = 1}); });
  says("rmsprop: momentum is -1; it must be 0 or more, and finite",
       [&] { nn::RMSprop<double>(trained, {.momentum = -1}); });
  says("rmsprop: epsilon is inf; it must be 0 or more, and finite",
       [&] { nn::RMSprop<double>(trained, {.epsilon = infinity}); });
  says("adagrad: learning_rate_decay is -1; it must be 0 or more, and finite",
       [&] { nn::Adagrad<double>(trained, {.learning_rate_decay = -1}); });
  says("adagrad: initial is -1; it must be 0 or more, and finite",
       [&] { nn::Adagrad<double>(trained, {.initial = -1}); });
  says("adadelta: weight_decay is -1; it must be 0 or more, and finite",
       [&] { nn::Adadelta<double>(trained, {.weight_decay = -1}); });
  says("adadelta: rho is nan; it must be in [0, 1)", [&] { nn::Adadelta<double>(trained, {.rho = not_a_number}); });
  says("adam: beta1 is 1; it must be in [0, 1)", [&] { nn::Adam<double>(trained, {.beta1 = 1}); });
  says("adamw: the learning rate is nan; it must be 0 or more, and finite",
       [&] { nn::AdamW<double>(trained, {.learning_rate = not_a_number}); });
  for (const auto& [bad, given] : {std::pair(not_a_number, "nan"), {infinity, "inf"}, {-1.0, "-1"}}) {
    const std::string is = std::string(" is ") + given + "; it must be ", not_negative = is + "0 or more, and finite";
    const std::string share = is + "in [0, 1)";
    const double x = bad;
    says("sgd: the learning rate" + not_negative, [=] { nn::SGD<double>(trained, {.learning_rate = x}); });
    says("sgd: momentum" + not_negative, [=] { nn::SGD<double>(trained, {.momentum = x}); });
    says("sgd: weight_decay" + not_negative, [=] { nn::SGD<double>(trained, {.weight_decay = x}); });
    says("adam: the learning rate" + not_negative, [=] { nn::Adam<double>(trained, {.learning_rate = x}); });
    says("adam: beta1" + share, [=] { nn::Adam<double>(trained, {.beta1 = x}); });
    says("adamw: beta2" + share, [=] { nn::AdamW<double>(trained, {.beta2 = x}); });
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
  for (const auto& [bad, given] : {std::pair(not_a_number, "nan"), {-infinity, "-inf"}, {-1.0, "-1"}}) {
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

void refuse_averages(Refusals& says) {
  Random random(1);
  const nn::Linear<double> model({.input = 1, .output = 1}, random);
  for (const auto& [bad, given] : {std::pair(not_a_number, "nan"), {1.0, "1"}, {-1.0, "-1"}}) {
    const double x = bad;
    says("average: a decay of " + std::string(given) + "; it must be in [0, 1)",
         [&] { nn::Average<double>(model, x); });
  }
}

void refuse_schedules(Refusals& says) {
  says("step_schedule: every 0 epochs; it must be at least 1", [&] { nn::StepSchedule({.every = 0}); });
  says("cosine_schedule: 10 steps with a warm-up of 10; there must be more steps than that",
       [&] { nn::CosineSchedule({.steps = 10, .warm_up = 10}); });
  says("cosine_schedule: from 0.1 to 0.2; the rate must fall, to 0 or more",
       [&] { nn::CosineSchedule({.start = 0.1, .steps = 10, .least = 0.2}); });
  for (const auto& [bad, given] : {std::pair(not_a_number, "nan"), {infinity, "inf"}, {-1.0, "-1"}}) {
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
  says("recurrent: dropout 1; the rate must be in [0, 1)",
       [] { nn::RNN<double>({.input = 3, .hidden = 2, .dropout = 1}, random_numbers); });
  const auto constant = [](std::size_t) { return V(1.0); };
  says("parallel_gradients: 0 shares; there must be at least one", [&] { nn::parallel_gradients(0, constant); });
  says("parallel_gradients: 18446744073709551615 shares; there is no memory for so many",
       [&] { nn::parallel_gradients(most, constant, {.random = &random_numbers}); });
  says("backward: the loss was not recorded on this tape; make it with tape.watch() or use a Parameter",
       [&] { nn::parallel_gradients(2, constant, {.random = &random_numbers}); });
  nn::Ranks ranks;
  says("ranks: 268435456 elements of gradients; at most 268435455 can be sent", [&] {
    const Shape many{std::size_t(1) << 28};  // more than its memory has
    const Variable<double> sums(detail::Shared(new detail::Tensor<double>(many, detail::Buffer<double>(1))));
    nn::detail::add_up<double>(ranks, {}, sums, true);
  });
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

// What can be seen of all that refused calls are made with.
std::vector<double> everything(const Tape<double>& tape, const Random& random) {
  std::vector<double> all{double(tape.size())};
  for (const Random* stream : {&random, static_cast<const Random*>(&random_numbers)})
    for (const std::uint64_t word : stream->state()) all.push_back(double(word));
  const auto add = [&](const auto& array) { all.insert(all.end(), array.begin(), array.end()); };
  for (const auto& parameter : trained) add(parameter.value());
  const auto see = [&](const std::string&, const auto& value) {
    if constexpr (requires { value.begin(); })
      add(value);
    else
      all.push_back(double(value));
  };
  optimizer.visit_state(see);
  return all;
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
  says("sample: top_p is nan; it must be in [0, 1]", [&] { sample({1, 2}, {.top_p = not_a_number}); });
  says("sample: score 1 is nan; it must be less than inf", [&] { sample({1, not_a_number}, {}); });
  says("sample: score 0 is inf; it must be less than inf", [&] { sample({infinity, 2}, {}); });
  says("sample: 1 scores, none of them above -inf; there must be one", [&] { sample({-infinity}, {.top_k = 1}); });
  says("sample: 0 scores, none of them above -inf; there must be one", [&] { sample(nothing, {}); });
}

std::vector<std::string> refuse_all() {
  Random random(52);
  Tape<double> tape(random);
  layer(tape.watch(of({1, 1, 3})));
  Refusals says([&] { return everything(tape, random); });
  refuse_losses(says);
  refuse_ctc(says);
  refuse_texts(says);
  refuse_beam_search(says);
  refuse_optimizers(says);
  refuse_averages(says);
  refuse_schedules(says);
  refuse_rest(says);
  return says.texts();
}

}  // namespace

TEST_CASE("every refusal in training says where, what was given and what must hold, and changes nothing") {
  const auto texts = refuse_all();
  CHECK(texts.size() > 120);
  auto files = sources("../nn/training");
  files.push_back("../nn/options.hpp");
  files.push_back("../nn/text/beam_search.hpp");
  files.push_back("../nn/text/sampling.cpp");
  CHECK(check_quoted(files, texts) >= 12);
}

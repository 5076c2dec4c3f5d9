// Every refusal of layers and modules, word for word; none of them leaves a trace.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "refusals.hpp"

using namespace unroll;

namespace {

struct Model : nn::Module<double> {
  std::vector<Parameter<double>> parameters;
  explicit Model(const std::vector<std::pair<std::string, Shape>>& named) {
    for (const auto& [name, shape] : named) add(name, parameters.emplace_back(zeros<double>(shape).value()));
  }
};

// What refused calls are made with, and might change.
Random random_numbers(51);
const nn::GRU<double> layer({.input = 3, .hidden = 2}, random_numbers);
const nn::LSTM<double> lstm({.input = 3, .hidden = 2, .bidirectional = true}, random_numbers);
const nn::CRF<double> crf({.tags = 3}, random_numbers);
// Tag 0 goes on with 1 alone, and ends a sequence alone.
const nn::CRF<double> bio_crf({.tags = 3,
                               .allowed = {nn::bio_constraints({"I-x", "B-x", "O"}).transitions, {0, 1, 1}, {1, 0, 0}}},
                              random_numbers);
const nn::AnyRecurrent<double> any_layer({.input = 3, .hidden = 2}, random_numbers);
void refuse_recurrent(Refusals& says) {
  says("recurrent: input 0, hidden 2, layers 1; all sizes must be given",
       [&] { nn::RNN<double>({.hidden = 2}, random_numbers); });
  says("recurrent: input 3, hidden 2, layers 0; all sizes must be given",
       [&] { nn::LSTM<double>({.input = 3, .hidden = 2, .layers = 0}, random_numbers); });
  says("recurrent: dropout 1; the rate must be in [0, 1)",
       [&] { nn::GRU<double>({.input = 3, .hidden = 2, .dropout = 1}, random_numbers); });
  says("lstm: a forget bias of 1 in a cell without biases; set bias = true",
       [&] { nn::LSTM<double>({.input = 3, .hidden = 2, .bias = false, .cell = {.forget_bias = 1}}, random_numbers); });
  says("recurrent: x has shape (4, 3); it must be (time, batch, 3)", [&] { layer(of({4, 3})); });
  says("recurrent: x has shape (4, 2, 5); it must be (time, batch, 3)", [&] { layer(of({4, 2, 5})); });
  says("lengths: shape (3,) for a batch of 2; there must be one for each sequence (in recurrent)", [&] {
    layer(of({4, 2, 3}), Indices{4, 2, 1});
  });
  says("lengths: length 5 of sequence 1; it must be between 0 and 4 (in recurrent)", [&] {
    layer(of({4, 2, 3}), Indices{4, 5});
  });
  says("lengths: length -1 of sequence 0; it must be between 0 and 4 (in recurrent)", [&] {
    layer(of({4, 2, 3}), Indices{-1, 4});
  });
  says("recurrent: an initial state of shape (1, 2, 2); it must be (2, 2, 2)", [&] {
    lstm(of({4, 2, 3}), {}, std::array{of({2, 2, 2}), of({1, 2, 2})});
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
    any_layer(of({4, 2, 3}), {}, std::vector{of({1, 2, 2})});
  });
  says("unroll: x has shape (4, 3); it must be (time, batch, input)", [&] {
    nn::unroll(layer.cells()[0], of({4, 3}), {of({4, 2})});
  });
  says("unroll: an initial state of shape (1, 2) for 2 sequences; it must be (batch, hidden)", [&] {
    nn::unroll(layer.cells()[0], of({4, 2, 3}), {of({1, 2})});
  });
  says("unroll: rows of shape (4, 3) for steps of 3 rows together; there must be as many", [&] {
    nn::unroll(layer.cells()[0], of({4, 3}), {2, 1}, {of({2, 2})});
  });
  says("recurrent: zoneout 1; the rate must be in [0, 1)", [&] {
    nn::LSTM<double>({.input = 3, .hidden = 2, .zoneout = {0.5, 1}}, random_numbers);
  });
  says("recurrent: dropout nan; the rate must be in [0, 1)",
       [] { nn::GRU<double>({.input = 3, .hidden = 2, .dropout = not_a_number}, random_numbers); });
  says("recurrent: zoneout nan; the rate must be in [0, 1)",
       [] { nn::GRU<double>({.input = 3, .hidden = 2, .zoneout = {not_a_number}}, random_numbers); });
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
  for (const auto& [bias, text] : {std::pair(not_a_number, "nan"), {infinity, "inf"}, {-infinity, "-inf"}})
    says("lstm: a forget bias of " + std::string(text) + "; it must be finite", [&, bias = bias] {
      nn::LSTM<double>({.input = 3, .hidden = 2, .cell = {.forget_bias = bias}}, random_numbers);
    });
  says("lstm: a forget bias of 1e+300; it must be finite",
       [] { nn::LSTM<float>({.input = 3, .hidden = 2, .cell = {.forget_bias = 1e300}}, random_numbers); });
  says("unroll: an initial state of shape (2, 1) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(layer.cells()[0], of({4, 2, 3}), {of({2, 1})});
  });
  says("unroll: an initial state of shape (2, 1) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(lstm.cells()[0], of({4, 2, 3}), {of({2, 2}), of({2, 1})});
  });
  says("unroll: an initial state of shape (3, 2) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(lstm.cells()[0], of({4, 2, 3}), {of({2, 2}), of({3, 2})});
  });
  says("unroll: an initial state of shape (2,) for 2 sequences; it must be (batch, hidden)", [] {
    nn::unroll(layer.cells()[0], of({4, 2, 3}), {of({2})});
  });
  says("unroll: zoneout nan; the rate must be in [0, 1)", [] {
    nn::unroll(layer.cells()[0], of({4, 3}), {2, 2}, {of({2, 2})}, false, {not_a_number});
  });
  says("unroll: zoneout -0.5; the rate must be in [0, 1)", [] {
    nn::unroll(layer.cells()[0], of({4, 3}), {2, 2}, {of({2, 2})}, false, {-0.5});
  });
  struct Growing : nn::Module<double> {
    using State = std::array<V, 1>;
    V input(const V& x) const { return x; }
    State step(const V& x, const State& state) const { return {x + state[0]}; }
  };
  says("unroll: a step from a state of shape (2, 1) to one of (2, 3); they must be equal (in step 0)", [] {
    nn::unroll(Growing(), of({4, 2, 3}), {of({2, 1})});
  });
}

void refuse_layers(Refusals& says) {
  says("dropout: a rate of 1; it must be in [0, 1)", [&] { nn::Dropout<double>({.rate = 1}); });
  says("dropout: a rate of -0.5; it must be in [0, 1)", [&] { nn::dropout(of({2}), -0.5); });
  {
    Random random(1);
    const nn::RNN<double> both({.input = 2, .hidden = 3, .bidirectional = true}, random);
    const nn::RNN<double> forward({.input = 2, .hidden = 3}, random);
    says(
        "recurrent: step by step in both directions; the reverse one would begin with the last step, so make the layer "
        "without .bidirectional",
        [&] { both.steps(); });
    says("recurrent: x has shape (2,) for one step; it must be (batch, 2)", [&] { forward.steps()(of({2})); });
  }
  says("zoneout: a rate of 1; it must be in [0, 1)", [&] { nn::zoneout(of({2}), of({2}), 1); });
  says("zoneout: shape (2,) before and (3,) after; they must be equal", [&] { nn::zoneout(of({2}), of({3}), 0.5); });
  says("layer_norm: size 0; it must be given", [&] { nn::LayerNorm<double>({}); });
  says("layer_norm: x has shape (2, 3); its last size must be 4", [&] {
    nn::LayerNorm<double>({.size = 4})(of({2, 3}));
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
    nn::last_step(of({4, 2}), Indices{1, 2});
  });
  says("lengths: shape (1,) for a batch of 2; there must be one for each sequence (in mean_over_time)", [&] {
    nn::mean_over_time(of({4, 2, 3}), Indices{1});
  });
  says("lengths: length 5 of sequence 1; it must be between 0 and 4 (in mean_over_time)", [&] {
    nn::mean_over_time(of({4, 2, 3}), Indices{1, 5});
  });
  says("both_ends: h has shape (3, 2, 4); it must be (layers × 2, batch, hidden)", [&] {
    nn::both_ends(of({3, 2, 4}));
  });
  says("uniform_by_fan_in: a fan-in of 0; it must be positive", [&] {
    nn::uniform_by_fan_in<double>({2, 3}, 0, random_numbers);
  });
  says("glorot_uniform: shape (2, 3, 4); it must be that of a matrix", [&] {
    nn::glorot_uniform<double>({2, 3, 4}, random_numbers);
  });
  says("orthogonal: shape (2,); it must be that of a matrix", [&] { nn::orthogonal<double>({2}, random_numbers); });
  says("dropout: a rate of nan; it must be in [0, 1)", [] { nn::Dropout<double>({.rate = not_a_number}); });
  says("dropout: a rate of nan; it must be in [0, 1)", [] { nn::dropout(of({2}), not_a_number); });
  says("dropout: axis 2 of an array with 1 axes; it must be between -1 and 0", [] { nn::dropout(of({2}), 0.5, 2); });
  says("zoneout: a rate of nan; it must be in [0, 1)", [] { nn::zoneout(of({2}), of({2}), not_a_number); });
  for (const auto& [epsilon, text] : {std::pair(not_a_number, "nan"), {infinity, "inf"}, {-1e-5, "-1e-05"}}) {
    says("layer_norm: epsilon is " + std::string(text) + "; it must be 0 or more, and finite",
         [&, epsilon = epsilon] { nn::LayerNorm<double>({.size = 2, .epsilon = epsilon}); });
    says("layer_norm: epsilon is " + std::string(text) + "; it must be 0 or more, and finite", [&, epsilon = epsilon] {
      nn::layer_norm(of({2, 2}), {}, {}, epsilon);
    });
  }
  says("layer_norm: x is a scalar; it must have an axis", [&] { nn::layer_norm(of({})); });
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
  says("lengths: length -1 of sequence 0; it must be between 0 and 4 (in last_step)", [] {
    nn::last_step(of({4, 2, 3}), Indices{-1, 2});
  });
  says("lengths: shape (1,) for a batch of 2; there must be one for each sequence (in last_step)", [] {
    nn::last_step(of({4, 2, 3}), Indices{1});
  });
}

void refuse_crf(Refusals& says) {
  says("crf: 0 tags; their number must be given", [&] { nn::CRF<double>({}, random_numbers); });
  says("crf: emissions of shape (4, 2, 5); it must be (time, batch, 3)", [&] { crf.decode(of({4, 2, 5})); });
  says("crf: labels of shape (2, 2) for emissions of shape (4, 2, 3); there must be one for each step of each sequence",
       [&] {
         crf.log_likelihood(of({4, 2, 3}), Indices{{0, 1}, {2, 0}});
       });
  says("crf: label -1 at position (1, 0); there are 3 tags", [&] {
    crf.loss(of({2, 2, 3}), Indices{{0, 1}, {-1, 5}}, Indices{2, 1});
  });
  says("lengths: length 5 of sequence 0; it must be between 0 and 4 (in crf)", [&] {
    crf.decode(of({4, 2, 3}), Indices{5, 1});
  });
  says("crf: 0 tags; their number must be given", [] { nn::CRF<double>({.tags = 0}, random_numbers); });
  says("crf: constraints of shape (2, 3) on transitions; it must be (3, 3)", [] {
    nn::CRF<double>({.tags = 3, .allowed = {.transitions = {{1, 1, 1}, {1, 0, 1}}}}, random_numbers);
  });
  says("crf: constraints of shape (2,) on the start; it must be (3,)", [] {
    nn::CRF<double>({.tags = 3, .allowed = {.start = {1, 0}}}, random_numbers);
  });
  says("crf: constraints of shape (4,) on the end; it must be (3,)", [] {
    nn::CRF<double>({.tags = 3, .allowed = {.end = {1, 0, 1, 1}}}, random_numbers);
  });
  says("bio_constraints: tag 1 is 'S-x'; it must be O, B-... or I-...", [] { nn::bio_constraints({"O", "S-x"}); });
  says("bio_constraints: tag 0 is ''; it must be O, B-... or I-...", [] { nn::bio_constraints({""}); });
  says("crf: the 0 best paths; there must be one", [] { crf.n_best(of({2, 2, 3}), 0); });
  says("crf: label 3 at position (0, 1); there are 3 tags", [] { crf.score(of({1, 2, 3}), Indices{{1, 3}}); });
  says("crf: emissions of shape (2, 3); it must be (time, batch, 3)", [] { crf.marginals(of({2, 3})); });
  says("crf: label 0 at position (0, 1); the constraints do not allow it there", [] {
    bio_crf.loss(of({2, 2, 3}), Indices{{1, 0}, {0, 1}});
  });
  says("crf: label 0 at position (1, 0); the constraints do not allow it there", [] {
    bio_crf.log_likelihood(of({2, 2, 3}), Indices{{2, 1}, {0, 0}});
  });
  says("crf: label 1 at position (1, 0); the constraints do not allow it there", [] {
    bio_crf.score(of({2, 2, 3}), Indices{{1, 1}, {1, 0}});
  });
  says("crf: sequence 1 of length 1; the constraints allow no such path", [] {
    bio_crf.decode(of({2, 2, 3}), Indices{2, 1});
  });
  says("crf: label 3 at position (0, 0); there are 3 tags", [] {
    crf.log_likelihood(of({1, 1, 3}), xt::zeros<std::int64_t>({1, 1}) + 3);
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

// What can be seen of all that refused calls are made with.
std::vector<double> everything(const Tape<double>& tape, const Random& random) {
  std::vector<double> all{double(tape.size())};
  for (const Random* stream : {&random, static_cast<const Random*>(&random_numbers)})
    for (const std::uint64_t word : stream->state()) all.push_back(double(word));
  for (const nn::Module<double>* model : std::initializer_list<const nn::Module<double>*>{&layer, &lstm, &crf})
    for (const auto& parameter : model->parameters())
      all.insert(all.end(), parameter.value().begin(), parameter.value().end());
  return all;
}

// The refusals of all layers, each made to happen once.
std::vector<std::string> refuse_all() {
  Random random(52);
  Tape<double> tape(random);
  layer(tape.watch(of({1, 1, 3})));
  Refusals says([&] { return everything(tape, random); });
  refuse_recurrent(says);
  refuse_layers(says);
  refuse_crf(says);
  refuse_modules(says);
  return says.texts();
}

}  // namespace

TEST_CASE("every refusal of a layer says where, what was given and what must hold, and changes nothing") {
  const auto texts = refuse_all();
  CHECK(texts.size() > 80);
  auto files = sources("../nn");
  // training_errors_test.cpp has these.
  std::erase_if(files, [](const auto& path) {
    return path.parent_path().filename() == "training" || path.filename() == "options.hpp" ||
           path.filename() == "sampling.cpp" || path.filename() == "beam_search.hpp";
  });
  CHECK(check_quoted(files, texts) >= 12);
}

TEST_CASE("every number in options has a row in the table") {
  const auto missing = numbers_without_a_row("../nn", {"layers_errors_test.cpp", "training_errors_test.cpp"},
                                             {{"Recurrent", "(?:RNN|LSTM|GRU)"},
                                              {"LSTM.projection", ""},
                                              {"LSTM.forget_bias", "cell"},
                                              {"CrossEntropy", "cross_entropy"},
                                              {"CrossEntropy.ignore", ""},
                                              {"CTC", "ctc_loss"},
                                              {"BeamSearch", "search"},
                                              {"BeamSearch.start", ""},
                                              {"Batch", "make_batches"},
                                              {"Batch.padding", ""},
                                              {"StepSchedule.from", ""},
                                              {"PlateauSchedule.patience", ""},
                                              {"Parallel.threads", ""},
                                              {"Window", "Windows"},
                                              {"Sampling", "sample"}});
  for (const std::string& number : missing) FAIL_CHECK("no row gives " << number);
}

// Everything that can be moved, once it was: it says so, or it does what it would have done, but it lies to nobody.
#include <doctest/doctest.h>

#include <unroll/nn/nn.hpp>

#include "stored_files.hpp"
#include "support.hpp"

using namespace unroll;

namespace {

// What the Error says that a thing gives when it is used after it was moved from.
template <class Thing, class Use> std::string after_move(Thing thing, const Use& use) {
  use(thing);  // it can be used so
  const Thing taken(std::move(thing));
  use(taken);
  return error_of([&] { use(thing); });
}

bool says_so(const std::string& text) {
  CAPTURE(text);
  return text.find("moved from") != std::string::npos || text.find("handle is empty") != std::string::npos;
}

}  // namespace

TEST_CASE("every layer says that it was moved from") {
  Random random(1);
  const Variable<double> x = numbers({3, 2, 2});
  const Indices tokens{0, 1};
  const auto run = [&](const auto& layer) { layer(x); };
  const nn::CellSizes sizes{.input = 2, .hidden = 2};
  CHECK(says_so(after_move(nn::RNN<double>({.input = 2, .hidden = 2}, random), run)));
  CHECK(says_so(after_move(nn::GRU<double>({.input = 2, .hidden = 2, .layers = 2}, random), run)));
  CHECK(says_so(after_move(nn::LSTM<double>({.input = 2, .hidden = 2, .learned_initial = true}, random), run)));
  CHECK(says_so(after_move(nn::Linear<double>({.input = 2, .output = 2}, random), run)));
  CHECK(says_so(after_move(nn::LayerNorm<double>({.size = 2}), run)));
  CHECK(says_so(after_move(nn::LayerNorm<double>({.size = 2, .bias = false}), run)));
  CHECK(says_so(after_move(nn::Embedding<double>({.count = 2, .size = 2}, random), [&](auto& f) { f(tokens); })));
  const auto input = [&](const auto& cell) { cell.input(x); };
  CHECK(says_so(after_move(nn::ElmanCell<double>(sizes, {}, random), input)));
  CHECK(says_so(after_move(nn::GRUCell<double>(sizes, {}, random), input)));
  CHECK(says_so(after_move(nn::LSTMCell<double>(sizes, {}, random), input)));
  const auto unrolled = [&](const auto& cell) { nn::unroll(cell, x, {numbers({2, 2}), numbers({2, 2})}); };
  CHECK(says_so(after_move(nn::LSTMCell<double>(sizes, {}, random), unrolled)));
  const nn::CRF<double> crf({.tags = 2}, random);
  const Indices labels = xt::zeros<std::int64_t>({3, 2});
  CHECK(says_so(after_move(nn::clone(crf), [&](auto& f) { f.decode(x); })));
  CHECK(says_so(after_move(nn::clone(crf), [&](auto& f) { f.loss(x, labels); })));
  CHECK(says_so(after_move(nn::clone(crf), [&](auto& f) { f.log_likelihood(x, labels); })));
  CHECK(says_so(after_move(nn::clone(crf), [&](auto& f) { f.marginals(x); })));
  // These have nothing that could be missing.
  CHECK(after_move(nn::Dropout<double>({.rate = 0.5}), run) == "no error");
  CHECK(after_move(nn::LayerNorm<double>({.size = 2, .affine = false}), run) == "no error");
}

TEST_CASE("a model that was moved from is no model to train or to copy") {
  Random random(1);
  const auto model = [&] { return nn::Linear<double>({.input = 2, .output = 2}, random); };
  const std::string reason = "module: it was moved from, and has no parameters any more";
  CHECK(after_move(model(), [](auto& f) { nn::SGD<double>(f.parameters()); }) == reason);
  CHECK(after_move(model(), [&](auto& f) { model().copy_from(f); }) == reason);
  nn::Linear<double> moved = model();
  const nn::Linear<double> taken(std::move(moved));
  CHECK(error_of([&] { moved.copy_from(taken); }) == reason);
  CHECK(after_move(model(), [](auto& f) { nn::Module<double>().add("f", f); }) == reason);
  CHECK(after_move(model(), [](auto& f) { nn::summary(f); }) == reason);
  const Directory directory;
  CHECK(after_move(model(), [&](auto& f) { nn::save_safetensors(directory.file("model"), f); }) == reason);
  CHECK(after_move(model(), [](auto& f) { nn::clone(f)(numbers({1, 2})); }) != "no error");
}

TEST_CASE("an optimizer or a schedule that was moved from goes on as before") {
  Parameter<double> p({1.0}, "p");
  nn::SGD<double> optimizer({p}, {.learning_rate = 0.5});
  const nn::SGD<double> taken(std::move(optimizer));
  Tape<double> tape;
  optimizer.step(tape.backward(sum(p * 1.0)));
  CHECK(p.value()(0) == 0.5);
  nn::PlateauSchedule plateau({.start = 0.5});
  nn::PlateauSchedule other(std::move(plateau));
  CHECK(plateau(1.0) == 0.5);
  CHECK(other(1.0) == 0.5);
}

TEST_CASE("what holds words, files or rows says that it was moved from") {
  const Directory directory;
  const auto path = directory.file("checkpoint");
  std::size_t epoch = 0;
  nn::Checkpoint checkpoint;
  checkpoint.add("epoch", epoch);
  CHECK(says_so(after_move(checkpoint, [&](auto& c) { c.save(path); })));
  CHECK(says_so(after_move(checkpoint, [&](auto& c) { nn::Checkpoint(c).load(path); })));
  CHECK(says_so(after_move(checkpoint, [&](auto& c) { nn::Checkpoint(c).fix("kind", "lstm"); })));
  CHECK(says_so(after_move(checkpoint, [&](auto& c) { nn::Checkpoint(c).add("step", epoch); })));

  nn::Vocabulary words;
  words.add("a");
  CHECK(says_so(after_move(words, [](auto& v) { v.index("a"); })));
  CHECK(says_so(after_move(words, [](auto& v) { v.index("b"); })));
  CHECK(says_so(after_move(words, [](auto& v) { v.padding(); })));
  CHECK(says_so(after_move(words, [](auto& v) { v.unknown(); })));
  CHECK(says_so(after_move(words, [](auto& v) { nn::Vocabulary(v).add("b"); })));
  CHECK(after_move(words, [](auto& v) { v.word(0); }) == "vocabulary: id 0; the vocabulary has size 0");
  nn::Vocabulary bare({.padding = "", .unknown = ""});
  bare.add("a");
  CHECK(after_move(bare, [](auto& v) { nn::Vocabulary(v).add("b"); }) == "no error");

  for (const Indices& lengths : {Indices{1, 3}, Indices{3, 3}}) {
    const nn::Packing packing(3, 2, lengths);
    const Variable<double> x = numbers({3, 2, 4}), state = numbers({2, 4});
    const Variable<double> rows = packing.pack(x);
    CHECK(says_so(after_move(packing, [&](auto& p) { p.pack(x); })));
    CHECK(says_so(after_move(packing, [&](auto& p) { p.unpack(rows); })));
    CHECK(says_so(after_move(packing, [&](auto& p) { p.sort(state); })));
    CHECK(says_so(after_move(packing, [&](auto& p) { p.unsort(state); })));
    CHECK(says_so(after_move(packing, [&](auto& p) { p.length(0); })));
  }
}

TEST_CASE("handles and gradients that were moved from hold nothing, and say so") {
  const Parameter<double> p({1.0}, "p");
  CHECK(says_so(after_move(Variable<double>(1.0), [](auto& x) { x.item(); })));
  CHECK(says_so(after_move(Parameter<double>({1.0}, "p"), [](auto& x) { x.name(); })));
  CHECK(says_so(after_move(nn::Total<double>{1.0, 2}, [](auto& total) { total.mean(); })));
  Tape<double> tape;
  const auto gradients = tape.backward(sum(p * 2));
  CHECK(after_move(gradients, [&](auto& g) { g[p]; }) ==
        "gradients: parameter 'p' was not recorded; ask contains() first");
  CHECK(after_move(gradients, [&](auto& g) { nn::SGD<double>({p}).step(g); }).starts_with("step: 0 gradients"));
}

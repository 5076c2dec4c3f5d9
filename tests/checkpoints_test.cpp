// Checkpoints of a training: what goes on from one ends bit for bit where an uninterrupted one does.
#include <doctest/doctest.h>

#include <memory>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

const Directory directory;
const std::string path = directory.file("checkpoint.safetensors");

struct Model : nn::Module<float> {
  nn::Embedding<float> words;
  nn::LSTM<float> lstm;
  nn::Linear<float> scores;

  explicit Model(Random& random, std::size_t hidden = 5)
      : words({.count = 7, .size = 4}, random),
        lstm({.input = 4, .hidden = hidden, .layers = 2, .dropout = 0.4}, random),
        scores({.input = hidden, .output = 7}, random) {
    add("words", words);
    add("lstm", lstm);
    add("scores", scores);
  }
};

using Optimizers = std::function<std::unique_ptr<nn::Optimizer<float>>(const Model&)>;

// A training with shuffling, dropout and a schedule, of `steps` steps in epochs of 4.
struct Run {
  Random random{3};
  Model model{random};
  std::unique_ptr<nn::Optimizer<float>> optimizer;
  nn::PlateauSchedule schedule{{.start = 0.02, .patience = 0}};
  std::vector<std::size_t> order;
  std::size_t step = 0;
  double loss = 0;
  Array<float> state = zeros<float>({2, 2}).value();
  nn::Checkpoint checkpoint;

  explicit Run(const Optimizers& make) : optimizer(make(model)) {
    checkpoint.fix("data", "ones");
    checkpoint.add("model", model);
    checkpoint.add("optimizer", *optimizer);
    checkpoint.add("schedule", schedule);
    checkpoint.add("random", random);
    checkpoint.add("order", order);
    checkpoint.add("step", step);
    checkpoint.add("loss", loss);
    checkpoint.add("state", state);
  }

  void train(std::size_t steps) {
    for (; step < steps; ++step) {
      if (step % 4 == 0) order = random.permutation(7);
      const auto token = static_cast<std::int64_t>(order[step % 4]);
      const Indices tokens{{token, 1}, {2, token}, {0, 3}};
      Tape<float> tape(random);
      const auto mean = nn::cross_entropy(model.scores(model.lstm(model.words(tokens)).output), tokens);
      loss += mean.item();
      state += mean.item();
      optimizer->step(tape.backward(mean));
      optimizer->learning_rate = schedule(mean.item());
    }
  }
};

template <class Optimizer, class... Options> Optimizers optimizer(const Options&... options) {
  return [=](const Model& model) { return std::make_unique<Optimizer>(model.parameters(), options...); };
}

}  // namespace

TEST_CASE("a training that goes on from a checkpoint ends bit for bit as one that was not interrupted") {
  const Optimizers optimizers[]{
      optimizer<nn::SGD<float>>(nn::SGDOptions{}),
      optimizer<nn::SGD<float>>(nn::SGDOptions{.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}),
      optimizer<nn::Adam<float>>(nn::AdamOptions{.amsgrad = true}),
      optimizer<nn::AdamW<float>>(),
      optimizer<nn::RMSprop<float>>(nn::RMSpropOptions{.momentum = 0.5, .centred = true}),
      optimizer<nn::Adagrad<float>>(),
      optimizer<nn::Adadelta<float>>(),
  };
  for (const Optimizers& make : optimizers) {
    for (const std::size_t k : {0, 3, 6}) {
      Run whole(make), first(make), second(make);
      first.train(k);
      first.checkpoint.save(path);
      second.train(2);  // what it was before does not matter
      second.checkpoint.load(path);
      whole.train(9);
      second.train(9);
      whole.checkpoint.save(path);
      const std::string expected = contents(path);
      second.checkpoint.save(path);
      CHECK(contents(path) == expected);
      CHECK(second.loss == whole.loss);
    }
  }
}

TEST_CASE("a checkpoint of another training is refused with the first difference, and nothing changes") {
  const auto adam = optimizer<nn::Adam<float>>();
  Run run(adam);
  run.train(3);
  run.checkpoint.save(path);
  const auto refused = [&](nn::Checkpoint& checkpoint) {
    return error_of([&] { checkpoint.load(path); }).substr(path.size() + 2);
  };

  Run other(optimizer<nn::AdamW<float>>());
  const Array<float> before = other.model.scores.weight.value();
  CHECK(refused(other.checkpoint) == "'optimizer' is 'adam'; this training has 'adamw'");
  CHECK(other.model.scores.weight.value() == before);

  nn::Adam<float> ours(run.model.parameters());
  nn::AdamW<float> theirs(run.model.parameters());
  const Directory directory;
  const std::string of_adam = directory.file("adam.safetensors");
  nn::Checkpoint concrete, another;
  concrete.add("optimizer", ours);
  concrete.save(of_adam);
  another.add("optimizer", theirs);
  CHECK(error_of([&] { another.load(of_adam); }) == of_adam + ": 'optimizer' is 'adam'; this training has 'adamw'");

  Random random(1);
  Model larger(random, 6);
  nn::Checkpoint checkpoint;
  checkpoint.add("model", larger);
  CHECK(refused(checkpoint) == "'model.lstm.weight_ih_l0' has shape (20, 4); this training has (24, 4)");

  nn::Checkpoint more;
  std::size_t epoch = 5;
  more.fix("data", "twos");
  more.add("epoch", epoch);
  CHECK(refused(more) == "'data' is 'ones'; this training has 'twos'");
  nn::Checkpoint unknown;
  unknown.fix("seed", "1");
  CHECK(refused(unknown) == "it does not say what 'seed' is; this training has '1'");
  nn::Checkpoint fewer;
  fewer.add("epoch", epoch);
  CHECK(refused(fewer) == "no 'epoch'; this training has one");
  nn::Checkpoint part;
  part.add("step", epoch);
  CHECK(refused(part) == "it has 53 entries; this training has 1");
  CHECK(epoch == 5);
  double number = 0;
  nn::Checkpoint kinds;
  kinds.add("step", number);
  CHECK(refused(kinds) == "'step' has dtype I64; this training has F64");

  nn::save_safetensors(path, run.model);
  CHECK(refused(run.checkpoint) == "this is no checkpoint");
  CHECK(error_of([&] { part.add("step", number); }) == "checkpoint: 'step' is added twice; names must be different");
  part.fix("seed", "1");
  part.fix("seed", "1");
  CHECK(error_of([&] { part.fix("seed", "2"); }) == "checkpoint: 'seed' is added twice; names must be different");
}

TEST_CASE("a note may differ, a long value is shown where it differs") {
  const std::string letters = "abcdefghijklmnopqrstuvwxyz", end = letters + letters;
  std::size_t epoch = 5;
  const auto checkpoint = [&](const std::string& vocabulary, const std::string& epochs) {
    nn::Checkpoint result;
    result.fix("vocabulary", vocabulary);
    result.note("epochs", epochs);
    result.add("epoch", epoch);
    return result;
  };
  checkpoint(end + "é" + end, "10").save(path);
  CHECK(nn::read_safetensors(path).metadata.at("epochs") == "10");
  epoch = 0;
  checkpoint(end + "é" + end, "20").load(path);
  CHECK(epoch == 5);
  nn::Checkpoint other = checkpoint(end + "è" + end, "10");
  CHECK(error_of([&] { other.load(path); }) == path + ": 'vocabulary' is '...hijklmnopqrstuvwxyzé" + letters +
                                                   "abcdefghijklm...'; this training has " +
                                                   "'...hijklmnopqrstuvwxyzè" + letters + "abcdefghijklm...'");
}

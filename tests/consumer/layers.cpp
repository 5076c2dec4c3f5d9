// Every public name of the layers, as a program outside the project would use it.
#include <filesystem>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <unroll/nn/nn.hpp>

using namespace unroll;

namespace {

template <class T> struct Tagger : nn::Module<T> {
  nn::Embedding<T> words;
  nn::LSTM<T> lstm;
  nn::Linear<T> scores;

  Tagger(std::size_t vocabulary, std::size_t tags, Random& random)
      : words({.count = vocabulary, .size = 8}, random),
        lstm({.input = 8, .hidden = 6, .layers = 2, .bidirectional = true, .dropout = 0.3}, random),
        scores({.input = 12, .output = tags}, random) {
    this->add("words", words);
    this->add("lstm", lstm);
    this->add("scores", scores);
  }

  Variable<T> operator()(const nn::Batch& batch) const {
    return scores(lstm(words(batch.tokens), batch.lengths).output);
  }
};

template <class T> struct Decay : nn::Module<T> {
  using State = std::array<Variable<T>, 1>;
  Parameter<T> weight;

  Decay(const nn::CellSizes& sizes, Random& random)
      : weight(nn::glorot_uniform<T>({sizes.hidden, sizes.input}, random)) {
    this->add("weight", weight);
  }
  Variable<T> input(const Variable<T>& x) const { return linear(x, weight); }
  State step(const Variable<T>& projected, const State& state) const { return {tanh(projected + 0.5 * state[0])}; }
};

}  // namespace

bool layers() {
  Random random(7);
  nn::Vocabulary vocabulary;
  for (const char* word : {"they", "can", "fish"}) vocabulary.add(word);
  const nn::Sequences tokens{{2, 3, 4}, {4, 3}}, labels{{0, 1, 2}, {2, 1}};
  const std::vector<nn::Batch> batches = nn::make_batches(tokens, labels, {.size = 2}, &random);

  Tagger<float> model(vocabulary.size(), 3, random);
  nn::Adam<float> optimizer(model.parameters(), {.learning_rate = 2e-3});
  nn::PlateauSchedule schedule({.start = 2e-3});
  float first = 0, last = 0;
  for (int epoch = 0; epoch < 30; ++epoch) {
    for (const nn::Batch& batch : batches) {
      Tape<float> tape(random);
      const auto loss = nn::cross_entropy(model(batch), batch.labels, {.ignore = nn::ignored});
      Gradients<float> gradients = tape.backward(loss);
      nn::clip_norm(gradients, 5.0);
      optimizer.step(gradients);
      last = loss.item();
      if (epoch == 0) first = last;
    }
    optimizer.learning_rate = schedule(last);
  }

  const auto name = "unroll-consumer-" + std::to_string(std::random_device()()) + ".safetensors";
  const auto file = (std::filesystem::temp_directory_path() / name).string();
  nn::save_safetensors(file, model, {{"format", "pt"}});
  Tagger<double> checked(vocabulary.size(), 3, random);
  nn::Unmatched unmatched;
  nn::load_safetensors(file, checked, &unmatched);
  std::filesystem::remove(file);
  checked.copy_from(nn::clone(model));
  const GradientReport report =
      gradient_check([&] { return nn::cross_entropy(checked(batches[0]), batches[0].labels); }, checked.parameters(),
                     {.directions = 4});
  std::cout << report << '\n';

  const Variable<float> x = random.normal<float>({4, 2, 8}, 0, 1);
  const Indices lengths{4, 2};
  const nn::Recurrent<Decay<float>> own({.input = 8, .hidden = 5, .layers = 2, .bidirectional = true}, random);
  const nn::GRU<float> gru({.input = 8, .hidden = 5, .cell = {.reset = nn::Reset::before}}, random);
  const nn::RNN<float> rnn({.input = 8, .hidden = 5, .cell = {.nonlinearity = nn::Nonlinearity::relu}}, random);
  const nn::LSTM<float> lstm({.input = 8, .hidden = 5, .learned_initial = true, .cell = {.forget_bias = 1}}, random);
  const nn::LSTM<float> normalised({.input = 8,
                                    .hidden = 5,
                                    .layers = 2,
                                    .dropout = 0.2,
                                    .variational_dropout = true,
                                    .zoneout = {0.1, 0.2},
                                    .residual = true,
                                    .cell = {.layer_norm = true, .peepholes = true, .coupled = true, .projection = 3}},
                                   random);
  const nn::LayerNorm<float> layer_norm({.size = 3, .epsilon = 1e-6});
  const auto state = gru(x, lengths).state;
  const auto continued = gru(x, lengths, state).output;
  const auto steps = nn::unroll(rnn.cells()[0], x, {zeros<float>({2, 5})});
  const Variable<float> pooled =
      concatenate({nn::last_step(continued, lengths), nn::mean_over_time(lstm(x).output, lengths),
                   nn::both_ends(own(x, lengths).state[0]), steps.back()[0]},
                  -1);
  const nn::Dropout<float> dropout({.rate = 0.5, .same_for_all_steps = true});
  const auto total = nn::cross_entropy_total(dropout(pooled), Indices{0, 1}, {.smoothing = 0.1});
  nn::SGD<float> sgd(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
  nn::AdamW<float> adamw(model.parameters(), {.weight_decay = 0.01});

  std::istringstream text("1\tThey\tthey\tPRON\t_\t_\t2\tnsubj\t_\t_\n\n");
  const auto sentences = nn::read_conllu(text, "text");
  nn::write_conllu(std::cout, sentences);
  return last < first && bool(report) && total.count == 2 && pooled.shape() == Shape{2, 25} &&
         layer_norm(normalised(x, lengths).output).shape() == Shape{4, 2, 3};
}

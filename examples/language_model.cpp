// language_model: predicts the next character or word of a text, and writes more of it
#include "support/language_model.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <unroll/nn/nn.hpp>

#include "support/format.hpp"
#include "support/program.hpp"
#include "support/text.hpp"

using namespace unroll;

struct Options {
  TrainingOptions training{.epochs = 8, .batch = 32, .learning_rate = 4e-3};
  LanguageModelOptions model{.network = {.hidden = 128, .layers = 2, .dropout = 0.1}};
  Sampling sampling;
  std::string preset, text, train, valid, test, prime;
  std::size_t minimum = 1, sample = 200;
  double scale = 0;
};

/// What a sample goes on from: the beginning of a line.
Indices prime_of(const nn::Vocabulary& vocabulary, const Options& o) {
  const bool words = o.model.words();
  std::vector<std::string> prime = pieces(o.prime.empty() ? "\n" : o.prime, words, "--prime");
  if (words && !o.prime.empty()) prime.pop_back();
  require(!prime.empty(), "--prime", "there is no word in it");
  Indices tokens = Indices::from_shape({prime.size(), 1});
  std::ranges::transform(prime, tokens.begin(), [&](const std::string& piece) { return vocabulary[piece]; });
  return tokens;
}

/// Writes a text, piece by piece as it is drawn.
void sample(const LanguageModel& model, const nn::Vocabulary& vocabulary, const Options& o, Indices tokens,
            Random& random) {
  const bool words = o.model.words();
  std::cout << o.prime << (words && !o.prime.empty() ? " " : "") << std::flush;
  Network::State state;
  for (std::size_t k = 0; k < o.sample; ++k) {
    const auto [scores, next] = model(tokens, state);
    state = next;
    const auto last = static_cast<std::int64_t>(tokens.shape()[0]);
    Array<float> of_next = slice(scores, 0, last - 1, last).value();
    of_next.flat(std::size_t(vocabulary.unknown())) = -std::numeric_limits<float>::infinity();  // it cannot be written
    const std::int64_t id = draw(of_next, o.sampling, random);
    const std::string& piece = vocabulary.word(id);
    std::cout << (piece == "<eos>" ? "\n" : words ? piece + " " : piece) << std::flush;
    tokens = id + xt::zeros<std::int64_t>({1, 1});
  }
  std::cout << std::endl;
}

void run(CLI::App& app, Options& o) {
  const TrainingOptions& t = o.training;
  const nn::Metadata saved = read_options(app, t);
  const bool has_vocabulary = saved.contains("vocabulary"), trained = trains(app);
  std::vector<std::string> learned = read_pieces(o.train.empty() ? o.text : o.train, o.model);
  std::vector<std::string> held_out = read_pieces(o.valid, o.model);
  const std::vector<std::string> test = read_pieces(o.test, o.model);
  if (learned.empty() && (trained || !has_vocabulary)) {
    Random grammar(1);
    learned = pieces(toy_text(1500, grammar), o.model.words(), "text");
  }
  if (o.train.empty()) {
    const auto cut = learned.begin() + static_cast<std::ptrdiff_t>(learned.size() * 9 / 10);
    held_out.assign(cut, learned.end());
    learned.erase(cut, learned.end());
  }
  const nn::Vocabulary vocabulary =
      has_vocabulary ? vocabulary_of(saved.at("vocabulary"), o.model.words()) : vocabulary_of(learned, o.minimum);
  const auto learned_ids = encoded(learned, vocabulary, o.train.empty() ? o.text + ", to learn" : o.train),
             held_out_ids = encoded(held_out, vocabulary, o.train.empty() ? o.text + ", held out" : o.valid),
             test_ids = encoded(test, vocabulary, o.test);
  const Indices prime = prime_of(vocabulary, o);

  Random random(t.seed);
  LanguageModel model(o.model, vocabulary.size(), random);
  for (Parameter<float>& parameter : model.parameters())
    if (o.scale > 0) parameter.assign(random.uniform<float>(parameter.shape(), -o.scale, o.scale));
  if (!t.load.empty()) nn::load_safetensors(t.load, model);
  const nn::Metadata description = description_of(app, o.model, vocabulary);
  if (!trained) std::cout << "seed " << t.seed << std::endl;
  if (trained && !train(app, t, o.model, model, description, random, learned_ids, held_out_ids)) return;

  for (const auto& [what, ids] : {std::pair("held out", held_out_ids), std::pair("test", test_ids)}) {
    if (ids.empty()) continue;
    const double nats = evaluate(model, t, o.model, ids);
    std::cout << formatted("%s: %.4f nats per %s, perplexity %.2f", what, nats, o.model.unit.c_str(), std::exp(nats))
              << std::endl;
  }
  if (o.sample) sample(model, vocabulary, o, prime, random);
}

/// What a published model was trained with: the options that were not given.
void apply_preset(CLI::App& app, const std::string& preset) {
  if (preset.empty()) return;
  // Zaremba, Sutskever and Vinyals (2014), "small": their rate of 1 and norm of 5 are for a loss added up over 20
  // steps.
  const std::pair<const char*, const char*> values[] = {
      {"--unit", "word"},     {"--layers", "2"},       {"--hidden", "200"}, {"--dropout", "0"},
      {"--scale", "0.1"},     {"--batch", "20"},       {"--steps", "20"},   {"--epochs", "13"},
      {"--optimizer", "sgd"}, {"--schedule", "halve"}, {"--hold", "4"},     {"--learning-rate", "20"},
      {"--clip", "0.25"}};
  for (const auto& [name, value] : values)
    if (app.count(name) == 0) app.get_option(name)->default_val(value);
}

void add_options(CLI::App& app, Options& o) {
  add_file(app, "--text", o.text, "to learn: its first nine tenths, the last one is held out");
  add_file(app, "--train", o.train, "to learn, instead of a part of --text")->excludes("--text");
  add_file(app, "--valid", o.valid, "held out")->needs("--train");
  app.get_option("--train")->needs("--valid");
  add_file(app, "--test", o.test, "to be predicted at the end");
  app.add_option("--preset", o.preset, "the options of a paper's model: ptb-small")
      ->check(CLI::IsMember({"ptb-small"}));
  const char* const sampling = "Sampling";
  add_option(app, sampling, "--sample", o.sample, "how many pieces to write")->check(natural);
  add_option(app, sampling, "--prime", o.prime, "what they go on from");
  add_option(app, sampling, "--temperature", o.sampling.temperature, "0 for the most likely piece")
      ->check(between(0, 100));
  add_option(app, sampling, "--top-k", o.sampling.top_k, "choose among so many likely pieces; 0 for all")
      ->check(natural);
  add_option(app, sampling, "--top-p", o.sampling.top_p, "choose among those that have this probability together")
      ->check(between(0, 1));
  add_language_model_options(app, o.model);
  add_option(app, training_group, "--minimum", o.minimum, "how often a piece must occur to be known")->check(positive);
  add_option(app, training_group, "--scale", o.scale, "start with parameters in ± this; 0 for the layers' own")
      ->check(between(0, 100));
  add_training_options(app, o.training);
  app.get_option("--resume")->excludes("--preset");
  app.get_option("--batch")->group(evaluation_group);
}

int main(int argc, char** argv) {
  CLI::App app("Learns to predict the next character or word of a text; without options, of a toy language.",
               "language_model");
  Options options;
  add_options(app, options);
  return run_program(app, argc, argv, [&] {
    apply_preset(app, options.preset);
    run(app, options);
  });
}

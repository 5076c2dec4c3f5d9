// language_model: predicts the next character or word of a text, and writes more of it
#include "support/language_model.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nn/nn.hpp>
#include <numeric>

#include "support/format.hpp"
#include "support/program.hpp"
#include "support/text.hpp"
#include "support/training.hpp"

using namespace unroll;

struct Options {
  TrainingOptions training{.epochs = 8, .batch = 32, .learning_rate = 4e-3};
  LanguageModelOptions model{.network = {.hidden = 128, .layers = 2, .dropout = 0.1}};
  Sampling sampling;
  std::string unit = "character", preset, optimizer = "adam", schedule = "cosine", text, train, valid, test, prime;
  std::size_t steps = 64, hold = 4, minimum = 1, sample = 200;
  double scale = 0;

  bool words() const { return unit == "word"; }
};

/// Nats per piece of a text.
double evaluate(const LanguageModel& model, const Options& o, const std::vector<std::int64_t>& text) {
  const Windows windows(text, o.training.batch, o.steps);
  Carried carried(model, windows.columns(), o.training.shares);
  std::vector<double> sums(carried.states.size());
  in_parallel(sums.size(), o.training.threads, [&](std::size_t share) {
    for (std::size_t window = 0; window < windows.size(); ++window)
      sums[share] += double(carried.loss(model, windows, window, share).item());
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0) / double(text.size() - 1);
}

bool train(const CLI::App& app, const Options& o, LanguageModel& model, const nn::Metadata& description, Random& random,
           const std::vector<std::int64_t>& text, const std::vector<std::int64_t>& valid) {
  const Windows windows(text, o.training.batch, o.steps);
  Carried carried(model, windows.columns(), o.training.shares);
  std::unique_ptr<nn::Optimizer<float>> optimizer;
  if (o.optimizer == "adam")
    optimizer = std::make_unique<nn::Adam<float>>(model.parameters());
  else
    optimizer = std::make_unique<nn::SGD<float>>(model.parameters());
  Training training(app, o.training, model, *optimizer, random, description, o.unit + "s", {"held-out loss"});
  for (std::size_t share = 0; share < carried.states.size(); ++share)
    for (std::size_t k = 0; k < carried.states[share].size(); ++k)
      training.checkpoint.add("state." + std::to_string(share) + "." + std::to_string(k), carried.states[share][k]);

  const double rate = o.training.learning_rate;
  const std::size_t steps = o.training.epochs * windows.size();
  const nn::CosineSchedule cosine({.start = rate, .steps = steps + 1, .warm_up = steps / 50, .least = rate / 100});
  const nn::StepSchedule halving({.start = rate, .from = o.hold - 1});
  const auto batches = [&] {
    std::vector<Training::Batch> each;
    for (std::size_t window = 0; window < windows.size(); ++window) each.push_back({window});
    return each;
  };
  const auto step = [&](const Training::Batch& batch) -> Training::Loss {
    const std::size_t window = batch[0];
    if (window == 0) carried.reset();
    if (o.schedule == "cosine") optimizer->learning_rate = cosine(training.epoch() * windows.size() + window);
    if (o.schedule == "halve") optimizer->learning_rate = halving(training.epoch());
    if (o.schedule == "constant") optimizer->learning_rate = rate;
    const double count = windows.count(window);
    const double loss = training.descend(carried.states.size(), [&](std::size_t share) {
      return carried.loss(model, windows, window, share) / float(count);
    });
    return {loss * count, count};
  };
  return training.run({batches, step, [&] { return std::vector{evaluate(model, o, valid)}; }});
}

/// What a sample goes on from: the beginning of a line.
Indices prime_of(const nn::Vocabulary& vocabulary, const Options& o) {
  std::vector<std::string> prime = pieces(o.prime.empty() ? "\n" : o.prime, o.words(), "--prime");
  if (o.words() && !o.prime.empty()) prime.pop_back();
  require(!prime.empty(), "--prime", "there is no word in it");
  Indices tokens = Indices::from_shape({prime.size(), 1});
  std::transform(prime.begin(), prime.end(), tokens.begin(),
                 [&](const std::string& piece) { return vocabulary[piece]; });
  return tokens;
}

/// Writes a text, piece by piece as it is drawn.
void sample(const LanguageModel& model, const nn::Vocabulary& vocabulary, const Options& o, Indices tokens,
            Random& random) {
  std::cout << o.prime << (o.words() && !o.prime.empty() ? " " : "") << std::flush;
  Network::State state;
  for (std::size_t k = 0; k < o.sample; ++k) {
    const auto [scores, next] = model(tokens, state);
    state = next;
    const auto last = static_cast<std::int64_t>(tokens.shape()[0]);
    const std::int64_t id = draw(slice(scores, 0, last - 1, last).value(), o.sampling, random);
    const std::string& piece = vocabulary.word(id);
    std::cout << (piece == "<eos>" ? "\n" : o.words() ? piece + " " : piece) << std::flush;
    tokens = id + xt::zeros<std::int64_t>({1, 1});
  }
  std::cout << std::endl;
}

void run(CLI::App& app, Options& o) {
  const TrainingOptions& t = o.training;
  const nn::Metadata saved = t.load.empty() ? nn::Metadata() : read_model_options(app, t.load);
  const bool has_vocabulary = saved.contains("vocabulary"), trained = trains(app);
  Random random(t.seed);
  std::vector<std::string> train_pieces, valid_pieces, test_pieces;
  const auto read = [&](const std::string& path) { return pieces(read_text(path), o.words(), path); };
  if (!o.train.empty()) {
    train_pieces = read(o.train);
    valid_pieces = read(o.valid);
  } else if (!o.text.empty() || trained || !has_vocabulary) {
    Random grammar(1);
    train_pieces = o.text.empty() ? pieces(toy_text(1500, grammar), o.words(), "text") : read(o.text);
    const auto cut = train_pieces.begin() + static_cast<std::ptrdiff_t>(train_pieces.size() * 9 / 10);
    valid_pieces.assign(cut, train_pieces.end());
    train_pieces.erase(cut, train_pieces.end());
  }
  if (!o.test.empty()) test_pieces = read(o.test);
  const nn::Vocabulary vocabulary =
      has_vocabulary ? vocabulary_of(saved.at("vocabulary"), o.words()) : vocabulary_of(train_pieces, o.minimum);
  const auto encode = [&](const std::vector<std::string>& text, const char* what) {
    require(text.size() != 1, what, "a text of one ", o.unit, "; there must be two to predict one");
    std::vector<std::int64_t> ids;
    for (const std::string& piece : text) ids.push_back(vocabulary[piece]);
    return ids;
  };
  const auto train_ids = encode(train_pieces, "training"), valid_ids = encode(valid_pieces, "held out"),
             test_ids = encode(test_pieces, "--test");
  const Indices prime = prime_of(vocabulary, o);

  LanguageModel model(o.model, vocabulary.size(), random);
  for (Parameter<float>& parameter : model.parameters())
    if (o.scale > 0) parameter.assign(random.uniform<float>(parameter.shape(), -o.scale, o.scale));
  if (!t.load.empty()) nn::load_safetensors(t.load, model);
  nn::Metadata description = model_options(app);
  description["vocabulary"] = joined(vocabulary, o.words());
  if (trained && !train(app, o, model, description, random, train_ids, valid_ids)) return;

  const auto tell = [&](const char* what, const std::vector<std::int64_t>& ids) {
    if (ids.empty()) return;
    const double nats = evaluate(model, o, ids);
    std::cout << formatted("%s: %.4f nats per %s, perplexity %.2f", what, nats, o.unit.c_str(), std::exp(nats))
              << std::endl;
  };
  tell("held out", valid_ids);
  tell("test", test_ids);
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
    if (app.count(name) == 0) set_option(app, name, value);
}

void add_options(CLI::App& app, Options& o) {
  const auto add = [&](const char* name, auto& value, const char* what) {
    return app.add_option(name, value, what)->group(training_group)->capture_default_str();
  };
  add_file(app, "--text", o.text, "to learn: its first nine tenths, the last one is held out");
  add_file(app, "--train", o.train, "to learn, instead of a part of --text")->excludes("--text");
  add_file(app, "--valid", o.valid, "held out")->needs("--train");
  app.get_option("--train")->needs("--valid");
  add_file(app, "--test", o.test, "to be predicted at the end");
  app.add_option("--preset", o.preset, "the options of a paper's model: ptb-small")
      ->check(CLI::IsMember({"ptb-small"}));
  app.add_option("--sample", o.sample, "how many pieces to write")->check(natural)->capture_default_str();
  app.add_option("--prime", o.prime, "what they go on from");
  app.add_option("--temperature", o.sampling.temperature, "0 for the most likely piece")->check(CLI::Range(0.0, 100.0));
  app.add_option("--top-k", o.sampling.top_k, "choose among so many likely pieces; 0 for all")->check(natural);
  app.add_option("--top-p", o.sampling.top_p, "choose among those that have this probability together")
      ->check(CLI::Range(0.0, 1.0));

  app.add_option("--unit", o.unit, "what is predicted")
      ->group(model_group)
      ->capture_default_str()
      ->check(CLI::IsMember({"character", "word"}));
  add_language_model_options(app, o.model);
  add("--steps", o.steps, "of truncated backpropagation through time")->check(positive);
  add("--dropout", o.model.network.dropout, "the share that drops out, around layers")->check(CLI::Range(0.0, 0.95));
  add("--optimizer", o.optimizer, "adam or sgd")->check(CLI::IsMember({"adam", "sgd"}));
  add("--schedule", o.schedule, "of the learning rate")->check(CLI::IsMember({"cosine", "halve", "constant"}));
  add("--hold", o.hold, "epochs before halve begins, with every epoch")->check(positive);
  add("--minimum", o.minimum, "how often a piece must occur to be known")->check(positive);
  add("--scale", o.scale, "start with parameters in ± this; 0 for the layers' own")->check(CLI::Range(0.0, 100.0));
  add_training_options(app, o.training);
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

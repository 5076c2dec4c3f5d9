// agreement: how far back a network remembers its subject: he ... himself, but she ... herself
#include <deque>
#include <iostream>
#include <map>
#include <numeric>
#include <unroll/nn/nn.hpp>

#include "support/agreement_grammar.hpp"
#include "support/fingerprint.hpp"
#include "support/format.hpp"
#include "support/network.hpp"
#include "support/picture.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

using namespace unroll;

struct Options {
  TrainingOptions training{.epochs = 8, .batch = 64, .learning_rate = 3e-3};
  std::vector<std::string> cells{"rnn", "gru", "lstm"};
  std::size_t hidden = 12, sentences = 6000, nearest = 2, known = 10, farthest = 100, tests = 400;
  std::string picture;
};

/// Reads a sentence, and gives each reflexive a score to be the next word.
struct Reader : nn::Module<float> {
  nn::Embedding<float> embedding;
  Network network;
  nn::Linear<float> scores;

  Reader(const std::string& cell, const Options& o, std::size_t words, Random& random)
      : embedding({.count = words, .size = o.hidden}, random),
        network({.cell = cell, .input = o.hidden, .hidden = o.hidden}, random),
        scores({.input = o.hidden, .output = reflexives.size()}, random) {
    add("embedding", embedding);
    add("network", network);
    add("scores", scores);
  }
  Variable<float> operator()(const AgreementSentences& sentences, const std::vector<std::size_t>& rows) const {
    const Indices words = nn::pad(sentences.words, rows, 0), lengths = pick(sentences.lengths, rows);
    return scores(nn::last_step(network(embedding(words), lengths).output, lengths));
  }
};

/// One reader for each cell. They learn side by side and share nothing.
struct Readers : nn::Module<float> {
  std::deque<Reader> all;

  Readers(const Options& o, std::size_t words, Random& random) {
    for (const std::string& cell : o.cells) add(cell, all.emplace_back(cell, o, words, random));
  }
};

/// The share of sentences of which a reader finds the reflexive.
double accuracy(const Reader& reader, const AgreementSentences& sentences) {
  double right = 0;
  for (const auto& rows : nn::batches_of_similar_length(sentences.lengths, 256)) {
    const Indices given = argmax(reader(sentences, rows), -1), wanted = pick(sentences.subjects, rows);
    right += double(xt::sum(xt::equal(given, wanted))());
  }
  return right / double(sentences.words.size());
}

void run(CLI::App& app, const Options& o) {
  read_options(app, o.training);
  require_distinct("--cells", o.cells);
  require(o.nearest <= o.known && o.known <= o.farthest, "--known", o.known, "; it must be between --nearest ",
          o.nearest, " and --farthest ", o.farthest);
  if (!o.picture.empty()) require_picture(o.picture);
  Random random(o.training.seed);
  const nn::Vocabulary vocabulary = agreement_vocabulary();
  AgreementSentences learned;
  for (std::size_t k = 0; k < o.sentences; ++k)
    learned.add(o.nearest + random.below(o.known - o.nearest + 1), vocabulary, random);
  std::map<std::size_t, AgreementSentences> tests;  // by distance
  const std::size_t apart = (o.farthest - o.nearest) / 25 + 1;
  for (std::size_t distance = o.nearest; distance <= o.farthest; distance += apart)
    for (std::size_t k = 0; k < o.tests; ++k) tests[distance].add(distance, vocabulary, random);

  Readers readers(o, vocabulary.size(), random);
  nn::Adam<float> optimizer(readers.parameters());
  Training training({.app = app,
                     .options = o.training,
                     .model = readers,
                     .optimizer = optimizer,
                     .random = random,
                     .description = model_options(app),
                     .data = Fingerprint(learned.words, learned.subjects).text(),
                     .unit = "sentences",
                     .columns = o.cells});
  const auto batches = [&] { return nn::batches_of_similar_length(learned.lengths, o.training.batch, &random); };
  const auto step = [&](const Training::Batch& rows) -> Training::Loss {
    const std::vector<double> losses = training.descend_each(readers.all.size(), [&](std::size_t k) {
      return nn::cross_entropy(readers.all[k](learned, rows), pick(learned.subjects, rows));
    });
    const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / double(losses.size());
    return {mean * double(rows.size()), double(rows.size())};
  };
  std::map<std::size_t, std::vector<double>> found;
  const auto measure = [&] {
    std::vector<double> means;
    std::size_t k = 0;
    for (const Reader& reader : readers.all) {
      double sum = 0;
      for (const auto& [distance, sentences] : tests) {
        found[distance].resize(o.cells.size());
        sum += found[distance][k] = accuracy(reader, sentences);
      }
      means.push_back(sum / double(tests.size()));
      ++k;
    }
    return means;
  };
  if (!o.training.load.empty()) nn::load_safetensors(o.training.load, readers);
  if (!trains(app))
    std::cout << "seed " << o.training.seed << std::endl;
  else if (!training.run({batches, step, measure}))
    return;
  measure();

  Panel panel{"The right reflexive, by its distance from the subject", "words between them", "accuracy, %", {}};
  std::cout << "words between  ";
  for (const std::string& cell : o.cells) {
    std::cout << formatted("%8s", cell.c_str());
    panel.curves.push_back({cell, {}, {}});
  }
  const double chance = 100.0 / double(reflexives.size());
  for (const auto& [distance, shares] : found) {
    std::cout << formatted("\n%-15zu", distance);
    for (std::size_t k = 0; k < shares.size(); ++k) {
      std::cout << formatted("%7.1f%%", 100 * shares[k]);
      panel.curves[k].x.push_back(double(distance));
      panel.curves[k].y.push_back(100 * shares[k]);
    }
    if (distance <= o.known) std::cout << "  learned";
  }
  std::cout << formatted("\n%-15s%7.1f%%", "by chance", chance) << std::endl;
  panel.curves.push_back({"by chance", {double(o.nearest), double(found.rbegin()->first)}, {chance, chance}, true});
  panel.curves.push_back({"longest learned", {double(o.known), double(o.known)}, {chance, 100}, true});
  if (!o.picture.empty()) draw(o.picture, {panel});
}

int main(int argc, char** argv) {
  CLI::App app(
      "Lets networks find the reflexive for a subject some words back, and tests them on longer sentences than they "
      "have learned.",
      "agreement");
  Options o;
  const auto add = [&](const char* group, const char* name, auto& value, const char* what) {
    return add_option(app, group, name, value, what);
  };
  add_file(app, "--picture", o.picture, "where to draw accuracy against distance, as png, svg or pdf");
  add(model_group, "--cells", o.cells, "of the networks")->check(CLI::IsMember(cells));
  add(model_group, "--hidden", o.hidden, "units of each")->check(positive);
  add(training_group, "--sentences", o.sentences, "to learn")->check(positive);
  add(evaluation_group, "--nearest", o.nearest, "words between subject and reflexive, at least")->check(positive);
  add(evaluation_group, "--known", o.known, "the same at most, in sentences to learn")->check(positive);
  add(evaluation_group, "--farthest", o.farthest, "the same at most, in sentences for tests")->check(positive);
  add(evaluation_group, "--tests", o.tests, "sentences for tests, for each distance")->check(positive);
  add_training_options(app, o.training);
  app.remove_option(app.get_option("--shares"));  // one for each cell
  return run_program(app, argc, argv, [&] { run(app, o); });
}

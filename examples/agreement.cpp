// agreement: how far back a network remembers its subject: he ... himself, but she ... herself
#include <deque>
#include <iostream>
#include <map>
#include <numeric>
#include <unroll/nn/nn.hpp>

#include "agreement/grammar.hpp"
#include "support/picture.hpp"
#include "support/text.hpp"
#include "support/training.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  TrainingOptions training{.epochs = 8, .batch = 64, .learning_rate = 3e-3};
  std::vector<std::string> cells{"rnn", "gru", "lstm"};
  std::size_t hidden = 12, sentences = 6000, nearest = 2, known = 10, farthest = 100, tests = 400;
  std::string picture;
};

/// Reads a sentence, and gives each reflexive a score to be the next word.
struct Reader : nn::Module<float> {
  nn::Embedding<float> embedding;
  nn::AnyRecurrent<float> network;
  nn::Linear<float> scores;

  Reader(const std::string& cell, const Options& o, std::size_t words, Random& random)
      : embedding({.count = words, .size = o.hidden}, random),
        network({.input = o.hidden, .hidden = o.hidden, .cell = cell}, random),
        scores({.input = o.hidden, .output = AgreementGrammar::reflexives.size()}, random) {
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

void run(CommandLine& line, const Options& o) {
  read_options(line, o.training);
  require_distinct("--cells", o.cells);
  require(o.nearest <= o.known && o.known <= o.farthest, "--known", o.known, "; it must be between --nearest ",
          o.nearest, " and --farthest ", o.farthest);
  if (!o.picture.empty()) require_picture(o.picture);
  Random random(o.training.seed);
  const nn::Vocabulary vocabulary = AgreementGrammar::vocabulary();
  AgreementSentences learned;
  for (std::size_t k = 0; k < o.sentences; ++k)
    learned.add(o.nearest + random.below(o.known - o.nearest + 1), vocabulary, random);
  std::map<std::size_t, AgreementSentences> tests;  // by distance
  const std::size_t apart = (o.farthest - o.nearest) / 25 + 1;
  for (std::size_t distance = o.nearest; distance <= o.farthest; distance += apart)
    for (std::size_t k = 0; k < o.tests; ++k) tests[distance].add(distance, vocabulary, random);

  Readers readers(o, vocabulary.size(), random);
  nn::Adam<float> optimizer(readers.parameters());
  Training training(line, o.training, readers, optimizer, random,
                    {.description = model_options(line),
                     .data = Fingerprint(learned.words, learned.subjects).text(),
                     .unit = "sentences",
                     .columns = o.cells});
  const auto step = [&](const Training::Batch& rows) -> Training::Loss {
    const std::vector<double> losses = training.descend_each(readers.all.size(), [&](std::size_t k) {
      return nn::cross_entropy(readers.all[k](learned, rows), pick(learned.subjects, rows));
    });
    const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / double(losses.size());
    return {mean * double(rows.size()), double(rows.size())};
  };
  std::map<std::size_t, std::vector<double>> found;
  const auto measure = [&] {
    std::vector<double> means(o.cells.size());
    for (const auto& [distance, sentences] : tests) {
      found[distance].clear();
      for (const Reader& reader : readers.all) found[distance].push_back(accuracy(reader, sentences));
      for (std::size_t k = 0; k < means.size(); ++k) means[k] += found[distance][k];
    }
    for (double& mean : means) mean /= double(tests.size());
    return means;
  };
  if (!o.training.load.empty()) nn::load_safetensors(o.training.load, readers);
  if (!trains(line))
    std::cout << "seed " << o.training.seed << std::endl;
  else if (!training.run(learned.lengths, step, measure))
    return;
  measure();

  Panel panel{"The right reflexive, by its distance from the subject", "words between them", "accuracy, %", {}};
  std::cout << "words between  ";
  for (const std::string& cell : o.cells) {
    std::cout << formatted("%8s", cell.c_str());
    panel.curves.push_back({cell, {}, {}});
  }
  const double chance = 100.0 / double(AgreementGrammar::reflexives.size());
  for (const auto& [distance, shares] : found) {
    std::cout << formatted("\n%-15zu", distance);
    for (std::size_t k = 0; k < shares.size(); ++k) {
      std::cout << formatted("%7.1f%%", 100 * shares[k]);
      panel.curves[k].add(double(distance), 100 * shares[k]);
    }
    if (distance <= o.known) std::cout << "  learned";
  }
  std::cout << formatted("\n%-15s%7.1f%%", "by chance", chance) << std::endl;
  panel.curves.push_back({"by chance", {double(o.nearest), double(found.rbegin()->first)}, {chance, chance}, true});
  panel.curves.push_back({"longest learned", {double(o.known), double(o.known)}, {chance, 100}, true});
  if (!o.picture.empty()) draw(o.picture, {panel});
}

int main(int argc, char** argv) {
  CommandLine line("agreement",
                   "Lets networks find the reflexive for a subject some words back, and tests them on longer sentences "
                   "than they have learned.");
  Options o;
  line.add_file("--picture", o.picture, "where to draw accuracy against distance, as png, svg or pdf");
  line.group(model_group);
  line.add("--cells", o.cells, "of the networks", one_of(nn::any_recurrent_cells));
  line.add("--hidden", o.hidden, "units of each", positive);
  line.group(training_group);
  line.add("--sentences", o.sentences, "to learn", positive);
  line.group(evaluation_group);
  line.add("--nearest", o.nearest, "words between subject and reflexive, at least", positive);
  line.add("--known", o.known, "the same at most, in sentences to learn", positive);
  line.add("--farthest", o.farthest, "the same at most, in sentences for tests", positive);
  line.add("--tests", o.tests, "sentences for tests, for each distance", positive);
  add_training_options(line, o.training);
  line.remove("--shares");  // one for each cell
  return line.run(argc, argv, [&] { run(line, o); });
}

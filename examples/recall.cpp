// recall: how far back a language model remembers what fixes the next word: "I grew up in France ... I speak French"
#include <iostream>
#include <unroll/nn/nn.hpp>

#include "recall/stories.hpp"
#include "support/learners.hpp"
#include "support/sequence_model.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  ExperimentOptions experiment{.training = {.epochs = 50, .batch = 64, .learning_rate = 1e-2, .clip = 1}};
  std::vector<std::string> cells{"rnn", "gru", "lstm"};
  std::vector<std::size_t> distances{4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 60};
  std::size_t hidden = 32, nearest = StoryGrammar::nearest, farthest = 40, tests = 200;
};

/// p(next word | all before it)
struct Model : SequenceModel {
  using SequenceModel::SequenceModel;

  Variable<float> operator()(const Stories& stories) const {
    return scores(network(embedding(stories.words), stories.lengths).output);
  }
  /// The mean probability of the languages.
  double probability(const Stories& stories) const {
    const auto h = network(embedding(stories.words), stories.lengths).output;
    const auto p = softmax(scores(nn::last_step(h, stories.places)));
    return double(mean(take_along(p, stories.languages)).item());
  }
};
using Models = Learners<Model>;

void run(CommandLine& line, Options& o) {
  const std::string& picture = o.experiment.picture;
  read_options(line, o.experiment.training);
  require_distinct("--cells", o.cells);
  require(o.nearest <= o.farthest, "--nearest", o.nearest, " words; there must be at most --farthest, ", o.farthest);
  if (!picture.empty()) require_picture(picture);
  std::ranges::sort(o.distances);
  const nn::Vocabulary vocabulary = StoryGrammar::vocabulary();
  Random random = Random(0).split();
  const Stories unseen(o.tests, o.nearest, o.farthest, vocabulary, random);
  std::vector<Stories> tests;
  for (const std::size_t distance : o.distances) tests.emplace_back(o.tests, distance, distance, vocabulary, random);

  const std::string setting = formatted("%zu to %zu words between", o.nearest, o.farthest);
  Models models(o.cells, {setting}, o.experiment, [&](std::size_t cell, std::size_t, Random& weights) {
    return Model(vocabulary.size(), {.input = o.hidden, .hidden = o.hidden, .cell = o.cells[cell]}, vocabulary.size(),
                 weights);
  });
  const auto loss = [&](Models::One& one) {
    const Stories batch(o.experiment.training.batch, o.nearest, o.farthest, vocabulary, one.data);
    return nn::cross_entropy(one.model(batch), batch.next);  // of every word
  };
  const auto measure = [&](const Models::One& one) { return one.model.probability(unseen); };
  if (!models.train(line, o.experiment, {}, "probability", loss, measure)) return;

  const double chance = 1 / double(StoryGrammar::languages.size());
  Panel recall{"The language of the country", "words between", "probability of the right word", {}};
  Panel learning{"The same, " + setting, "training step", "", {}};
  std::vector<std::vector<std::string>> table{{"words between"}};
  for (const std::size_t distance : o.distances) table[0].push_back(std::to_string(distance));
  for (std::size_t cell = 0; cell < o.cells.size(); ++cell) {
    Curve& curve = recall.curves.emplace_back(Curve{o.cells[cell], {}, {}});
    table.push_back({o.cells[cell]});
    for (std::size_t k = 0; k < tests.size(); ++k) {
      const Spread spread(
          models.each(cell, 0, [&](const Models::One& one) { return one.model.probability(tests[k]); }));
      curve.add(double(o.distances[k]), spread);
      table.back().push_back(text_of(spread, 2));
    }
    learning.curves.push_back(band_of(
        o.cells[cell], models.each(cell, 0, [&](const Models::One& one) { return one.curve(o.experiment.steps); })));
  }
  std::cout << formatted("\nProbability of the right language, median (least-most) of %zu seeds; by chance %g\n",
                         o.experiment.seeds, chance)
            << table_of(table) << std::flush;
  for (Panel* panel : {&recall, &learning}) {
    const std::vector<double> x = panel->curves[0].x;
    panel->curves.push_back({"by chance", {x.front(), x.back()}, {chance, chance}, true});
  }
  if (!picture.empty()) draw(picture, {recall, learning});
}

int main(int argc, char** argv) {
  CommandLine line("recall",
                   "Trains language models on stories such as \"I grew up in France ... I speak fluent French\", and "
                   "shows how far back they remember the country.");
  Options o;
  line.group(model_group);
  line.add("--cells", o.cells, "of the networks", one_of(nn::any_recurrent_cells));
  line.add("--hidden", o.hidden, "units of each", positive);
  line.group(training_group);
  line.add("--nearest", o.nearest, "words from the country to the language, at least",
           between(StoryGrammar::nearest, 1000));
  line.add("--farthest", o.farthest, "words from the country to the language, at most",
           between(StoryGrammar::nearest, 1000));
  line.group(evaluation_group);
  line.add("--distances", o.distances, "to test at", between(StoryGrammar::nearest, 1000));
  line.add("--tests", o.tests, "stories for tests, of each distance", positive);
  add_experiment_options(line, o.experiment, "the probability against the distance and in training");
  return line.run(argc, argv, [&] { run(line, o); });
}

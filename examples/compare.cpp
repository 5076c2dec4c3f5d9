// compare: layers, directions, cells and pooling, by what they get right and what they cost
#include <iostream>
#include <map>
#include <unroll/nn/nn.hpp>

#include "compare/tasks.hpp"
#include "support/learners.hpp"
#include "support/sequence_model.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  ExperimentOptions experiment{.training = {.epochs = 10, .batch = 32, .learning_rate = 1e-2, .clip = 1}};
  std::string task = "tagging", data, train, dev, unit = "word";
  std::vector<std::string> cells{"rnn", "gru", "lstm"}, directions{"forward", "both"}, pooling{"last", "mean"};
  std::vector<std::size_t> layers{1, 2};
  std::size_t hidden = 32, examples = 0;
  double dropout = 0;

  bool tagging() const { return task == "tagging"; }
};

/// What is compared beside the cells.
struct Variant {
  std::size_t layers;
  bool both;            ///< directions
  std::string pooling;  ///< none for tagging

  std::string name() const {
    return formatted("%zu layer%s, ", layers, layers > 1 ? "s" : "") + (pooling.empty() ? both ? "both ways" : "forward"
                                                                        : pooling == "mean"
                                                                            ? both ? "mean of both" : "mean"
                                                                        : both ? "both ends"
                                                                               : "last state");
  }
};

/// Scores for each piece of a sequence, or for all of them together.
struct Model : SequenceModel {
  std::string pooling;

  Model(const Options& o, const std::string& cell, const Variant& v, std::size_t pieces, std::size_t classes,
        Random& random)
      : SequenceModel(pieces,
                      {.input = o.hidden,
                       .hidden = o.hidden,
                       .layers = v.layers,
                       .bidirectional = v.both,
                       .dropout = o.dropout,
                       .cell = cell},
                      classes, random),
        pooling(v.pooling) {}

  /// (time, batch, classes), or (1, batch, classes)
  Variable<float> operator()(const ExampleBatch& batch) const {
    const double dropout = network.options().dropout;
    const auto [h, state] = network(nn::dropout(embedding(batch.pieces), dropout), batch.lengths);
    if (pooling.empty()) return scores(nn::dropout(h, dropout));
    const Variable<float> pooled = pooling == "mean"                 ? nn::mean_over_time(h, batch.lengths)
                                   : network.options().bidirectional ? nn::both_ends(state[0])
                                                                     : nn::last_step(h, batch.lengths);
    return stack({scores(nn::dropout(pooled, dropout))});
  }
};
using Models = Learners<Model>;

/// The share of the labels that are found, in percent.
double accuracy(const Model& model, const EncodedExamples& examples) {
  std::vector<std::size_t> lengths;
  for (const auto& pieces : examples.pieces) lengths.push_back(pieces.size());
  double right = 0, all = 0;
  for (const auto& rows : nn::batches_of_similar_length(lengths, 256)) {
    const ExampleBatch batch(examples, rows);
    const Indices given = argmax(model(batch), -1);
    right += double(xt::sum(xt::equal(given, batch.labels))());
    all += double(xt::sum(xt::not_equal(batch.labels, nn::ignored))());
  }
  return 100 * right / all;
}

std::vector<Variant> variants_of(const Options& o) {
  std::vector<Variant> variants;
  for (const std::size_t layers : o.layers)
    for (const std::string& directions : o.directions)
      for (const std::string& pooling : o.tagging() ? std::vector<std::string>{""} : o.pooling)
        variants.push_back({layers, directions == "both", pooling});
  return variants;
}

/// Examples to learn and to test by: a fifth is held out where there is no --dev.
std::pair<Examples, Examples> read(const Options& o) {
  constexpr std::size_t toys = 12000;
  Random random = Random(o.experiment.training.seed).split();
  const auto file = [&](const std::string& path) {
    return o.tagging() ? read_tagged(path) : read_texts(path, o.unit == "word");
  };
  const std::string& path = o.data.empty() ? o.train : o.data;
  Examples learned = !path.empty() ? file(path) : o.tagging() ? toy_sentences(toys, random) : toy_reviews(toys, random);
  Examples unseen = o.dev.empty() ? Examples() : file(o.dev);
  random.shuffle(learned);
  if (o.examples) learned.resize(std::min(o.examples, learned.size()));
  if (o.dev.empty()) {
    const auto cut = learned.end() - std::ssize(learned) / 5;
    unseen.assign(cut, learned.end());
    learned.erase(cut, learned.end());
  }
  require(!learned.empty() && !unseen.empty(), "--examples",
          "too few; there must be some to learn and some to test by");
  return {learned, unseen};
}

/// Accuracy and seconds of all, as a table and as two panels with a row for each variant.
std::vector<Panel> print(const Options& o, const Models& models) {
  const double steps = double(o.experiment.steps * o.experiment.training.epochs);
  std::vector<Panel> panels(2);
  panels[0] = {"What they get right", "", "accuracy, %", {}, false, models.settings};
  panels[1] = {"What they cost", "", "seconds of training, one thread", {}, false, models.settings};
  std::vector<std::vector<std::string>> table{{""}};
  for (const std::string& variant : models.settings) table.push_back({variant});
  for (std::size_t cell = 0; cell < models.kinds.size(); ++cell) {
    for (const char* what : {", %", ", s"}) table[0].push_back(models.kinds[cell] + what);
    for (Panel& panel : panels) panel.curves.push_back({models.kinds[cell], {}, {}});
    for (std::size_t k = 0; k < models.settings.size(); ++k) {
      const Spread right(models.each(cell, k, [](const Models::One& one) { return one.measured.back(); }));
      const Spread seconds(models.each(cell, k, [&](const Models::One& one) {
        return steps * one.seconds / double(std::max<std::size_t>(one.timed, 1));
      }));
      table[k + 1].insert(table[k + 1].end(), {text_of(right), formatted("%.2g", seconds.median)});
      // Marks beside each other, so that none hides another.
      const double row = double(k) + 0.2 * (double(cell) - double(models.kinds.size() - 1) / 2);
      panels[0].curves.back().add(row, right);
      panels[1].curves.back().add(row, seconds);
    }
  }
  std::cout << formatted("\nAccuracy on new examples, median (least-most) of %zu seeds, and seconds of a thread\n",
                         o.experiment.seeds)
            << table_of(table) << std::flush;
  return panels;
}

void run(CommandLine& line, const Options& o) {
  const TrainingOptions& t = o.experiment.training;
  read_options(line, t);
  require_distinct("--cells", o.cells);
  require_distinct("--layers", o.layers);
  require_distinct("--directions", o.directions);
  require_distinct("--pooling", o.pooling);
  if (!o.experiment.picture.empty()) require_picture(o.experiment.picture);
  const auto [learned, unseen] = read(o);
  std::map<std::string, std::size_t> labels;
  std::vector<std::string> all;
  for (const Example& one : learned) {
    all.insert(all.end(), one.pieces.begin(), one.pieces.end());
    for (const std::string& label : one.labels)
      if (!label.empty()) ++labels[label];
  }
  // Rare pieces and labels that are not learned have a number each for all of them together.
  const nn::Vocabulary vocabulary = frequent_pieces(all, 2),
                       classes = nn::Vocabulary::from_counts(labels, 1, {.padding = ""});
  const EncodedExamples train(learned, vocabulary, classes), dev(unseen, vocabulary, classes);
  const std::vector<Variant> variants = variants_of(o);
  std::vector<std::string> names;
  for (const Variant& variant : variants) names.push_back(variant.name());
  Models models(o.cells, names, o.experiment, [&](std::size_t cell, std::size_t k, Random& random) {
    return Model(o, o.cells[cell], variants[k], vocabulary.size(), classes.size(), random);
  });
  const auto loss = [&](Models::One& one) {
    std::vector<std::size_t> rows(t.batch);
    for (std::size_t& row : rows) row = one.data.below(train.pieces.size());
    const ExampleBatch batch(train, rows);
    return nn::cross_entropy(one.model(batch), batch.labels);
  };
  const auto measure = [&](const Models::One& one) { return accuracy(one.model, dev); };
  std::cout << learned.size() << " examples, " << vocabulary.size() << " different pieces, " << labels.size()
            << " classes\n";
  const std::string data = Fingerprint(train.pieces, train.labels, dev.pieces, dev.labels).text();
  if (!models.train(line, o.experiment, {.data = data}, "accuracy", loss, measure)) return;
  const std::vector<Panel> panels = print(o, models);
  if (!o.experiment.picture.empty()) draw(o.experiment.picture, panels);
}

int main(int argc, char** argv) {
  CommandLine line("compare",
                   "Compares layers, directions, cells and pooling on tagging and classification: what they get right, "
                   "and what they cost.");
  Options o;
  line.add_file("--data", o.data,
                "CoNLL-U for tagging; for classification lines class<TAB>text, or a folder of files CLASS.txt with a "
                "text in each line; a fifth of it tests what the rest has taught");
  line.add_file("--train", o.train, "the same, to learn from");
  line.add_file("--dev", o.dev, "the same, to test by");
  line.exclude("--data", "--train");
  line.need("--train", "--dev");
  line.need("--dev", "--train");
  line.group(model_group);
  line.add("--cells", o.cells, "of the networks", one_of(nn::any_recurrent_cells));
  line.add("--layers", o.layers, "one above the other", positive);
  line.add("--directions", o.directions, "from the first word on, or from both ends", one_of({"forward", "both"}));
  line.add("--pooling", o.pooling, "of a text: the last state of each direction, or the mean of all",
           one_of({"last", "mean"}));
  line.add("--hidden", o.hidden, "units of a layer in each direction, and of embeddings", positive);
  line.group(training_group);
  line.add("--task", o.task, "a label for each word, or one for a text", one_of({"tagging", "classification"}));
  line.add("--unit", o.unit, "of texts to classify", one_of({"word", "character"}));
  line.add("--examples", o.examples, "how many to learn from; 0 for all", natural);
  line.add("--dropout", o.dropout, "the share that drops out around layers", between(0, 0.95));
  add_experiment_options(line, o.experiment, "accuracy and seconds");
  return line.run(argc, argv, [&] { run(line, o); });
}

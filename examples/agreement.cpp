// agreement: what RNN, GRU and LSTM take to learn the word that a subject some words back demands: he ... himself
#include <iostream>
#include <unroll/nn/nn.hpp>

#include "agreement/grammar.hpp"
#include "support/learners.hpp"
#include "support/sequence_model.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  ExperimentOptions experiment{.training = {.epochs = 40, .batch = 32, .learning_rate = 1e-2, .clip = 1}, .steps = 50};
  std::vector<std::string> cells{"rnn", "gru", "lstm"};
  std::vector<double> values;  ///< of what is varied
  std::size_t hidden = 16, distance = 10, open = 1, farthest = 100, tests = 500;
  double noise = 0.5;
  std::string vary = "distance";
};

/// Reads a sentence, and gives each reflexive a score to be the next word.
struct Reader : SequenceModel {
  using SequenceModel::SequenceModel;

  Variable<float> operator()(const AgreementSentences& sentences) const {
    const auto h = network(embedding(sentences.words), sentences.lengths).output;
    return scores(nn::last_step(h, sentences.lengths));
  }
  /// The share of sentences of which it finds the reflexive.
  double accuracy(const AgreementSentences& sentences) const {
    return xt::mean(xt::cast<double>(xt::equal(argmax((*this)(sentences), -1), sentences.subjects)))();
  }
};

/// What is learned: sentences of a kind, up to some length with short ones among them, or of that length alone.
struct Lesson {
  double value;  ///< of what is varied
  bool alone;
  AgreementKind kind;
};

std::vector<Lesson> lessons_of(const Options& o) {
  constexpr std::size_t nearest = 2;
  std::vector<Lesson> lessons;
  for (const bool alone : {false, true})
    for (const double value : o.values) {
      AgreementKind kind{nearest, o.distance, o.open, o.noise};
      if (o.vary == "distance") kind.farthest = std::size_t(value);
      if (o.vary == "open") kind.open = std::size_t(value);
      if (o.vary == "noise") kind.noise = value;
      require(kind.farthest >= nearest, "--values", kind.farthest, " words; there must be at least ", nearest);
      if (alone) kind.nearest = kind.farthest;
      if (!alone || o.vary == "distance") lessons.push_back({value, alone, kind});
    }
  return lessons;
}

using Readers = Learners<Reader>;

bool has_learned(const Readers::One& one) { return one.ended; }
double steps_of(const Readers::One& one) { return double(one.steps); }

/// The steps that the readers of each cell take, printed and as curves; a reader that has not learned counts as all
/// steps that there were.
Panel print_steps(const Options& o, const Readers& readers, const std::vector<Lesson>& lessons, bool alone) {
  const std::string what = o.vary == "distance" ? (alone ? "words between, always so many" : "words between, at most")
                           : o.vary == "open"   ? "subjects open at once"
                                                : "share of other subjects between";
  const double all = double(o.experiment.training.epochs * o.experiment.steps);
  Panel panel{alone ? "Without short distances" : "Steps until learned", what, "training steps", {}};
  std::vector<std::vector<std::string>> table{{what}};
  for (const Lesson& lesson : lessons)
    if (lesson.alone == alone) table[0].push_back(formatted("%g", lesson.value));
  for (std::size_t cell = 0; cell < o.cells.size(); ++cell) {
    table.push_back({o.cells[cell]});
    Curve& curve = panel.curves.emplace_back(Curve{o.cells[cell], {}, {}});
    for (std::size_t k = 0; k < lessons.size(); ++k) {
      if (lessons[k].alone != alone) continue;
      curve.add(
          lessons[k].value,
          Spread(readers.each(cell, k, [&](const Readers::One& one) { return one.ended ? steps_of(one) : all; })));
      const std::vector<double> learned = readers.each(cell, k, steps_of, has_learned);
      table.back().push_back(learned.size() == o.experiment.seeds
                                 ? text_of(Spread(learned), 4)
                                 : formatted("%zu of %zu", learned.size(), o.experiment.seeds));
    }
  }
  std::cout << '\n' << table_of(table) << std::flush;
  panel.curves.push_back({"not learned", {o.values.front(), o.values.back()}, {all, all}, true});
  return panel;
}

/// How many longer sentences are right, for the readers that have learned up to --distance words.
Panel print_longer(const Options& o, const Readers& readers, const std::vector<Lesson>& lessons,
                   const nn::Vocabulary& vocabulary) {
  Panel panel{formatted("Learned up to %zu words", o.distance), "words between", "accuracy, %", {}};
  const auto lesson = std::ranges::find(lessons, o.distance, [](const Lesson& one) { return one.kind.farthest; });
  if (lesson == lessons.end()) return panel;
  std::vector<std::vector<std::string>> table{{formatted("%% right, learned up to %zu words", o.distance)}};
  std::vector<AgreementSentences> tests;
  std::vector<double> distances;
  Random random = Random(0).split();
  for (std::size_t k = 0; k <= 9; ++k) {
    const std::size_t distance = o.distance + k * (std::max(o.farthest, o.distance) - o.distance) / 9;
    tests.emplace_back(o.tests, AgreementKind{distance, distance, o.open, o.noise}, vocabulary, random);
    distances.push_back(double(distance));
    table[0].push_back(std::to_string(distance));
  }
  for (std::size_t cell = 0; cell < o.cells.size(); ++cell) {
    Curve curve{o.cells[cell], {}, {}};
    for (std::size_t k = 0; k < tests.size(); ++k) {
      const std::vector<double> shares = readers.each(
          cell, std::size_t(lesson - lessons.begin()),
          [&](const Readers::One& one) { return 100 * one.model.accuracy(tests[k]); }, has_learned);
      if (k == 0)
        table.push_back({formatted("%s, %zu of %zu", o.cells[cell].c_str(), shares.size(), o.experiment.seeds)});
      if (shares.empty()) break;
      curve.add(distances[k], Spread(shares));
      table.back().push_back(formatted("%.1f", curve.y.back()));
    }
    panel.curves.push_back(curve);
  }
  const double chance = 100.0 / double(AgreementGrammar::reflexives.size());
  std::cout << '\n' << table_of(table) << formatted("by chance %.1f\n", chance) << std::flush;
  panel.curves.push_back({"by chance", {distances.front(), distances.back()}, {chance, chance}, true});
  return panel;
}

void run(CommandLine& line, Options& o) {
  const std::string& picture = o.experiment.picture;
  read_options(line, o.experiment.training);
  require_distinct("--cells", o.cells);
  if (!picture.empty()) require_picture(picture);
  if (o.values.empty())
    o.values = o.vary == "distance" ? std::vector<double>{5, 10, 20, 40}
               : o.vary == "open"   ? std::vector<double>{1, 2, 3, 4}
                                    : std::vector<double>{0, 0.25, 0.5, 0.75, 1};
  std::ranges::sort(o.values);
  require_distinct("--values", o.values);
  const nn::Vocabulary vocabulary = AgreementGrammar::vocabulary();
  const std::vector<Lesson> lessons = lessons_of(o);
  // Sentences for tests are those of a stream of their own, whatever is trained.
  Random tests = Random(0).split();
  std::vector<AgreementSentences> unseen;
  std::vector<std::string> names;
  for (const Lesson& lesson : lessons) {
    unseen.emplace_back(o.tests, lesson.kind, vocabulary, tests);
    names.push_back(formatted("%s %g%s", o.vary.c_str(), lesson.value, lesson.alone ? " alone" : ""));
  }

  Readers readers(o.cells, names, o.experiment, [&](std::size_t cell, std::size_t, Random& weights) {
    return Reader(vocabulary.size(), {.input = o.hidden, .hidden = o.hidden, .cell = o.cells[cell]},
                  AgreementGrammar::reflexives.size(), weights);
  });
  const auto loss = [&](Readers::One& one) {
    const AgreementSentences batch(o.experiment.training.batch, lessons[one.setting].kind, vocabulary, one.data);
    return nn::cross_entropy(one.model(batch), batch.subjects);
  };
  const auto measure = [&](Readers::One& one) {
    const double accuracy = one.model.accuracy(unseen[one.setting]);
    one.ended = one.ended || accuracy >= 0.99;
    return accuracy;
  };
  if (!readers.train(line, o.experiment, {.constant = true}, "accuracy", loss, measure)) return;

  std::cout << formatted(
      "\nTraining steps until 99 %% of new sentences are right: median (least-most) of %zu seeds; or how many have "
      "learned it in %zu steps\n",
      o.experiment.seeds, o.experiment.training.epochs * o.experiment.steps);
  std::vector<Panel> panels{print_steps(o, readers, lessons, false)};
  if (o.vary == "distance") {
    panels.push_back(print_steps(o, readers, lessons, true));
    panels.push_back(print_longer(o, readers, lessons, vocabulary));
  }
  if (!picture.empty()) draw(picture, panels);
}

int main(int argc, char** argv) {
  CommandLine line("agreement",
                   "Counts the steps in which networks learn the reflexive for a subject some words back, by the "
                   "distance, and tests them on longer sentences than they have learned.");
  Options o;
  line.group(model_group);
  line.add("--cells", o.cells, "of the networks", one_of(nn::any_recurrent_cells));
  line.add("--hidden", o.hidden, "units of each", positive);
  line.group(training_group);
  line.add("--vary", o.vary, "the distance, how many subjects are open at once, or the share of others in between",
           one_of({"distance", "open", "noise"}));
  line.add("--values", o.values, "of what is varied", between(0, 1000));
  line.add("--distance", o.distance, "words between subject and verb, at most", between(2, 1000));
  line.add("--open", o.open, "subjects, one of which is asked for",
           between(1, double(AgreementGrammar::ordinals.size())));
  line.add("--noise", o.noise, "the share of what stands between that has another subject in it", between(0, 1));
  line.group(evaluation_group);
  line.add("--farthest", o.farthest, "words between, in longer sentences", positive);
  line.add("--tests", o.tests, "sentences for tests, of each kind", positive);
  add_experiment_options(line, o.experiment, "steps and accuracy");
  return line.run(argc, argv, [&] { run(line, o); });
}

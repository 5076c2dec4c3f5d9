// agreement: what RNN, GRU and LSTM take to learn the word that a subject some words back demands: he ... himself
#include <deque>
#include <iostream>
#include <numeric>
#include <unroll/nn/nn.hpp>

#include "agreement/grammar.hpp"
#include "support/picture.hpp"
#include "support/text.hpp"
#include "support/training.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  TrainingOptions training{.epochs = 40, .batch = 32, .learning_rate = 1e-2, .clip = 1};
  std::vector<std::string> cells{"rnn", "gru", "lstm"};
  std::vector<double> values;  ///< of what is varied
  std::size_t hidden = 16, steps = 50, seeds = 3, distance = 10, open = 1, farthest = 100, tests = 500;
  double noise = 0.5;
  std::string vary = "distance", picture;
};

/// Reads a sentence, and gives each reflexive a score to be the next word.
struct Reader : nn::Module<float> {
  nn::Embedding<float> embedding;
  nn::AnyRecurrent<float> network;
  nn::Linear<float> scores;

  Reader(const std::string& cell, std::size_t hidden, std::size_t words, Random& random)
      : embedding({.count = words, .size = hidden}, random),
        network({.input = hidden, .hidden = hidden, .cell = cell}, random),
        scores({.input = hidden, .output = AgreementGrammar::reflexives.size()}, random) {
    add("embedding", embedding);
    add("network", network);
    add("scores", scores);
  }
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

/// A reader of one cell and seed that learns one lesson, from sentences that only it is given.
struct Learner {
  std::string cell;
  std::size_t lesson;
  Random sentences;
  Reader reader;
  std::size_t steps = 0, learned = 0;  ///< made so far; whether nearly all new sentences are right
};

/// They learn side by side and share nothing; those of a seed are given the same sentences.
struct Learners : nn::Module<float> {
  std::deque<Learner> all;

  Learners(const Options& o, std::size_t lessons, std::size_t words) {
    for (std::size_t lesson = 0; lesson < lessons; ++lesson)
      for (const std::string& cell : o.cells)
        for (std::size_t k = 0; k < o.seeds; ++k) {
          Random sentences(o.training.seed + k), weights = sentences.split();
          Learner& one = all.emplace_back(Learner{cell, lesson, sentences, Reader(cell, o.hidden, words, weights)});
          add(formatted("%zu.%s.%zu", lesson, cell.c_str(), k), one.reader);
        }
  }
  /// Those of a cell and a lesson.
  std::vector<const Learner*> of(const std::string& cell, std::size_t lesson) const {
    std::vector<const Learner*> result;
    for (const Learner& one : all)
      if (one.cell == cell && one.lesson == lesson) result.push_back(&one);
    return result;
  }
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

/// "150 (100-200)", or how many of the learners have learned their lesson if not all have.
std::string steps_of(const std::vector<const Learner*>& learners) {
  std::vector<double> steps;
  for (const Learner* one : learners)
    if (one->learned) steps.push_back(double(one->steps));
  if (steps.size() < learners.size()) return formatted("%zu of %zu", steps.size(), learners.size());
  const Spread spread(steps);
  return formatted("%g (%g-%g)", spread.median, spread.least, spread.most);
}

/// The steps that the readers of each cell take, printed and as curves; a reader that has not learned counts as all
/// steps that there were.
Panel print_steps(const Options& o, const Learners& learners, const std::vector<Lesson>& lessons, bool alone) {
  const std::string what = o.vary == "distance" ? (alone ? "words between, always so many" : "words between, at most")
                           : o.vary == "open"   ? "subjects open at once"
                                                : "share of other subjects between";
  Panel panel{"Steps until learned", what, "training steps", {}};
  std::cout << formatted("\n%-32s", what.c_str());
  for (const Lesson& lesson : lessons)
    if (lesson.alone == alone) std::cout << formatted("%16g", lesson.value);
  const double all = double(o.training.epochs * o.steps);
  for (const std::string& cell : o.cells) {
    std::cout << formatted("\n%-32s", cell.c_str());
    Curve& curve = panel.curves.emplace_back(Curve{cell, {}, {}});
    for (std::size_t k = 0; k < lessons.size(); ++k) {
      if (lessons[k].alone != alone) continue;
      std::vector<double> steps;
      for (const Learner* one : learners.of(cell, k)) steps.push_back(one->learned ? double(one->steps) : all);
      curve.add(lessons[k].value, Spread(steps));
      std::cout << formatted("%16s", steps_of(learners.of(cell, k)).c_str());
    }
  }
  std::cout << std::endl;
  panel.curves.push_back({"not learned", {o.values.front(), o.values.back()}, {all, all}, true});
  return panel;
}

/// How many longer sentences are right, for the readers that have learned up to --distance words.
Panel print_longer(const Options& o, const Learners& learners, const std::vector<Lesson>& lessons,
                   const nn::Vocabulary& vocabulary) {
  Panel panel{formatted("Learned up to %zu words", o.distance), "words between", "accuracy, %", {}};
  const auto lesson = std::ranges::find(lessons, o.distance, [](const Lesson& one) { return one.kind.farthest; });
  if (lesson == lessons.end() || o.vary != "distance") return panel;
  Random random(0);
  std::vector<AgreementSentences> tests;
  std::vector<double> distances;
  for (std::size_t k = 0; k <= 9; ++k) {
    const std::size_t distance = o.distance + k * (std::max(o.farthest, o.distance) - o.distance) / 9;
    tests.emplace_back(o.tests, AgreementKind{distance, distance, o.open, o.noise}, vocabulary, random);
    distances.push_back(double(distance));
  }
  std::cout << formatted("\n%% right, learned up to %-6zu words", o.distance);
  for (const double distance : distances) std::cout << formatted("%8g", distance);
  for (const std::string& cell : o.cells) {
    std::vector<const Learner*> learned;
    for (const Learner* one : learners.of(cell, std::size_t(lesson - lessons.begin())))
      if (one->learned) learned.push_back(one);
    std::cout << formatted("\n%-5s%zu of %-21zu", cell.c_str(), learned.size(), o.seeds);
    if (learned.empty()) continue;
    Curve& curve = panel.curves.emplace_back(Curve{cell, {}, {}});
    for (std::size_t k = 0; k < tests.size(); ++k) {
      std::vector<double> shares;
      for (const Learner* one : learned) shares.push_back(100 * one->reader.accuracy(tests[k]));
      curve.add(distances[k], Spread(shares));
      std::cout << formatted("%8.1f", curve.y.back());
    }
  }
  const double chance = 100.0 / double(AgreementGrammar::reflexives.size());
  std::cout << formatted("\n%-32s%8.1f", "by chance", chance) << std::endl;
  panel.curves.push_back({"by chance", {distances.front(), distances.back()}, {chance, chance}, true});
  return panel;
}

void run(CommandLine& line, Options& o) {
  read_options(line, o.training);
  require_distinct("--cells", o.cells);
  if (!o.picture.empty()) require_picture(o.picture);
  if (o.values.empty())
    o.values = o.vary == "distance" ? std::vector<double>{5, 10, 20, 40}
               : o.vary == "open"   ? std::vector<double>{1, 2, 3, 4}
                                    : std::vector<double>{0, 0.25, 0.5, 0.75, 1};
  std::ranges::sort(o.values);
  require_distinct("--values", o.values);
  const nn::Vocabulary vocabulary = AgreementGrammar::vocabulary();
  const std::vector<Lesson> lessons = lessons_of(o);
  // Sentences for tests are those of a stream of their own, whatever is trained.
  Random random(o.training.seed), tests(0);
  std::vector<AgreementSentences> unseen;
  for (const Lesson& lesson : lessons) unseen.emplace_back(o.tests, lesson.kind, vocabulary, tests);

  Learners learners(o, lessons.size(), vocabulary.size());
  nn::Adam<float> optimizer(learners.parameters());
  Training training(line, o.training, learners, optimizer, random,
                    {.description = model_options(line), .unit = "steps", .columns = {"readers that have learned"}});
  for (std::size_t k = 0; k < learners.all.size(); ++k) {
    Learner& one = learners.all[k];
    const std::string name = "learner" + std::to_string(k);
    training.checkpoint.add(name + ".sentences", one.sentences);
    training.checkpoint.add(name + ".steps", one.steps);
    training.checkpoint.add(name + ".learned", one.learned);
  }
  const auto step = [&](const Training::Batch&) -> Training::Loss {
    std::vector<Learner*> open;
    for (Learner& one : learners.all)
      if (!one.learned) open.push_back(&one);
    optimizer.learning_rate = o.training.learning_rate;
    const std::vector<double> losses = training.descend_each(open.size(), [&](std::size_t k) {
      Learner& one = *open[k];
      ++one.steps;
      const AgreementSentences batch(o.training.batch, lessons[one.lesson].kind, vocabulary, one.sentences);
      return nn::cross_entropy(one.reader(batch), batch.subjects);
    });
    return {std::accumulate(losses.begin(), losses.end(), 0.0), double(open.size())};
  };
  const auto measure = [&]() -> std::vector<double> {
    in_parallel(learners.all.size(), o.training.threads, [&](std::size_t k) {
      Learner& one = learners.all[k];
      one.learned = one.learned || one.reader.accuracy(unseen[one.lesson]) >= 0.99;
    });
    const auto learned = std::ranges::count_if(learners.all, [](const Learner& one) { return one.learned; });
    if (std::size_t(learned) == learners.all.size()) training.stop();
    return {double(learned)};
  };
  if (!training.run(o.steps, step, measure)) return;

  std::cout << formatted(
      "\nTraining steps until 99 %% of new sentences are right: median (least-most) of %zu seeds; or "
      "how many have learned it in %zu steps",
      o.seeds, o.training.epochs * o.steps);
  std::vector<Panel> panels{print_steps(o, learners, lessons, false)};
  if (o.vary == "distance") {
    panels.push_back(print_steps(o, learners, lessons, true));
    panels.push_back(print_longer(o, learners, lessons, vocabulary));
  }
  if (!o.picture.empty()) draw(o.picture, panels);
}

int main(int argc, char** argv) {
  CommandLine line("agreement",
                   "Counts the steps in which networks learn the reflexive for a subject some words back, by the "
                   "distance, and tests them on longer sentences than they have learned.");
  Options o;
  line.add_file("--picture", o.picture, "where to draw steps and accuracy, as png, svg or pdf");
  line.group(model_group);
  line.add("--cells", o.cells, "of the networks", one_of(nn::any_recurrent_cells));
  line.add("--hidden", o.hidden, "units of each", positive);
  line.add("--seeds", o.seeds, "networks of a kind", between(1, 100));
  line.group(training_group);
  line.add("--vary", o.vary, "the distance, how many subjects are open at once, or the share of others in between",
           one_of({"distance", "open", "noise"}));
  line.add("--values", o.values, "of what is varied", between(0, 1000));
  line.add("--distance", o.distance, "words between subject and verb, at most", between(2, 1000));
  line.add("--open", o.open, "subjects, one of which is asked for",
           between(1, double(AgreementGrammar::ordinals.size())));
  line.add("--noise", o.noise, "the share of what stands between that has another subject in it", between(0, 1));
  line.add("--steps", o.steps, "in an epoch; who has learned is seen at its end", positive);
  line.group(evaluation_group);
  line.add("--farthest", o.farthest, "words between, in longer sentences", positive);
  line.add("--tests", o.tests, "sentences for tests, of each kind", positive);
  add_training_options(line, o.training);
  line.remove("--shares");  // one for each network
  return line.run(argc, argv, [&] { run(line, o); });
}

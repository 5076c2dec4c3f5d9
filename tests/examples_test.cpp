// What the examples share: texts cut into windows, drawing, counting, fingerprints, tasks, options in files.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "../examples/support/agreement_grammar.hpp"
#include "../examples/support/confusion.hpp"
#include "../examples/support/fingerprint.hpp"
#include "../examples/support/labelled_texts.hpp"
#include "../examples/support/options.hpp"
#include "../examples/support/text.hpp"
#include "../examples/support/translation_tasks.hpp"
#include "support.hpp"

using namespace unroll;

TEST_CASE("windows predict every piece of a text but the first exactly once, and go on where they were") {
  for (const std::size_t size : {2, 3, 10, 47})
    for (const std::size_t columns : {1, 3, 100})
      for (const std::size_t steps : {1, 4, 100}) {
        CAPTURE(size);
        CAPTURE(columns);
        CAPTURE(steps);
        std::vector<std::int64_t> text(size);
        for (std::size_t k = 0; k < size; ++k) text[k] = std::int64_t(k);
        const Windows windows(text, columns, steps);
        std::map<std::int64_t, int> predicted;
        std::vector<std::int64_t> last(windows.columns(), -1);
        for (std::size_t window = 0; window < windows.size(); ++window) {
          const Indices tokens = windows.tokens(window, 0, windows.columns()),
                        labels = windows.labels(window, 0, windows.columns());
          double count = 0;
          for (std::size_t t = 0; t < labels.shape()[0]; ++t)
            for (std::size_t column = 0; column < windows.columns(); ++column) {
              if (labels(t, column) == nn::ignored) continue;
              CHECK(labels(t, column) == tokens(t, column) + 1);
              if (last[column] >= 0) CHECK(tokens(t, column) == last[column]);
              last[column] = labels(t, column);
              ++predicted[labels(t, column)];
              ++count;
            }
          CHECK(windows.count(window) == count);
        }
        CHECK(predicted.size() == size - 1);
        for (const auto& [piece, times] : predicted) CHECK(times == 1);
      }
  CHECK_THROWS_AS(Windows({1}, 1, 1), Error);
  CHECK_THROWS_AS(Windows({1, 2}, 1, 1).tokens(1, 0, 1), Error);
}

TEST_CASE("pieces are drawn as often as softmax says, from the most likely ones if so wanted") {
  Array<float> scores{{std::log(1.f), std::log(2.f), std::log(5.f), std::log(2.f)}};
  Random random(1);
  const auto shares = [&](const Sampling& sampling) {
    std::vector<double> counts(4);
    for (int k = 0; k < 20000; ++k) counts[std::size_t(draw(scores, sampling, random))] += 1 / 20000.0;
    return counts;
  };
  const auto check = [&](const Sampling& sampling, const std::vector<double>& wanted) {
    const std::vector<double> found = shares(sampling);
    for (std::size_t k = 0; k < 4; ++k) CHECK(found[k] == doctest::Approx(wanted[k]).epsilon(0.02).scale(0.5));
  };
  check({}, {0.1, 0.2, 0.5, 0.2});
  check({.temperature = 0}, {0, 0, 1, 0});
  check({.temperature = 0.5}, {1 / 34.0, 4 / 34.0, 25 / 34.0, 4 / 34.0});
  check({.top_k = 1}, {0, 0, 1, 0});
  check({.top_k = 2}, {0, 2 / 7.0, 5 / 7.0, 0});
  check({.top_p = 0.9}, {0, 2 / 9.0, 5 / 9.0, 2 / 9.0});
  check({.top_p = 0}, {0, 0, 1, 0});
}

TEST_CASE("words stand between spaces, and a line ends with <eos>; invalid UTF-8 is told with its position") {
  CHECK(pieces("the cat\nsat ", true, "text") == std::vector<std::string>{"the", "cat", "<eos>", "sat", "<eos>"});
  CHECK(pieces("\n a  b\t\r\n\nc", true, "text") ==
        std::vector<std::string>{"<eos>", "a", "b", "<eos>", "<eos>", "c", "<eos>"});
  CHECK(pieces("né", false, "text") == std::vector<std::string>{"n", "é"});
  CHECK(error_of([] { pieces("ab\xff", false, "a.txt"); }).starts_with("a.txt: characters: byte 0xff at position 2"));
  const nn::Vocabulary vocabulary = vocabulary_of({"a", "b", "a", "c"}, 2);
  CHECK(vocabulary.words() == std::vector<std::string>{"<unk>", "a"});
  for (const bool words : {false, true})
    CHECK(vocabulary_of(joined(vocabulary, words), words).words() == vocabulary.words());
}

TEST_CASE("accuracy, F1 and shares of a confusion are those by hand") {
  Confusion confusion({"a", "b", "never"});
  for (int k = 0; k < 3; ++k) confusion.count(0, 0);
  confusion.count(0, 1);
  confusion.count(1, 1);
  confusion.count(1, 0);
  CHECK(confusion.accuracy() == doctest::Approx(4 / 6.0));
  CHECK(confusion.macro_f1() == doctest::Approx((6 / 8.0 + 2 / 4.0) / 2));
  CHECK(confusion.most_frequent().first == "a");
  CHECK(confusion.most_frequent().second == doctest::Approx(4 / 6.0));
}

TEST_CASE("a fingerprint depends on every element, and on where lists end") {
  using Lists = std::vector<std::vector<std::int64_t>>;
  std::set<std::string> all;
  for (const Lists& lists :
       {Lists{}, {{}}, {{1}}, {{1, 2}}, {{1}, {2}}, {{2}, {1}}, {{1, 2}, {}}, {{}, {1, 2}}, {{1, 258}}})
    all.insert(Fingerprint(lists).text());
  CHECK(all.size() == 9);
  CHECK(Fingerprint(std::string("ab"), std::string("c")).text() !=
        Fingerprint(std::string("a"), std::string("bc")).text());
}

TEST_CASE("a fifth of each class is held out, and every text is in one part") {
  Random random(1);
  const LabelledTexts all = toy_names(100, random);
  const auto [learned, held_out] = split(all, random);
  CHECK(held_out.size() == 20);
  std::multiset<std::string> texts(learned.texts.begin(), learned.texts.end());
  texts.insert(held_out.texts.begin(), held_out.texts.end());
  CHECK(texts == std::multiset<std::string>(all.texts.begin(), all.texts.end()));
}

TEST_CASE("tasks: no target twice, sorted letters are sorted, the distance of a subject is that asked for") {
  Random random(1);
  for (const std::string& task : translation_tasks) {
    std::set<std::string> targets;
    for (const auto& [source, target] : translation_pairs(task, 500, random)) {
      CHECK(targets.insert(target).second);
      if (task == "sort") CHECK(std::ranges::is_sorted(target));
      if (task == "reverse") CHECK(std::string(source.rbegin(), source.rend()) == target);
      if (task == "dates") CHECK(target.size() == 10);
    }
  }
  const nn::Vocabulary vocabulary = agreement_vocabulary();
  AgreementSentences sentences;
  for (const std::size_t distance : {1, 2, 7, 40}) {
    sentences.add(distance, vocabulary, random);
    CHECK(sentences.lengths.back() == distance + 1);
    CHECK(sentences.words.back()[0] == std::int64_t(sentences.subjects.back()));
  }
}

TEST_CASE("options: a file's values are taken unless others were given, and equal ones may be written otherwise") {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
  const auto parse = [&](const std::vector<std::string>& words, const std::string& file, TrainingOptions& o) {
    CLI::App app("", "program");
    double size = 3;
    std::vector<std::string> names{"a"};
    add_option(app, model_group, "--size", size, "");
    add_option(app, model_group, "--names", names, "");
    add_training_options(app, o);
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    o.load = file;
    read_options(app, o);
    return model_options(app);
  };
  TrainingOptions none, some;
  const nn::Metadata saved = parse({"--size", "0.002", "--names", "b", "c"}, "", none);
  CHECK(saved == nn::Metadata{{"program", "program"}, {"size", "0.002"}, {"names", "[b,c]"}});
  nn::write_safetensors(path, {}, saved);
  CHECK(parse({}, path, some) == saved);
  CHECK(parse({"--size", "2e-3", "--names", "b", "c"}, path, some) == saved);
  CHECK(error_of([&] {
          parse({"--size", "0.0020000001"}, path, some);
        }) == "--size: 0.0020000001; " + path + " has 0.002");
  CHECK(error_of([&] { parse({"--names", "b"}, path, some); }) == "--names: [b]; " + path + " has [b,c]");

  TrainingOptions training;
  training.resume = path;
  nn::write_safetensors(path, {}, {{"trained by", "program"}, {"epochs", "7"}, {"batch", "5"}});
  parse({}, "", training);
  CHECK(training.epochs == 7);
  CHECK(training.batch == 5);
  parse({"--epochs", "9"}, "", training);
  CHECK(training.epochs == 9);
  CHECK(error_of([&] { parse({"--batch", "6"}, "", training); }) == "--batch: 6; " + path + " has 5");
  CHECK(error_of([&] { parse({}, path, some); }) == path + ": it is a checkpoint; --resume goes on from it");
}

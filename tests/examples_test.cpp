// What the examples share, and what some have of their own: counting, fingerprints, tasks, options in files.
#include <doctest/doctest.h>

#include <set>

#include "../examples/agreement/grammar.hpp"
#include "../examples/classify/labelled_texts.hpp"
#include "../examples/support/confusion.hpp"
#include "../examples/support/options.hpp"
#include "../examples/support/text.hpp"
#include "../examples/support/training.hpp"
#include "../examples/translate/tasks.hpp"
#include "support.hpp"

using namespace unroll;
using namespace unroll::examples;

TEST_CASE("words stand between spaces, and a line ends with <eos>; invalid UTF-8 is told with its position") {
  CHECK(pieces("the cat\nsat ", true, "text") == std::vector<std::string>{"the", "cat", "<eos>", "sat", "<eos>"});
  CHECK(pieces("\n a  b\t\r\n\nc", true, "text") ==
        std::vector<std::string>{"<eos>", "a", "b", "<eos>", "<eos>", "c", "<eos>"});
  CHECK(pieces("né", false, "text") == std::vector<std::string>{"n", "é"});
  CHECK(error_of([] { pieces("ab\xff", false, "a.txt"); }).starts_with("a.txt: characters: byte 0xff at position 2"));
  const nn::Vocabulary vocabulary = frequent_pieces({"a", "b", "a", "c"}, 2);
  CHECK(vocabulary.words() == std::vector<std::string>{"<unk>", "a"});
  for (const bool words : {false, true})
    CHECK(stored_vocabulary(stored(vocabulary, words), words).words() == vocabulary.words());
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
  const nn::Vocabulary vocabulary = AgreementGrammar::vocabulary();
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
    CommandLine line("program", "");
    double size = 3;
    std::vector<std::string> names{"a"};
    line.group(model_group);
    line.add("--size", size, "");
    line.add("--names", names, "");
    add_training_options(line, o);
    line.parse(words);
    o.load = file;
    read_options(line, o);
    return model_options(line);
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

// What the examples share, and what some have of their own: counting, fingerprints, tasks, options in files.
#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "../examples/agreement/grammar.hpp"
#include "../examples/classify/labelled_texts.hpp"
#include "../examples/compare/tasks.hpp"
#include "../examples/draw_graph/cells.hpp"
#include "../examples/inspect/digits.hpp"
#include "../examples/recall/stories.hpp"
#include "../examples/support/confusion.hpp"
#include "../examples/support/ensemble.hpp"
#include "../examples/support/learners.hpp"
#include "../examples/support/options.hpp"
#include "../examples/support/text.hpp"
#include "../examples/support/toy_corpus.hpp"
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

TEST_CASE("an ensemble gives the mean of its members' log-probabilities; one alone keeps its names") {
  Random random(1);
  const auto make = [&] { return nn::Linear<float>({.input = 2, .output = 3}, random); };
  const Ensemble<nn::Linear<float>> both(2, make), one(1, make);
  const Variable<float> x = random.normal<float>({4, 2});
  const Variable<float> mean = (log_softmax(both.members[0](x)) + log_softmax(both.members[1](x))) / 2;
  CHECK(xt::allclose(both(x).value(), mean.value()));
  CHECK(xt::allclose(one(x).value(), log_softmax(one.members[0](x)).value()));
  CHECK(one.named_parameters()[0].first == "weight");
  CHECK(both.named_parameters()[2].first == "1.weight");
  CHECK(both.mean_of([](const auto& member) { return member.bias; }).value() ==
        ((both.members[0].bias + both.members[1].bias) / 2).value());
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
  for (const std::size_t distance : {2, 3, 7, 40}) {
    const AgreementSentences one(20, {distance, distance, 1, 0.5}, vocabulary, random);
    const AgreementSentences three(20, {distance, distance, 3, 0}, vocabulary, random);
    for (std::size_t k = 0; k < 20; ++k) {
      CHECK(one.lengths(k) == std::int64_t(distance) + 1);
      CHECK(one.words(0, k) == one.subjects(k));
      // Two subjects more, and at the end the one that is asked for; no other subject without noise.
      const auto length = std::size_t(three.lengths(k));
      CHECK(length == distance + 4);
      const std::string& asked = vocabulary.word(three.words(length - 1, k));
      const auto ordinal = std::ranges::find(AgreementGrammar::ordinals, asked) - AgreementGrammar::ordinals.begin();
      CHECK(three.words(std::size_t(ordinal), k) == three.subjects(k));
      for (std::size_t t = 3; t < length; ++t)
        CHECK(three.words(t, k) >= std::int64_t(AgreementGrammar::reflexives.size()));
    }
  }
}

TEST_CASE("stories: the language is that of the country so many words before, and where it is asked for") {
  Random random(1);
  const nn::Vocabulary vocabulary = StoryGrammar::vocabulary();
  for (const std::size_t distance : {4, 5, 6, 9, 40}) {
    const Stories stories(20, distance, distance, vocabulary, random);
    for (std::size_t k = 0; k < 20; ++k) {
      const auto place = std::size_t(stories.places(k));
      const std::int64_t language = stories.languages(k, 0);
      CHECK(stories.words(place, k) == language);
      CHECK(stories.next(place - 1, k) == language);
      CHECK(vocabulary.word(stories.words(place - distance, k)) == StoryGrammar::countries[std::size_t(language)]);
      CHECK(std::size_t(stories.lengths(k)) == place + 1);
    }
  }
}

TEST_CASE("toy sentences: number by the subject, tense by the last word, polarity by both sides; reviews by majority") {
  Random random(1);
  const auto among = [](const std::string& word, const std::set<std::string>& words) { return words.contains(word); };
  const auto negations = [&](const Example& one) {
    return std::ranges::count_if(one.pieces, [&](const std::string& word) {
      return among(word, {"never", "hardly", "seldom", "nothing", "nobody", "none"});
    });
  };
  for (const Example& one : toy_sentences(100, random)) {
    const bool plural = among(one.pieces.front(), {"we", "they", "you"}),
               past = among(one.pieces.back(), {"yesterday", "once", "formerly"});
    std::map<std::string, int> labels;
    for (const std::string& label : one.labels) ++labels[label];
    labels.erase("");
    const char* const polarity = negations(one) == 1 ? "Neg" : "Pos";
    CHECK(labels ==
          std::map<std::string, int>{{plural ? "Plur" : "Sing", 1}, {past ? "Past" : "Pres", 1}, {polarity, 2}});
  }
  const std::set<std::string> good{"good", "kind", "clean", "quick", "warm", "fresh", "lovely", "quiet"},
      bad{"bad", "dull", "dirty", "rude", "slow", "cold", "noisy", "stale"};
  for (const Example& one : toy_reviews(100, random)) {
    int sum = 0;
    for (std::size_t k = 0; k < one.pieces.size(); ++k) {
      const bool negated = k > 0 && one.pieces[k - 1] == "not";
      sum += (negated ? -1 : 1) * (int(good.contains(one.pieces[k])) - int(bad.contains(one.pieces[k])));
    }
    CHECK(sum % 2 != 0);
    CHECK(one.labels == std::vector<std::string>{sum > 0 ? "good" : "bad"});
  }
}

TEST_CASE("what a learner learns does not depend on which others there are, and those of a run are given the same") {
  struct Line : nn::Module<float> {
    nn::Linear<float> linear;
    explicit Line(Random& random) : linear({.input = 1, .output = 1}, random) { add("linear", linear); }
  };
  const auto learned = [](const std::vector<std::string>& kinds) {
    CommandLine line("program", "");
    ExperimentOptions o{.training = {.epochs = 2, .batch = 4, .quiet = true}, .steps = 3, .seeds = 2};
    add_experiment_options(line, o, "nothing");
    Learners<Line> lines(kinds, {"all"}, o, [](std::size_t, std::size_t, Random& random) { return Line(random); });
    const auto loss = [&](Learner<Line>& one) {
      const Variable<float> x = one.data.uniform<float>({o.training.batch, 1});
      return nn::mean_squared_error(one.model.linear(x), x * 2);
    };
    const auto measure = [](const Learner<Line>& one) { return double(one.model.linear.weight.item()); };
    CHECK(lines.train(line, o, {}, "weight", loss, measure));
    return lines.each(kinds.size() - 1, 0, [](const Learner<Line>& one) { return one.measured; });
  };
  const auto alone = learned({"a"});
  CHECK(alone.size() == 2);
  CHECK(alone[0].size() == 2);
  CHECK(alone[0] != alone[1]);
  CHECK(learned({"b", "c", "a"}) == alone);
}

TEST_CASE("a table has its first column flush left and the others flush right; equal runs are one number") {
  CHECK(table_of({{"", "é"}, {"long", "12"}, {"b"}}) == "       é\nlong  12\nb\n");
  CHECK(text_of(Spread({1, 2, 4})) == "2 (1-4)");
  CHECK(text_of(Spread({0.12345, 0.12345}), 2) == "0.12");
}

TEST_CASE("a spread is the median between the least and the largest; a band goes through those of its curves") {
  const Spread spread({3, 1, 10, 2});
  CHECK(spread.median == 2.5);
  CHECK(spread.least == 1);
  CHECK(spread.most == 10);
  const Curve band = band_of("three", {{"a", {1, 2}, {5, 0}}, {"b", {1, 2}, {6, 9}}, {"c", {1, 2}, {1, 4}}});
  CHECK(band.y == std::vector<double>{5, 4});
  CHECK(band.low == std::vector<double>{1, 0});
  CHECK(band.high == std::vector<double>{6, 9});
}

TEST_CASE("texts of a file have their classes; a head, columns the other way round and single texts are told by line") {
  const Directory directory;
  const std::string path = directory.file("texts.tsv");
  const auto reads = [&](const std::string& text) {
    std::ofstream(path) << text;
    return read_labelled(path);
  };
  const auto refused = [&](const std::string& text) {
    const LabelledTexts texts = reads(text);
    return error_of([&] { require_learnable(texts, path); });
  };
  CHECK_NOTHROW(require_learnable(reads("a\tx\nb\ty\na\tz\nb\tw\n"), path));
  CHECK(refused("class\ttext\na\tx\nb\ty\na\tz\nb\tw\n") ==
        path +
            ":1: the only text of class 'class'; there must be two, one of them held out - if it is the head of a "
            "table, remove it");
  CHECK(refused("a\tx\na\tz\nb\ty\n") ==
        path + ":3: the only text of class 'b'; there must be two, one of them held out");
  CHECK(refused("x\ta\ny\ta\nz\tb\nw\tb\n") ==
        path + ":4: 4 classes in 4 lines; a line is a class, a tab and a text - are they the other way round?");
  CHECK(refused("a\tx\na\ty\n") == path + ": one class, 'a'; there must be two at least");
  const LabelledTexts texts = renumbered(reads("b\tx\n"), {"a", "b"});
  CHECK(texts.labels == std::vector<std::int64_t>{1});
  CHECK(error_of([&] {
          renumbered(reads("a\tx\n\nc\ty\n"), {"a", "b"});
        }) == path + ":3: class 'c'; the model has not learned it");
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
    bool flag = false;
    line.add("--flag", flag, "");
    add_training_options(line, o);
    line.parse(words);
    o.load = file;
    read_options(line, o);
    return model_options(line);
  };
  TrainingOptions none, some;
  const nn::Metadata saved = parse({"--size", "0.002", "--names", "b", "c", "--flag"}, "", none);
  CHECK(saved == nn::Metadata{{"program", "program"}, {"size", "0.002"}, {"names", "[b,c]"}, {"flag", "true"}});
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

namespace {

std::size_t arrows(const std::string& svg, const std::string& kind) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = svg.find("<path class=\"" + kind, at)) != std::string::npos; ++at) ++count;
  return count;
}

bool shows(const std::string& svg, const std::string& arrow) {
  return svg.find("<title>" + arrow + "</title>") != std::string::npos;
}

}  // namespace

TEST_CASE("a drawn network has an arrow for each operand, and one back for each that a gradient comes to") {
  const std::string svg = picture_of(drawn_cell("lstm"), 3, true);
  for (const char* t : {"1", "2", "3"}) {
    CHECK(shows(svg, formatted("h_%s to V h_%s", t, t)));
    CHECK(shows(svg, formatted("∂L/∂h_%s from V h_%s", t, t)));
    CHECK(shows(svg, formatted("∂L/∂y_%s from L_%s", t, t)));
    CHECK(shows(svg, formatted("∂L/∂x_%s from the products", t)));
  }
  for (const char* arrow : {"∂L/∂h_0 from the products", "∂L/∂h_2 from the products", "∂L/∂c_0 from k_1",
                            "∂L/∂c_2 from k_3", "∂L/∂L_3 from L", "∂L/∂U, W from the products", "c_3 to c_3"})
    CHECK(shows(svg, arrow));
  // Nothing comes back to what the last step leaves.
  CHECK(arrows(svg, "backward") == arrows(svg, "forward") - 2);

  const std::string cell = picture_of(drawn_cell("lstm"), 1, false);
  CHECK(arrows(cell, "backward") == 0);
  for (const char* arrow : {"h_0 to the products", "x_1 to the products", "c_0 to k_1", "f_1 to k_1", "k_1 to c_1",
                            "g_1 to j_1", "i_1 to j_1", "j_1 to c_1", "c_1 to tanh", "tanh to h_1", "o_1 to h_1",
                            "U, W to the products", "h_1 to h_1", "c_1 to c_1"})
    CHECK(shows(cell, arrow));
  CHECK(arrows(cell, "forward") == 14 + 4 + 1);  // and from the products to σ or tanh, and h upwards
}

TEST_CASE("a drawn network has no arrow back where the sweep did not come by") {
  Weights w;
  Tape<float> tape;
  const auto input = [&](const char* name) { return named(name, tape.watch(zeros<float>({1, 2}))); };
  State state{input("h"), {}};
  std::vector<Variable<float>> losses;
  for (int t = 1; t <= 2; ++t) {
    const Scope scope("step", t);
    state = rnn(w, input("x"), state);
    losses.push_back(named("L", sum(w("V", state.h))));
  }
  const Graph graph(tape);
  tape.backward(losses[0]);
  const std::string svg = Unrolled(graph.values(), drawn_cell("rnn").arrangement).svg("");
  CHECK(shows(svg, "h_1 to the products"));
  CHECK(shows(svg, "∂L/∂h_0 from the products"));
  CHECK(!shows(svg, "∂L/∂h_1 from the products"));
  CHECK(!shows(svg, "∂L/∂x_2 from the products"));
}

TEST_CASE("two digits of 64 hold a part of a whole to 1/4094, and need no escape but that of a backslash") {
  CHECK(two_digits(-1) == "??");
  CHECK(two_digits(0) == "^~");
  CHECK(two_digits(1) == "~}");
  CHECK(two_digits(1.5) == two_digits(1));
  for (int k = -5000; k <= 5000; ++k) {
    const double part = k / 5000.;
    const std::string digits = two_digits(part);
    CHECK(std::abs((64 * (digits[0] - 63) + digits[1] - 63) / 2047. - 1 - part) <= 1 / 4094. + 1e-12);
    for (const char digit : digits) CHECK((digit >= '?' && digit <= '~'));
  }
}

TEST_CASE("lines to be predicted come in order, some at a time; a tab and an invalid byte are told by line") {
  const Directory directory;
  const std::string path = directory.file("lines");
  const auto lines_in = [&](const std::string& text) {
    std::ofstream(path) << text;
    std::string shown;
    for_lines(path, 2, [&](const std::vector<NumberedLine>& lines) {
      for (const NumberedLine& line : lines) shown += line.text + ':' + std::to_string(line.number) + ' ';
      shown += '/';
    });
    return shown;
  };
  CHECK(lines_in("a\n\nb\r\nc\nd") == "a:1 b:3 /c:4 d:5 /");
  CHECK(lines_in("a\nb\nc\n\n") == "a:1 b:2 /c:3 /");
  CHECK(lines_in("") == "");
  CHECK(error_of([&] { lines_in("a\nb\tc\n"); }) == path + ":2: a tab; a line must be a text alone");
  CHECK(error_of([&] { lines_in("a\n\xff\n"); }).starts_with(path + ":2: characters: byte 0xff"));
}

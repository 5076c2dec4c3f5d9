// classify: tells the class of a text, the language of a surname say, by its characters
#include <algorithm>
#include <iostream>
#include <numeric>
#include <tuple>
#include <unroll/nn/nn.hpp>

#include "classify/labelled_texts.hpp"
#include "support/confusion.hpp"
#include "support/ensemble.hpp"
#include "support/text.hpp"
#include "support/training.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  TrainingOptions training{.epochs = 8, .batch = 64};
  nn::AnyRecurrentOptions network{.input = 64, .hidden = 128, .dropout = 0.3, .cell = "gru"};
  std::size_t members = 1;
  double balance = 0;
  std::string pooling = "ends", data, train, dev, test, picture, classify, predict;
};

/// A network reads the characters; what it makes of them is pooled into one vector, which gives each class a score.
struct Network : nn::Module<float> {
  nn::Embedding<float> characters;
  nn::AnyRecurrent<float> network;
  nn::Linear<float> scores;
  double dropout;
  std::string pooling;

  Network(const Options& o, std::size_t count, std::size_t classes, Random& random)
      : characters({.count = count, .size = completed(o.network).input}, random),
        network(completed(o.network), random),
        scores({.input = o.network.hidden * (o.network.bidirectional ? 2 : 1), .output = classes}, random),
        dropout(o.network.dropout),
        pooling(o.pooling) {
    add("characters", characters);
    add("network", network);
    add("scores", scores);
  }

  /// tokens [time, batch], lengths [batch] → (batch, classes)
  Variable<float> operator()(const Indices& tokens, const Indices& lengths) const {
    const auto [h, state] = network(nn::dropout(characters(tokens), dropout), lengths);
    const Variable<float> pooled = pooling == "mean"   ? nn::mean_over_time(h, lengths)
                                   : pooling == "ends" ? nn::both_ends(state[0])
                                                       : nn::last_step(h, lengths);
    return scores(nn::dropout(pooled, dropout));
  }
};

using Classifier = Ensemble<Network>;

Variable<float> scores_of(const auto& model, const EncodedTexts& texts, const std::vector<std::size_t>& rows) {
  return model(nn::pad(texts.characters, rows, 0), pick(texts.lengths, rows));
}

/// Classifies texts; the loss of each is added to `loss`.
Confusion evaluate(const Classifier& model, const Options& o, const EncodedTexts& data,
                   const std::vector<std::string>& classes, double& loss) {
  const auto batches = nn::batches_of_similar_length(data.lengths, 256);
  std::vector<Indices> given(batches.size());
  std::vector<double> losses(batches.size());
  in_parallel(batches.size(), o.training.threads, [&](std::size_t k) {
    const Variable<float> scores = scores_of(model, data, batches[k]);
    given[k] = argmax(scores, -1);
    losses[k] = double(nn::cross_entropy_total(scores, pick(data.labels, batches[k])).sum.item());
  });
  Confusion confusion(classes);
  for (std::size_t k = 0; k < batches.size(); ++k) {
    loss += losses[k];
    for (std::size_t n = 0; n < batches[k].size(); ++n)
      confusion.count(std::size_t(data.labels[batches[k][n]]), std::size_t(given[k](n)));
  }
  return confusion;
}

/// What the error of a class counts, on average 1: the less, the more texts it has, to the power of --balance.
Array<float> weights_of(const EncodedTexts& texts, std::size_t classes, double balance) {
  Array<float> counts = zeros<float>({classes}).value();
  for (const std::int64_t label : texts.labels) counts(label) += 1;
  const Array<float> weights = xt::pow(xt::maximum(counts, 1.f), float(-balance));
  return weights * (xt::sum(counts)() / xt::sum(counts * weights)());
}

bool train(CommandLine& line, const Options& o, Classifier& model, const nn::Metadata& description, Random& random,
           const EncodedTexts& learned, const EncodedTexts& held_out, const std::vector<std::string>& classes,
           std::ostream& out) {
  nn::Adam<float> optimizer(model.parameters());
  Training training(
      line, o.training, model, optimizer, random,
      {.description = description,
       .data = Fingerprint(learned.characters, learned.labels, held_out.characters, held_out.labels).text(),
       .unit = "texts",
       .columns = {"held-out loss", "accuracy", "macro F1"},
       .out = out});
  const Array<float> weights = weights_of(learned, classes.size(), o.balance);
  const auto step = [&](const Training::Batch& batch) {
    return training.descend(double(batch.size()), batch, [&](const Training::Batch& rows) {
      return model.mean_of([&](const Network& one) {
        return nn::cross_entropy_total(scores_of(one, learned, rows), pick(learned.labels, rows), {.weights = weights})
            .sum;
      });
    });
  };
  const auto measure = [&] {
    double loss = 0;
    const Confusion confusion = evaluate(model, o, held_out, classes, loss);
    return std::vector{loss / double(held_out.labels.size()), confusion.accuracy(), confusion.macro_f1()};
  };
  return training.run(learned.lengths, step, measure);
}

/// The probabilities of the classes of some texts, (texts, classes); tells on standard error of those that say nothing
/// to the model, each by where it stands.
Array<float> probabilities(const Classifier& model, const Options& o, const nn::Vocabulary& vocabulary,
                           const std::vector<std::string>& texts, const std::vector<std::string>& places) {
  const EncodedTexts encoded({{}, texts, {}}, vocabulary);
  for (std::size_t k = 0; k < texts.size(); ++k)
    if (std::ranges::all_of(encoded.characters[k], [&](std::int64_t id) { return id == vocabulary.unknown(); }))
      std::cerr << places[k] << ": the model has learned none of the characters" << std::endl;
  Array<float> result = zeros<float>({texts.size(), model.members[0].scores.weight.shape()[0]}).value();
  const auto batches = nn::batches_of_similar_length(encoded.lengths, 64);
  in_parallel(batches.size(), o.training.threads, [&](std::size_t number) {
    const Array<float> p = softmax(scores_of(model, encoded, batches[number])).value();
    for (std::size_t k = 0; k < batches[number].size(); ++k)
      std::copy_n(&p(k, 0), p.shape()[1], &result(batches[number][k], 0));
  });
  return result;
}

/// Prints the most likely classes of a text by their probabilities, (1, classes).
void classify(const Array<float>& p, const std::vector<std::string>& classes) {
  std::vector<std::size_t> order(classes.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, std::greater(), [&](std::size_t k) { return p(0, k); });
  for (std::size_t k = 0; k < std::min<std::size_t>(order.size(), 3); ++k)
    std::cout << formatted("%5.1f %%  %s\n", 100 * double(p(0, order[k])), classes[order[k]].c_str());
}

/// Prints a table: of each line of a file, or of standard input, the class and the probabilities of all.
void predict(const Classifier& model, const Options& o, const nn::Vocabulary& vocabulary,
             const std::vector<std::string>& classes) {
  std::cout << "text\tclass";
  for (const std::string& name : classes) std::cout << '\t' << name;
  std::cout << std::endl;
  for_lines(o.predict, 1024, [&](const std::vector<NumberedLine>& lines) {
    std::vector<std::string> texts, places;
    for (const NumberedLine& line : lines) {
      texts.push_back(line.text);
      places.push_back(name_of(o.predict) + ':' + std::to_string(line.number));
    }
    const Array<float> p = probabilities(model, o, vocabulary, texts, places);
    const Indices best = argmax(Variable<float>(p), -1);
    for (std::size_t k = 0; k < texts.size(); ++k) {
      std::cout << texts[k] << '\t' << classes[std::size_t(best(k))];
      for (std::size_t c = 0; c < classes.size(); ++c) std::cout << formatted("\t%.4f", double(p(k, c)));
      std::cout << '\n';
    }
    std::cout << std::flush;
  });
}

/// Prints how well texts are classified, which are called `what`.
void score(const Classifier& model, const Options& o, const nn::Vocabulary& vocabulary, const LabelledTexts& texts,
           const std::string& what, std::ostream& out) {
  double loss = 0;
  const Confusion confusion = evaluate(model, o, EncodedTexts(texts, vocabulary), texts.classes, loss);
  confusion.print(out, "texts");
  if (!o.picture.empty()) confusion.draw(o.picture);
  const auto [name, share] = confusion.most_frequent();
  out << formatted("%s: accuracy %.2f %%, macro F1 %.3f (always %s: %.2f %%)", what.c_str(), 100 * confusion.accuracy(),
                   confusion.macro_f1(), name.c_str(), 100 * share)
      << std::endl;
}

/// What there is to learn, what is held out to see how that goes, and what it is called.
struct Data {
  LabelledTexts learned, held_out;
  std::string what = {}, fingerprint = {};  ///< of all, where a fifth is held out
};

/// Of --data a fifth is held out, and of --train where there is no --dev.
Data read_data(const Options& o, Random& random) {
  const std::string& path = o.data.empty() ? o.train : o.data;
  const LabelledTexts all = path.empty() ? toy_names(3000, random) : read_labelled(path);
  if (!path.empty()) require_learnable(all, path);
  Data data{all, all};
  if (!o.dev.empty()) {
    data.held_out = renumbered(read_labelled(o.dev), all.classes);
    data.what = o.dev;
  } else {
    std::tie(data.learned, data.held_out) = split(all, random);
    data.what = "held out";
    data.fingerprint = Fingerprint(all.texts, all.labels).text();
  }
  return data;
}

void run(CommandLine& line, Options& o) {
  const TrainingOptions& t = o.training;
  const nn::Metadata saved = read_options(line, t);
  const bool described = saved.contains("vocabulary") && saved.contains("classes");
  const bool trained = trains(line), asked = line.given("--classify"), predicts = line.given("--predict");
  o.network.bidirectional = o.pooling != "last";

  if (asked) require(!pieces(o.classify, false, "--classify").empty(), "--classify", "the text is empty");
  require(trained || asked || predicts || !o.data.empty() || !o.test.empty(), "--load",
          "there is nothing to classify; give --test, --data, --predict or --classify");
  if (!o.picture.empty()) require_picture(o.picture);
  if (predicts && o.predict != "-") nn::open_text(o.predict);
  // What is held out must be what was held out when the model learned.
  const std::string split_seed = saved.contains("split") ? saved.at("split") : std::to_string(t.seed);
  Random random(std::stoull(split_seed));
  Data data;
  if (trained || !described || !o.data.empty()) data = read_data(o, random);
  if (!t.load.empty()) random = Random(t.seed);
  const std::string seen = std::accumulate(data.learned.texts.begin(), data.learned.texts.end(), std::string());
  const nn::Vocabulary vocabulary =
      described ? stored_vocabulary(saved.at("vocabulary"), false) : frequent_pieces(nn::characters(seen), 1);
  const std::vector<std::string> classes = described ? lines_of(saved.at("classes")) : data.learned.classes;
  if (trained)
    require(data.learned.classes == classes, o.data.empty() ? "--train" : o.data, "it has other classes than ",
            t.resume, t.load);
  LabelledTexts test;
  if (!o.test.empty()) test = renumbered(read_labelled(o.test), classes);

  Classifier model(o.members, [&] { return Network(o, vocabulary.size(), classes.size(), random); });
  if (!t.load.empty()) nn::load_safetensors(t.load, model);
  // Standard output is for the table, if there is one.
  std::ostream& out = predicts ? std::cerr : std::cout;
  if (trained) {
    nn::Metadata description = model_options(line);
    description["split"] = split_seed;
    description["vocabulary"] = stored(vocabulary, false);
    description["classes"] = text_of_lines(classes);
    description["learned from"] = data.fingerprint;
    const EncodedTexts examples(data.learned, vocabulary), others(data.held_out, vocabulary);
    if (!train(line, o, model, description, random, examples, others, classes, out)) return;
    score(model, o, vocabulary, data.held_out, data.what, out);
  } else if (!o.data.empty()) {
    // A part of other texts than it has learned from would be an accident.
    const bool known = saved.contains("learned from") && saved.at("learned from") == data.fingerprint;
    score(model, o, vocabulary, known ? data.held_out : renumbered(read_labelled(o.data), classes),
          known ? "held out" : "all of " + o.data, out);
  }
  if (!o.test.empty()) score(model, o, vocabulary, test, o.test, out);
  if (asked) classify(probabilities(model, o, vocabulary, {o.classify}, {"--classify"}), classes);
  if (predicts) predict(model, o, vocabulary, classes);
}

int main(int argc, char** argv) {
  CommandLine line("classify",
                   "Learns to tell the class of a text by its characters; without options, of surnames of invented "
                   "languages.");
  Options o;
  line.add_file("--data", o.data,
                "lines of a class, a tab and a text, or a folder with a file CLASS.txt for each class");
  line.add_file("--train", o.train, "the same, to learn from all of it, or but for a fifth if there is no --dev");
  line.add_file("--dev", o.dev, "the same, to see after each epoch how it goes");
  line.add_file("--test", o.test, "the same, to be classified and compared in the end");
  line.exclude("--data", "--train");
  line.need("--dev", "--train");
  line.add_file("--picture", o.picture, "where to draw what each class was taken for, as png, svg or pdf");
  line.add("--classify", o.classify, "a text to be classified");
  line.add_file("--predict", o.predict,
                "texts, one a line, or - for standard input; a table of their classes goes to standard output");
  line.group(model_group);
  line.add("--pooling", o.pooling, "the last state, the mean over time, or both ends of a bidirectional network",
           one_of({"last", "mean", "ends"}));
  add_network_options(line, o.network);
  line.group(model_group);
  line.add("--members", o.members, "networks that classify together", between(1, 100));
  line.group(training_group);
  line.add("--balance", o.balance, "0: each text counts the same; 1: each class, however rare; or in between",
           between(0, 1));
  add_training_options(line, o.training);
  return line.run(argc, argv, [&] { run(line, o); });
}

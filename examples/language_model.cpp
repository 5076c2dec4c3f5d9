// language_model: predicts the next character or word of a text, and writes more of it
#include "support/language_model.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/nn.hpp>

#include "support/text.hpp"
#include "support/toy_corpus.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  TrainingOptions training{.epochs = 8, .batch = 32, .learning_rate = 4e-3};
  LanguageModelOptions model{.network = {.hidden = 128, .layers = 2, .dropout = 0.1}};
  nn::SamplingOptions sampling;
  std::string preset, text, train, valid, test, prime, score, save_vectors, toy = "marked";
  std::size_t minimum = 1, sample = 200;
  double scale = 0;
};

/// What a sample goes on from: the beginning of a line.
Indices prime_of(const nn::Vocabulary& vocabulary, const Options& o) {
  const bool words = o.model.words();
  std::vector<std::string> prime = pieces(o.prime.empty() ? "\n" : o.prime, words, "--prime");
  if (words && !o.prime.empty()) prime.pop_back();
  require(!prime.empty(), "--prime", "there is no word in it");
  return nn::pad({ids_of(prime, vocabulary)}, {0}, 0);
}

/// Writes a text, piece by piece as it is drawn.
void sample(const LanguageModel& model, const nn::Vocabulary& vocabulary, const Options& o, Indices tokens,
            Random& random) {
  const bool words = o.model.words();
  std::cout << o.prime << (words && !o.prime.empty() ? " " : "") << std::flush;
  std::optional<LanguageModel::Network::State> state;
  for (std::size_t k = 0; k < o.sample; ++k) {
    const auto [scores, next] = model(tokens, state);
    state = next;
    const auto last = static_cast<std::int64_t>(tokens.shape()[0]);
    Array<float> of_next = slice(scores, 0, last - 1, last).value();
    of_next.flat(std::size_t(vocabulary.unknown())) = -std::numeric_limits<float>::infinity();  // it cannot be written
    const std::int64_t id = nn::sample(of_next, o.sampling, random);
    const std::string& piece = vocabulary.word(id);
    std::cout << (piece == "<eos>" ? "\n" : words ? piece + " " : piece) << std::flush;
    tokens = id + xt::zeros<std::int64_t>({1, 1});
  }
  std::cout << std::endl;
}

/// Prints a table: of each line of a file, or of standard input, how many pieces it has with its end, how many of them
/// the model does not know, and how well it predicts them, each line for itself.
void score(const LanguageModel& model, const nn::Vocabulary& vocabulary, const Options& o) {
  const bool words = o.model.words();
  const std::string end = words ? "<eos>" : "\n";
  std::cout << "text\t" << o.model.unit << "s\tunknown\tnats per " << o.model.unit << "\tperplexity" << std::endl;
  for_lines(o.score, 256, [&](const std::vector<NumberedLine>& lines) {
    nn::Sequences tokens, labels;
    std::vector<std::size_t> lengths;
    for (const NumberedLine& line : lines) {
      labels.push_back(ids_of(pieces(line.text + '\n', words, name_of(o.score)), vocabulary));
      if (!vocabulary.contains(end) && labels.back().size() > 1) labels.back().pop_back();
      tokens.push_back(labels.back());
      std::rotate(tokens.back().begin(), tokens.back().end() - 1, tokens.back().end());
      tokens.back()[0] = vocabulary[end];
      lengths.push_back(labels.back().size());
    }
    std::vector<double> nats(lines.size());
    const auto batches = nn::batches_of_similar_length(lengths, 32);
    in_parallel(batches.size(), o.training.threads, [&](std::size_t number) {
      const auto& batch = batches[number];
      const auto scores = model(nn::pad(tokens, batch, 0), {}).output;
      const Variable<float> of_lines =
          sum(nn::cross_entropy(scores, nn::pad(labels, batch, nn::ignored), {.reduction = nn::Reduction::none}), {0});
      for (std::size_t k = 0; k < batch.size(); ++k)
        nats[batch[k]] = double(of_lines.value()(k)) / double(lengths[batch[k]]);
    });
    for (std::size_t k = 0; k < lines.size(); ++k)
      std::cout << lines[k].text << '\t' << lengths[k] << '\t' << std::ranges::count(labels[k], vocabulary.unknown())
                << formatted("\t%.4f\t%.2f\n", nats[k], std::exp(nats[k]));
    std::cout << std::flush;
  });
}

/// Writes the embeddings of the words, one a line, as GloVe has them.
void save_vectors(const LanguageModel& model, const nn::Vocabulary& vocabulary, const std::string& path) {
  const Array<float>& table = model.embedding.weight.value();
  nn::write_atomically(path, [&](std::ostream& out) {
    for (std::size_t k = 0; k < vocabulary.size(); ++k) {
      const std::string& word = vocabulary.words()[k];
      if (word == "<unk>" || word == "<eos>") continue;
      out << word;
      for (std::size_t i = 0; i < table.shape()[1]; ++i) out << ' ' << table(k, i);
      out << '\n';
    }
  });
}

void run(CommandLine& line, Options& o) {
  const TrainingOptions& t = o.training;
  const nn::Metadata saved = read_options(line, t);
  const bool has_vocabulary = saved.contains("vocabulary"), trained = trains(line);
  std::vector<std::string> learned = read_pieces(o.train.empty() ? o.text : o.train, o.model);
  std::vector<std::string> held_out = read_pieces(o.valid, o.model);
  const std::vector<std::string> test = read_pieces(o.test, o.model);
  if (learned.empty() && (trained || !has_vocabulary)) {
    const bool marked = o.toy == "marked";
    Random grammar(marked ? 1 : 2);  // not the sentences that the tagger has
    learned = pieces(toy_text(marked ? 1500 : 20000, grammar, marked), o.model.words(), "text");
  }
  if (o.train.empty()) {
    const auto cut = learned.begin() + static_cast<std::ptrdiff_t>(learned.size() * 9 / 10);
    held_out.assign(cut, learned.end());
    learned.erase(cut, learned.end());
  }
  const nn::Vocabulary vocabulary =
      has_vocabulary ? stored_vocabulary(saved.at("vocabulary"), o.model.words()) : frequent_pieces(learned, o.minimum);
  const auto learned_ids = encoded(learned, vocabulary, o.train.empty() ? o.text + ", to learn" : o.train),
             held_out_ids = encoded(held_out, vocabulary, o.train.empty() ? o.text + ", held out" : o.valid),
             test_ids = encoded(test, vocabulary, o.test);
  const Indices prime = prime_of(vocabulary, o);
  const bool scores = line.given("--score");
  if (scores && o.score != "-") nn::open_text(o.score);
  require(o.save_vectors.empty() || o.model.words(), "--save-vectors", "of characters; --unit must be word");
  if (!o.save_vectors.empty()) require_writable(o.save_vectors);
  if (scores && !line.given("--sample")) o.sample = 0;

  Random random(t.seed);
  LanguageModel model(o.model, vocabulary.size(), random);
  for (Parameter<float>& parameter : model.parameters())
    if (o.scale > 0) parameter.assign(random.uniform<float>(parameter.shape(), -o.scale, o.scale));
  if (!t.load.empty()) nn::load_safetensors(t.load, model);
  const nn::Metadata description = description_of(line, o.model, vocabulary);
  // Standard output is for the sample or for the table, if one was asked for.
  std::ostream& out = scores || (line.given("--sample") && o.sample) ? std::cerr : std::cout;
  if (!trained) out << "seed " << t.seed << std::endl;
  if (trained && !train(line, t, o.model, model, description, random, learned_ids, held_out_ids, out)) return;

  for (const auto& [what, ids] : {std::pair("held out", held_out_ids), std::pair("test", test_ids)}) {
    if (ids.empty()) continue;
    const double nats = evaluate(model, t, o.model, ids);
    out << formatted("%s: %.4f nats per %s, perplexity %.2f", what, nats, o.model.unit.c_str(), std::exp(nats))
        << std::endl;
  }
  if (!o.save_vectors.empty()) save_vectors(model, vocabulary, o.save_vectors);
  if (scores) score(model, vocabulary, o);
  if (o.sample) sample(model, vocabulary, o, prime, random);
}

/// What published models were trained with: the options that were not given.
void apply_preset(CommandLine& line, const std::string& preset) {
  using Values = std::map<std::string, std::string>;
  static const std::map<std::string, Values> presets{
      // Zaremba, Sutskever and Vinyals (2014), "small": their rate of 1 and norm of 5 are for a loss added up over 20
      // steps.
      {"ptb-small",
       {{"--unit", "word"},
        {"--layers", "2"},
        {"--hidden", "200"},
        {"--dropout", "0"},
        {"--scale", "0.1"},
        {"--batch", "20"},
        {"--steps", "20"},
        {"--epochs", "13"},
        {"--optimizer", "sgd"},
        {"--schedule", "halve"},
        {"--hold", "4"},
        {"--learning-rate", "20"},
        {"--clip", "0.25"}}},
      // As large, with the variational dropout of Gal and Ghahramani (2016) between layers, and the tied embeddings of
      // Inan, Khosravi and Socher (2017).
      {"ptb-small-tied",
       {{"--unit", "word"},
        {"--layers", "2"},
        {"--hidden", "200"},
        {"--tied", "true"},
        {"--dropout", "0.25"},
        {"--variational", "true"},
        {"--scale", "0.1"},
        {"--batch", "20"},
        {"--steps", "35"},
        {"--epochs", "20"},
        {"--optimizer", "sgd"},
        {"--schedule", "halve"},
        {"--hold", "12"},
        {"--learning-rate", "20"},
        {"--average", "0.999"},
        {"--clip", "0.25"}}}};
  if (preset.empty()) return;
  for (const auto& [name, value] : presets.at(preset))
    if (!line.given(name)) line.set_default(name, value);
}

int main(int argc, char** argv) {
  CommandLine line("language_model",
                   "Learns to predict the next character or word of a text; without options, of a toy language.");
  Options o;
  line.add_file("--text", o.text, "to learn: its first nine tenths, the last one is held out");
  line.add_file("--train", o.train, "to learn, instead of a part of --text");
  line.exclude("--train", "--text");
  line.add_file("--valid", o.valid, "held out");
  line.need("--valid", "--train");
  line.need("--train", "--valid");
  line.add_file("--test", o.test, "to be predicted at the end");
  line.add_file(
      "--score", o.score,
      "texts, one a line, or - for standard input; a table of how well each is predicted goes to standard output");
  line.add_file("--save-vectors", o.save_vectors, "where to put the words' embeddings, as GloVe writes them");
  line.add("--toy", o.toy, "the toy language: whether words tell by their endings what they are",
           one_of({"marked", "unmarked"}));
  line.exclude("--toy", "--text");
  line.exclude("--toy", "--train");
  line.add("--preset", o.preset, "the options of a paper's model", one_of({"ptb-small", "ptb-small-tied"}));
  line.group("Sampling");
  line.add("--sample", o.sample, "how many pieces to write", natural);
  line.add("--prime", o.prime, "what they go on from");
  line.add("--temperature", o.sampling.temperature, "0 for the most likely piece", between(0, 100));
  line.add("--top-k", o.sampling.top_k, "choose among so many likely pieces; 0 for all", natural);
  line.add("--top-p", o.sampling.top_p, "choose among those that have this probability together", between(0, 1));
  add_language_model_options(line, o.model);
  line.group(training_group);
  line.add("--minimum", o.minimum, "how often a piece must occur to be known", positive);
  line.add("--scale", o.scale, "start with parameters in ± this; 0 for the layers' own", between(0, 100));
  add_training_options(line, o.training);
  line.exclude("--resume", "--preset");
  line.move("--batch", evaluation_group);
  return line.run(argc, argv, [&] {
    apply_preset(line, o.preset);
    run(line, o);
  });
}

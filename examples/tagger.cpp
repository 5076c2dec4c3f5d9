// tagger: tags words by their spelling and their context, and compares that with the best there is without context
#include <iostream>
#include <optional>
#include <unroll/nn/nn.hpp>

#include "support/ensemble.hpp"
#include "support/picture.hpp"
#include "support/training.hpp"
#include "tagger/corpus.hpp"
#include "tagger/differences.hpp"
#include "tagger/files.hpp"

using namespace unroll;
using namespace unroll::examples;
using Sentences = std::vector<nn::Sentence>;

struct Options {
  TrainingOptions training{.epochs = 20, .batch = 32, .learning_rate = 4e-3};
  TaggerFiles files;
  std::string cell = "lstm", picture;
  std::size_t word_size = 100, char_size = 32, char_hidden = 64, hidden = 200, layers = 1, members = 1, patience = 6,
              sentences = 0;
  double dropout = 0.5;
  std::string against;
  bool crf = false, forward = false, frozen = false, probabilities = false;
};

/// A word is its embedding and both ends of a network over its characters. A network over the words, in both directions
/// or forward only, then gives each word a score for each tag; a conditional random field, if there is one, has scores
/// for each pair of neighbouring tags, too.
struct Network : nn::Module<float> {
  nn::Embedding<float> words, characters;
  nn::AnyRecurrent<float> spelling, context;
  nn::Linear<float> scores;
  std::optional<nn::CRF<float>> crf;
  std::optional<nn::Linear<float>> also;
  double dropout;

  Network(const Options& o, const TaggerVocabulary& v, Random& random)
      : words(random.normal<float>({v.words.size(), o.word_size}, 0, 0.3), true),
        characters(random.normal<float>({v.characters.size(), o.char_size}, 0, 0.3), true),
        spelling({.input = o.char_size, .hidden = o.char_hidden, .bidirectional = true, .cell = o.cell}, random),
        context({.input = o.word_size + 2 * o.char_hidden,
                 .hidden = o.hidden,
                 .layers = o.layers,
                 .bidirectional = !o.forward,
                 .dropout = o.dropout,
                 .cell = o.cell},
                random),
        scores({.input = (o.forward ? 1 : 2) * o.hidden, .output = v.tags.size()}, random),
        dropout(o.dropout) {
    add("words", words);
    add("characters", characters);
    add("spelling", spelling);
    add("context", context);
    add("scores", scores);
    if (o.crf) add("crf", crf.emplace(nn::CRFOptions{v.tags.size()}, random));
    if (v.also_column)
      add("also", also.emplace(nn::LinearOptions{.input = scores.weight.shape()[1], .output = v.also.size()}, random));
  }

  /// What the context makes of each word.   shape: (time, batch, units)
  Variable<float> states(const TaggerInput& input) const {
    const auto spelled = nn::both_ends(spelling(characters(input.characters), input.character_lengths).state[0]);
    const auto x = concatenate({words(input.words), take(spelled, input.forms)}, -1);
    return nn::dropout(context(nn::dropout(x, dropout), input.lengths).output, dropout);
  }
  /// shape: (time, batch, tags)
  Variable<float> operator()(const TaggerInput& input) const { return scores(states(input)); }

  /// −ln p(tags), added up over the sentences.
  Variable<float> loss(const Variable<float>& emissions, const TaggerInput& input) const {
    return crf ? crf->loss(emissions, input.tags, input.lengths).sum
               : nn::cross_entropy_total(emissions, input.tags).sum;
  }
  /// The same, and what a second column adds: what helps to tell its tags may help with the first. Caruana (1997)
  Variable<float> loss(const TaggerInput& input) const {
    const auto h = states(input);
    const auto first = loss(scores(h), input);
    return also ? first + 0.5f * nn::cross_entropy_total((*also)(h), input.also).sum : first;
  }
};

/// Networks that tag together, and what they have learned beside their weights.
struct Tagger : Ensemble<Network> {
  TaggerVocabulary vocabulary;

  Tagger(const Options& o, const TaggerVocabulary& v, Random& random)
      : Ensemble(o.members, [&] { return Network(o, v, random); }), vocabulary(v) {}

  /// The best tags of each sentence, by several threads. No tape: nothing is recorded, and nothing drops out.
  Tagged tag(const Sentences& sentences, std::size_t threads, bool with_probabilities = false) const {
    const TaggerCorpus corpus = vocabulary.encode(sentences);
    const auto batches = nn::batches_of_similar_length(corpus.lengths, 128);
    Tagged result{Tags(sentences.size())};
    if (with_probabilities) result.probabilities.resize(sentences.size());
    in_parallel(batches.size(), threads, [&](std::size_t number) {
      const auto& batch = batches[number];
      TaggerInput input = input_of(corpus, batch);
      const Variable<float> emissions = (*this)(input);
      const auto& crf = members[0].crf;  // then there is one member alone
      input.tags = crf ? crf->decode(emissions, input.lengths) : argmax(emissions, -1);
      Array<float> p;
      if (with_probabilities) p = probabilities(emissions.value(), input);
      for (std::size_t k = 0; k < batch.size(); ++k)
        for (std::size_t t = 0; t < corpus.lengths[batch[k]]; ++t) {
          const std::int64_t best = input.tags(t, k);
          result.tags[batch[k]].push_back(vocabulary.tags.word(best));
          if (with_probabilities) result.probabilities[batch[k]].push_back(double(p(t, k, best)));
        }
    });
    return result;
  }

 private:
  /// How probable each tag of the input is, whatever the other tags are: ∂(−ln p(tags))/∂(its score) is that less 1,
  /// with and without a conditional random field.   shape: as emissions; only at these tags
  Array<float> probabilities(const Array<float>& emissions, const TaggerInput& input) const {
    Tape<float> tape;
    const Variable<float> x = tape.watch(emissions);
    const Gradients<float> gradients = tape.backward(members[0].loss(x, input));
    return Array<float>(1 + gradients[x]);
  }
};

/// Trains until the dev corpus has not been tagged better for long. The tagger is then that of the best epoch.
bool train(CommandLine& line, Tagger& tagger, const Corpora& corpora, const Options& o, const nn::Metadata& description,
           Random& random, std::ostream& out) {
  const TaggerCorpus corpus = tagger.vocabulary.encode(corpora.train);
  nn::Adam<float> optimizer(tagger.parameters());
  Tagger best = nn::clone(tagger);
  double best_accuracy = -1;
  std::size_t best_epoch = 0;
  const bool chooses = !corpora.dev.empty();
  const TaggerCorpus dev = tagger.vocabulary.encode(corpora.dev);
  Training training(line, o.training, tagger, optimizer, random,
                    {.description = description,
                     .data = Fingerprint(corpus.forms, corpus.characters, corpus.tags, corpus.also, dev.forms,
                                         dev.characters, dev.tags)
                                 .text(),
                     .unit = "words",
                     .columns = chooses ? std::vector<std::string>{"dev accuracy"} : std::vector<std::string>(),
                     .out = out});
  training.checkpoint.add("best", best);
  training.checkpoint.add("best_accuracy", best_accuracy);
  training.checkpoint.add("best_epoch", best_epoch);

  const auto step = [&](const Training::Batch& batch) {
    const std::vector<TaggerInput> shares = shares_of(corpus, batch, o.training.shares, random);
    double count = 0;
    for (const TaggerInput& share : shares) count += double(share.size);
    return training.descend(count, shares.size(), [&](std::size_t k) {
      return tagger.mean_of([&](const Network& one) { return one.loss(shares[k]); });
    });
  };
  const auto measure = [&]() -> std::vector<double> {
    // Without a dev corpus the last epoch is the best.
    const double found =
        chooses ? accuracy(corpora.dev, tagger.tag(corpora.dev, o.training.threads).tags, tagger.vocabulary.column)
                : double(training.epoch());
    if (found > best_accuracy) {
      best.copy_from(tagger);
      best_accuracy = found;
      best_epoch = training.epoch();
    }
    if (training.epoch() >= best_epoch + o.patience) training.stop();
    return chooses ? std::vector{found} : std::vector<double>();
  };
  const bool ended = training.run(corpus.lengths, step, measure);
  if (best_accuracy >= 0) tagger.copy_from(best);
  training.save();
  return ended;
}

/// Tags sentences, and tells how fast unless there is only one.
Tagged tagged(const Tagger& tagger, const Sentences& sentences, const Options& o, std::ostream& out,
              bool with_probabilities = false) {
  Progress progress(out, "words");
  Tagged result = tagger.tag(sentences, o.training.threads, with_probabilities);
  for (const auto& sentence : result.tags) progress.advance(double(sentence.size()), 1, "tagged");
  if (result.tags.size() > 1) progress.print("tagged");
  return result;
}

void add_model_options(CommandLine& line, Options& o) {
  line.group(model_group);
  line.add("--column", o.files.column, "of CoNLL-U that is learned and written", one_of(tag_columns));
  line.add("--also", o.files.also,
           "a second column that the networks learn beside it, or none: it helps with the first",
           one_of({"none", "upos", "xpos", "feats"}));
  line.add("--word-size", o.word_size, "of a word's embedding", positive);
  line.add("--char-size", o.char_size, "of a character's embedding", positive);
  line.add("--char-hidden", o.char_hidden, "units over characters, in each direction", positive);
  line.add("--hidden", o.hidden, "units over words, in each direction", positive);
  line.add("--layers", o.layers, "over words", positive);
  line.add("--cell", o.cell, "of both networks", one_of(nn::any_recurrent_cells));
  line.add("--forward", o.forward, "no network backward over the words: a word's tag does not depend on what follows");
  line.add("--members", o.members, "networks that tag together", between(1, 100));
  line.add("--crf", o.crf, "whether a conditional random field chooses the tags together");
}

/// Another tagger, with options of its own; it must have learned the same column.
Tagger load_other(const std::string& path, const std::string& column) {
  CommandLine line("tagger", "");
  Options o;
  add_model_options(line, o);
  o.training.load = path;
  const nn::Metadata saved = read_options(line, o.training);
  require(saved.contains("tags"), path, "it is no model of this program");
  require(o.files.column == column, path, "it has learned ", o.files.column, "; it must be ", column);
  Random random(1);
  Tagger other(o, TaggerVocabulary(saved, column_of(column), column_of(o.files.also)), random);
  nn::load_safetensors(path, other);
  return other;
}

TaggerVocabulary vocabulary_of(const nn::Metadata& saved, const Corpora& corpora, const Options& o,
                               const std::vector<std::string>& known) {
  const Column column = column_of(o.files.column), also = column_of(o.files.also);
  if (saved.contains("tags")) return {saved, column, also};
  require(!corpora.train.empty(), o.training.load, "it is no model of this program; with --train it can be one");
  return {corpora.train, column, also, known};
}

/// Tags what is to be tagged for the user, and what is to be compared with its tags.
void use(const Tagger& tagger, Sentences sentences, const Sentences& test, bool of_toy, const Options& o,
         std::ostream& out) {
  const Column column = tagger.vocabulary.column;
  if (!sentences.empty()) {
    set_tags(sentences, tagged(tagger, sentences, o, out, o.probabilities), column);
    nn::write_conllu(std::cout, sentences);
  } else if (of_toy && o.files.toy == "marked") {
    sentences = {sentence_of("They can fish .")};
    set_tags(sentences, tagger.tag(sentences, o.training.threads), column);
    print_tagged(out, sentences[0]);
  }
  if (test.empty()) return;
  const Tags tags = tagged(tagger, test, o, out).tags;
  print_scores(out, test, tags, tagger.vocabulary, o.picture);
  if (o.against.empty()) return;
  const Tagger other = load_other(o.against, o.files.column);
  Differences(test, tags, other.tag(test, o.training.threads).tags, column).print(out, o.against);
}

/// Trains or loads a tagger, then tags what is to be tagged. Everything that can be wrong with the files shows before
/// the training.
void run(CommandLine& line, Options& o, bool of_toy) {
  const TrainingOptions& t = o.training;
  const nn::Metadata saved = read_options(line, t);
  const bool trained = trains(line);
  Corpora corpora = o.files.corpora(of_toy);
  if (o.sentences) corpora.train.resize(std::min(o.sentences, corpora.train.size()));
  nn::WordVectors<float> vectors;
  if (!o.files.vectors.empty()) {
    vectors = nn::read_word_vectors<float>(o.files.vectors);
    o.word_size = vectors.table.shape()[1];
  }
  const TaggerVocabulary described = vocabulary_of(saved, corpora, o, vectors.words);
  const Sentences sentences = o.files.to_tag(line, Tokeniser(described.frequent.forms()));
  require(trained || !sentences.empty() || !corpora.test.empty(), "--load",
          "there is nothing to tag; give --tag, --tag-file or --test");
  for (const auto& [name, value] : {std::pair("--picture", o.picture), std::pair("--against", o.against)})
    require(value.empty() || !corpora.test.empty(), name, "it is about what --test is taken for; give that, too");
  if (!o.picture.empty()) require_picture(o.picture);
  if (!o.against.empty()) load_other(o.against, o.files.column);
  // Standard output is for the tagged sentences, if there are any.
  std::ostream& out = sentences.empty() ? std::cout : std::cerr;
  Random random(t.seed);
  Tagger tagger(o, described, random);
  const TaggerVocabulary& vocabulary = tagger.vocabulary;
  if (!t.load.empty()) nn::load_safetensors(t.load, tagger);
  if (trained) {
    require(!corpora.train.empty(), "--epochs", "there is nothing to learn from; give --train");
    out << corpora.train.size() << " sentences, " << vocabulary.words.size() << " words, " << vocabulary.tags.size()
        << " tags" << std::endl;
    std::size_t known = 0;
    for (Network& one : tagger.members) {
      if (vectors.words.empty()) break;
      Array<float> table = one.words.weight.value();
      known = copy_vectors(vectors, vocabulary.words, table);
      one.words.weight.assign(std::move(table));
      if (o.frozen) one.words.weight.freeze();
    }
    if (known) out << known << " words have a vector" << std::endl;
    nn::Metadata description = model_options(line);
    vocabulary.write(description);
    if (!train(line, tagger, corpora, o, description, random, out)) return;
  }
  use(tagger, sentences, corpora.test, of_toy, o, out);
}

int main(int argc, char** argv) {
  CommandLine line("tagger",
                   "Learns to tag words with their parts of speech; without options, those of a toy language.");
  Options o;
  line.add_file("--train", o.files.train, "CoNLL-U to learn from");
  line.add_file("--dev", o.files.dev, "CoNLL-U to choose the best epoch by");
  line.need("--dev", "--train");
  line.add_file("--test", o.files.test, "CoNLL-U to tag and to compare with its tags");
  line.add("--tag", o.files.tag, "a text to tag; - for standard input");
  line.add_file("--tag-file", o.files.tag_file, "what to tag, or - for standard input: CoNLL-U, or else text");
  line.exclude("--tag-file", "--tag");
  line.add("--tokenised", o.files.tokenised, "the words of the text are apart by spaces, each line is a sentence");
  line.add("--probabilities", o.probabilities, "how probable a tag is stands in the last column, as p=0.98");
  line.add_file(
      "--vectors", o.files.vectors,
      "word vectors to begin with, of words in lower case, as GloVe writes them; all of them are known words");
  line.add_file("--picture", o.picture, "where to draw what each tag of --test was taken for, as png, svg or pdf");
  line.add_file("--against", o.against, "another model: what one of the two alone takes for something else in --test");
  line.add("--toy", o.files.toy, "the toy language: whether words tell by their endings what they are",
           one_of({"marked", "unmarked"}));
  line.exclude("--toy", "--train");
  line.exclude("--toy", "--test");
  add_model_options(line, o);
  line.exclude("--word-size", "--vectors");
  line.exclude("--members", "--crf");
  line.group(training_group);
  line.add("--dropout", o.dropout, "the share that drops out", between(0, 0.95));
  line.add("--frozen", o.frozen, "the vectors of --vectors stay what they are");
  line.need("--frozen", "--vectors");
  line.add("--patience", o.patience, "epochs to wait for a better one", positive);
  line.add("--sentences", o.sentences, "how many sentences of --train to learn from; 0 for all", natural);
  add_training_options(line, o.training);
  line.exclude("--vectors", "--load");
  return line.run(argc, argv, [&] {
    // The toy language is learned where nothing else is; a model that is loaded is tried on it if that is asked for.
    const bool of_toy = o.files.train.empty() && (o.training.load.empty() || line.given("--toy"));
    if (of_toy && !line.given("--load") && !line.given("--epochs")) line.set_default("--epochs", "5");
    run(line, o, of_toy);
  });
}

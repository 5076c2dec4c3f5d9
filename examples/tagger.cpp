// tagger: tags words by their spelling and their context, and compares that with the best there is without context
#include <algorithm>
#include <iostream>
#include <nn/nn.hpp>
#include <optional>

#include "support/format.hpp"
#include "support/program.hpp"
#include "support/progress.hpp"
#include "support/sentences.hpp"
#include "support/tag_scores.hpp"
#include "support/tagger_corpus.hpp"
#include "support/tagger_description.hpp"
#include "support/toy_corpus.hpp"

using namespace unroll;
using Sentences = std::vector<nn::Sentence>;

/// A word is its embedding and both ends of a network over its characters. A network over the words, in both
/// directions, then gives each word a score for each tag.
template <class Cell>
struct Tagger : nn::Module<float> {
  TaggerDescription description;
  nn::Embedding<float> words, characters;
  nn::Recurrent<Cell> spelling, context;
  nn::Linear<float> scores;

  Tagger(const TaggerDescription& d, Random& random)
      : description(d),
        words(random.normal<float>({d.vocabulary.words.size(), d.options.word_size}, 0, 0.3), true),
        characters(random.normal<float>({d.vocabulary.characters.size(), d.options.char_size}, 0, 0.3), true),
        spelling({.input = d.options.char_size, .hidden = d.options.char_hidden, .bidirectional = true}, random),
        context({.input = d.options.word_size + 2 * d.options.char_hidden,
                 .hidden = d.options.hidden,
                 .layers = d.options.layers,
                 .bidirectional = true,
                 .dropout = d.options.dropout},
                random),
        scores({.input = 2 * d.options.hidden, .output = d.vocabulary.tags.size()}, random) {
    add("words", words);
    add("characters", characters);
    add("spelling", spelling);
    add("context", context);
    add("scores", scores);
  }

  /// shape: (time, batch, tags)
  Variable<float> operator()(const TaggerInput& input) const {
    const double rate = description.options.dropout;
    const auto spelled = nn::both_ends(spelling(characters(input.characters), input.character_lengths).state[0]);
    const auto x = concatenate({words(input.words), take(spelled, input.forms)}, -1);
    const auto h = context(nn::dropout(x, rate), input.lengths).output;
    return scores(nn::dropout(h, rate));
  }

  /// The best tag of each word, by several threads. No tape: nothing is recorded, and nothing drops out.
  Tags tag(const Sentences& sentences, std::size_t threads) const {
    const nn::Vocabulary& tags = description.vocabulary.tags;
    const TaggerCorpus corpus = description.vocabulary.encode(sentences);
    const auto batches = nn::batches_of_similar_length(corpus.lengths, 128);
    Tags result(sentences.size());
    in_parallel(batches.size(), threads, [&](std::size_t number) {
      const auto& batch = batches[number];
      const Array<float> y = (*this)(input_of(corpus, batch)).value();
      for (std::size_t k = 0; k < batch.size(); ++k) {
        for (std::size_t t = 0; t < corpus.lengths[batch[k]]; ++t) {
          const float* const row = &y(t, k, 0);
          result[batch[k]].push_back(tags.word(std::max_element(row, row + tags.size()) - row));
        }
      }
    });
    return result;
  }
};

struct Corpora {
  Sentences train, dev, test;
};

struct Options {
  TaggerOptions tagger;
  std::string train, dev, test, vectors, save, load, tag_file, picture;
  std::optional<std::string> tag;
  std::optional<std::size_t> epochs;
  std::size_t batch = 32, shares = 2, threads = 0, patience = 6, sentences = 0;
  double learning_rate = 4e-3, minutes = 10;
  std::uint64_t seed = 1;

  bool toy() const { return train.empty() && load.empty(); }
};

/// Trains for some epochs, as many as fit into the time, unless the dev corpus has not been tagged better for long. The
/// tagger is then that of the best epoch.
template <class Cell>
void train(Tagger<Cell>& tagger, const Corpora& corpora, const Options& options, Random& random, std::ostream& out) {
  const TaggerCorpus corpus = tagger.description.vocabulary.encode(corpora.train);
  std::size_t epochs = options.epochs.value_or(options.toy() ? 5 : 20);
  nn::Adam<float> optimizer(tagger.parameters(), {.learning_rate = options.learning_rate});
  Tagger<Cell> best = nn::clone(tagger);
  double best_accuracy = -1;
  std::size_t best_epoch = 0;
  Progress progress(out, "words");
  for (std::size_t epoch = 1; epoch <= epochs && epoch <= best_epoch + options.patience; ++epoch) {
    progress.resume();
    std::string line;
    double loss = 0, count = 0;
    for (const auto& batch : nn::batches_of_similar_length(corpus.lengths, options.batch, &random)) {
      const double done = (double(epoch - 1) + count / double(corpus.size)) / double(epochs);
      optimizer.learning_rate = options.learning_rate * (1 - done);
      const std::vector<TaggerInput> shares = shares_of(corpus, batch, options.shares, random);
      double words = 0;
      for (const TaggerInput& share : shares) words += double(share.size);
      const auto loss_of = [&](std::size_t k) {
        return nn::cross_entropy_total(tagger(shares[k]), shares[k].tags).sum / words;
      };
      auto [mean, gradients] =
          nn::parallel_gradients(shares.size(), loss_of, {.threads = options.threads, .random = &random});
      nn::clip_norm(gradients, 5.0);
      optimizer.step(gradients);
      loss += mean * words;
      count += words;
      line = formatted("epoch %zu/%zu  loss %.4f", epoch, epochs, loss / count);
      progress.advance(words, done, line);
      if (progress.minutes() > options.minutes) break;
    }
    // Without a dev corpus the last epoch is the best.
    double dev_accuracy = double(epoch);
    if (!corpora.dev.empty()) {
      dev_accuracy = accuracy(corpora.dev, tagger.tag(corpora.dev, options.threads));
      line += formatted("  dev accuracy %.2f %%", dev_accuracy);
    }
    progress.print(line);
    if (dev_accuracy > best_accuracy) {
      best.copy_from(tagger);
      best_accuracy = dev_accuracy;
      best_epoch = epoch;
    }
    epochs = std::min(epochs, static_cast<std::size_t>(double(epoch) * options.minutes / progress.minutes()));
  }
  tagger.copy_from(best);
}

/// Tags sentences, and tells how fast unless there is only one.
template <class Cell>
Tags tagged(const Tagger<Cell>& tagger, const Sentences& sentences, const Options& options, std::ostream& out) {
  Progress progress(out, "words");
  Tags tags = tagger.tag(sentences, options.threads);
  for (const auto& sentence : tags) progress.advance(double(sentence.size()), 1, "tagged");
  if (tags.size() > 1) progress.print("tagged");
  return tags;
}

/// Trains or loads a tagger, then tags what is to be tagged.
template <class Cell>
void run(const Options& options, const TaggerDescription& description, const Corpora& corpora,
         const nn::WordVectors<float>& vectors, Sentences sentences) {
  // Standard output is for the tagged sentences, if there are any.
  std::ostream& out = sentences.empty() ? std::cout : std::cerr;
  Random random(options.seed);
  Tagger<Cell> tagger(description, random);
  if (options.load.empty()) {
    out << "seed " << options.seed << ", " << corpora.train.size() << " sentences, "
        << description.vocabulary.words.size() << " words, " << description.vocabulary.tags.size() << " tags"
        << std::endl;
    if (!vectors.words.empty()) {
      Array<float> table = tagger.words.weight.value();
      out << copy_vectors(vectors, description.vocabulary.words, table) << " words have a vector" << std::endl;
      tagger.words.weight.assign(std::move(table));
    }
    train(tagger, corpora, options, random, out);
    if (!options.save.empty()) nn::save_safetensors(options.save, tagger, description.metadata());
  } else {
    nn::load_safetensors(options.load, tagger);
  }
  if (!sentences.empty()) {
    set_tags(sentences, tagged(tagger, sentences, options, out));
    nn::write_conllu(std::cout, sentences);
  } else if (options.toy()) {
    sentences = {sentence_of("They can fish .")};
    set_tags(sentences, tagger.tag(sentences, options.threads));
    print_tagged(out, sentences[0]);
  }
  if (!corpora.test.empty())
    print_scores(out, corpora.test, tagged(tagger, corpora.test, options, out), description.vocabulary.frequent,
                 options.picture);
}

Corpora corpora_of(const Options& options) {
  Corpora corpora;
  if (options.toy()) {
    Random random(1);
    corpora = {toy_corpus(2000, random), toy_corpus(300, random), toy_corpus(500, random)};
  }
  if (!options.train.empty()) corpora.train = read_tagged(options.train);
  if (!options.dev.empty()) corpora.dev = read_tagged(options.dev);
  if (!options.test.empty()) corpora.test = read_tagged(options.test);
  if (options.sentences) corpora.train.resize(std::min(options.sentences, corpora.train.size()));
  return corpora;
}

Sentences sentences_to_tag(const Options& options) {
  if (!options.tag_file.empty()) return read_sentences(options.tag_file);
  if (!options.tag) return {};
  if (*options.tag == "-") return read_sentences("-");
  const nn::Sentence sentence = sentence_of(*options.tag);
  require(!sentence.tokens.empty(), "--tag", "no word; there must be at least one");
  return {sentence};
}

/// Everything that can be wrong with the files shows here, before the training.
void start(Options options) {
  const Sentences sentences = sentences_to_tag(options);
  const Corpora corpora = corpora_of(options);
  nn::WordVectors<float> vectors;
  if (!options.vectors.empty()) {
    vectors = nn::read_word_vectors<float>(options.vectors);
    options.tagger.word_size = vectors.table.shape()[1];
  }
  if (!options.save.empty())
    require_writable(options.save, {options.train, options.dev, options.test, options.vectors, options.tag_file});
  const TaggerDescription description = options.load.empty()
                                            ? TaggerDescription{options.tagger, TaggerVocabulary(corpora.train)}
                                            : TaggerDescription::read(options.load);
  const std::string& cell = description.options.cell;
  if (cell == "rnn") run<nn::ElmanCell<float>>(options, description, corpora, vectors, sentences);
  if (cell == "lstm") run<nn::LSTMCell<float>>(options, description, corpora, vectors, sentences);
  if (cell == "gru") run<nn::GRUCell<float>>(options, description, corpora, vectors, sentences);
}

constexpr const char* training = "Training";

void add_options(CLI::App& app, Options& o) {
  const auto file = [&](const char* name, std::string& path, const char* what) {
    return app.add_option(name, path, what)->type_name("FILE")->check([](const std::string& given) {
      return std::string(given.empty() ? "the name is empty" : "");
    });
  };
  file("--load", o.load, "use this model instead of training one");
  file("--test", o.test, "CoNLL-U to tag and to compare with its tags");
  app.add_option("--tag", o.tag, "a sentence to tag, its words apart by spaces; - for standard input");
  file("--tag-file", o.tag_file, "sentences to tag: CoNLL-U, or else one a line")->excludes("--tag");
  app.add_option("--threads", o.threads, "at work, one for each core if not given; the result is the same")
      ->check(positive);

  const auto add = [&](const char* name, auto& value, const char* what) {
    return app.add_option(name, value, what)->group(training)->capture_default_str();
  };
  file("--train", o.train, "CoNLL-U to learn from")->group(training);
  file("--dev", o.dev, "CoNLL-U to choose the best epoch by")->group(training)->needs("--train");
  file("--save", o.save, "where to put the model")->group(training);
  file("--vectors", o.vectors, "word vectors to begin with, of words in lower case, as GloVe writes them")
      ->group(training)
      ->excludes(add("--word-size", o.tagger.word_size, "of a word's embedding")->check(positive));
  add("--char-size", o.tagger.char_size, "of a character's embedding")->check(positive);
  add("--char-hidden", o.tagger.char_hidden, "units over characters, in each direction")->check(positive);
  add("--hidden", o.tagger.hidden, "units over words, in each direction")->check(positive);
  add("--layers", o.tagger.layers, "over words")->check(positive);
  add("--cell", o.tagger.cell, "of both networks")->check(CLI::IsMember(tagger_cells));
  add("--dropout", o.tagger.dropout, "the share that drops out")->check(CLI::Range(0.0, 0.95));
  add("--epochs", o.epochs, "20, or 5 with the toy language, if not given")->check(positive);
  add("--batch", o.batch, "sentences in a batch")->check(positive);
  add("--shares", o.shares, "of a batch, for as many threads; the result depends on them alone")->check(positive);
  add("--learning-rate", o.learning_rate, "of the first batch; it falls to 0")->check(positive);
  add("--patience", o.patience, "epochs to wait for a better one")->check(positive);
  add("--minutes", o.minutes, "time for training")->check(positive);
  add("--sentences", o.sentences, "train on the first of them only; 0 for all")->check(natural);
  add("--seed", o.seed, "of all random numbers")->check(natural);
}

int main(int argc, char** argv) {
  CLI::App app("Learns to tag words with their parts of speech; without options, those of a toy language.", "tagger");
  Options options;
  add_options(app, options);
  return run_program(app, argc, argv, [&] {
    for (const CLI::Option* option : app.get_options())
      require(options.load.empty() || option->count() == 0 || option->get_group() != training, option->get_name(),
              "it is for training, and does not go with --load");
    require(options.load.empty() || options.tag || !options.tag_file.empty() || !options.test.empty(), "--load",
            "there is nothing to tag; give --tag, --tag-file or --test");
    require(!options.toy() || options.test.empty(), "--test", "it needs --train or --load");
    start(options);
  });
}

// translate: reads dates as people write them, and writes them as 1987-03-03: an encoder, a decoder and attention
#include <algorithm>
#include <iostream>
#include <limits>
#include <unroll/nn/nn.hpp>

#include "support/picture.hpp"
#include "support/text.hpp"
#include "support/training.hpp"
#include "translate/tasks.hpp"

using namespace unroll;
using namespace unroll::examples;

struct Options {
  TrainingOptions training{.epochs = 6, .batch = 32, .learning_rate = 4e-3};
  nn::AnyRecurrentOptions network{.input = 32, .hidden = 64};
  std::string task = "dates", translate, picture;
  std::size_t pairs = 8000;
};

/// Luong, Pham and Manning (2015) with "general" scores and without input feeding: for the j-th character of the input
/// and the i-th of the output,
///     h_j  = encoder(x)_j                          in both directions
///     s_i  = decoder(y_0 ... y_{i−1})              from the state in which the encoder ended
///     α_ij = softmax_j(s_iᵀ W h_j)                 how much attention is paid to j
///     c_i  = Σ_j α_ij h_j
///     p(y_i | y_0 ... y_{i−1}, x) = softmax(S tanh(C [c_i; s_i] + b) + d)
struct Translator : nn::Module<float> {
  static constexpr std::int64_t end = PairCorpus::end;
  using State = nn::AnyRecurrent<float>::State;

  struct Source {
    Variable<float> h;       // (batch, m, 2 × hidden)
    Variable<float> inside;  // (batch, 1, m), 0 in padding
    State state;
  };
  struct Decoded {
    Variable<float> scores;     // (n, batch, characters)
    Variable<float> attention;  // (batch, n, m)
    State state;
  };
  struct Translation {
    std::vector<std::int64_t> y;
    Variable<float> attention;  // (n, m), n with the end
  };

  nn::Embedding<float> characters;
  nn::AnyRecurrent<float> encoder, decoder;
  nn::Linear<float> W, C, S;

  Translator(const nn::AnyRecurrentOptions& o, std::size_t count, Random& random)
      : characters({.count = count, .size = o.input}, random),
        encoder({.input = o.input,
                 .hidden = o.hidden,
                 .layers = o.layers,
                 .bidirectional = true,
                 .dropout = o.dropout,
                 .cell = o.cell},
                random),
        decoder({.input = o.input, .hidden = 2 * o.hidden, .layers = o.layers, .dropout = o.dropout, .cell = o.cell},
                random),
        W({.input = 2 * o.hidden, .output = 2 * o.hidden, .bias = false}, random),
        C({.input = 4 * o.hidden, .output = 2 * o.hidden}, random),
        S({.input = 2 * o.hidden, .output = count}, random) {
    add("characters", characters);
    add("encoder", encoder);
    add("decoder", decoder);
    add("attention", W);
    add("combination", C);
    add("scores", S);
  }

  /// x [m, batch], lengths [batch]
  Source encode(const Indices& x, const Indices& lengths) const {
    const std::size_t m = x.shape()[0], batch = x.shape()[1];
    const auto& o = encoder.options();
    auto [h, state] = encoder(characters(x), lengths);
    // Both directions of a layer, side by side, are the state of that layer of the decoder.
    for (Variable<float>& entry : state)
      entry = reshape(transpose(reshape(entry, {o.layers, 2, batch, o.hidden}), {0, 2, 1, 3}),
                      {o.layers, batch, 2 * o.hidden});
    const Variable<float> inside = xt::arange<float>(float(m)) < reshape(Variable<float>(lengths), {batch, 1, 1});
    return {transpose(h, {1, 0, 2}), inside, state};
  }

  /// y [n, batch], what comes before each character of the output
  Decoded decode(const Source& source, const Indices& y, const State& state) const {
    const auto [s, next] = decoder(characters(y), {}, state);
    const auto match = matmul(transpose(W(s), {1, 0, 2}), source.h, {.b = true});
    const auto alpha = softmax(where(source.inside, match, -std::numeric_limits<float>::infinity()));
    const auto c = transpose(matmul(alpha, source.h), {1, 0, 2});
    return {S(tanh(C(concatenate({c, s}, -1)))), alpha, next};
  }

  /// Always the most likely next character, until the end.
  std::vector<Translation> translate(const Indices& x, const Indices& lengths) const {
    const Source source = encode(x, lengths);
    const std::size_t batch = lengths.size(), most = x.shape()[0] + 12;
    State state = source.state;
    Indices y = Indices::from_shape({1, batch});
    y.fill(end);
    std::vector<Variable<float>> attention;
    std::vector<Translation> result(batch);
    std::vector<bool> ended(batch);
    while (attention.size() < most && std::ranges::count(ended, false)) {
      const auto [scores, alpha, next] = decode(source, y, state);
      state = next;
      y = argmax(scores);
      attention.push_back(alpha);
      for (std::size_t k = 0; k < batch; ++k) {
        ended[k] = ended[k] || y(0, k) == end;
        if (!ended[k]) result[k].y.push_back(y(0, k));
      }
    }
    const auto all = unstack(concatenate(attention, 1));
    for (std::size_t k = 0; k < batch; ++k) result[k].attention = all[k];
    return result;
  }
};

/// The translations, by several threads.
std::vector<Translator::Translation> translate(const Translator& model, const PairCorpus& corpus, std::size_t threads) {
  std::vector<Translator::Translation> result(corpus.x.size());
  const auto batches = nn::batches_of_similar_length(corpus.lengths, 128);
  in_parallel(batches.size(), threads, [&](std::size_t number) {
    const auto& rows = batches[number];
    auto translations = model.translate(nn::pad(corpus.x, rows, Translator::end), pick(corpus.lengths, rows));
    for (std::size_t k = 0; k < rows.size(); ++k) result[rows[k]] = std::move(translations[k]);
  });
  return result;
}

std::string text_of(const Translator::Translation& translation, const nn::Vocabulary& vocabulary) {
  std::string text;
  for (const std::int64_t id : translation.y) text += vocabulary.word(id);
  return text;
}

/// The share of the pairs whose translation is right to the last character.
double accuracy(const Translator& model, const std::vector<Pair>& pairs, const nn::Vocabulary& vocabulary,
                std::size_t threads) {
  const auto translations = translate(model, {pairs, vocabulary}, threads);
  std::size_t right = 0;
  for (std::size_t k = 0; k < pairs.size(); ++k) right += text_of(translations[k], vocabulary) == pairs[k].target;
  return double(right) / double(pairs.size());
}

bool train(CommandLine& line, const Options& o, Translator& model, Random& random, const std::vector<Pair>& pairs,
           const std::vector<Pair>& held_out, const nn::Vocabulary& vocabulary) {
  const PairCorpus corpus(pairs, vocabulary);
  nn::Adam<float> optimizer(model.parameters());
  Training training(line, o.training, model, optimizer, random,
                    {.description = model_options(line),
                     .data = Fingerprint(corpus.x, corpus.y, PairCorpus(held_out, vocabulary).x).text(),
                     .unit = "characters",
                     .columns = {"accuracy"}});
  const auto step = [&](const Training::Batch& batch) {
    double count = 0;
    for (const std::size_t row : batch) count += double(corpus.y[row].size());
    return training.descend(count, batch, [&](const Training::Batch& rows) {
      const auto source = model.encode(nn::pad(corpus.x, rows, Translator::end), pick(corpus.lengths, rows));
      const auto scores = model.decode(source, nn::pad(corpus.before, rows, Translator::end), source.state).scores;
      return nn::cross_entropy_total(scores, nn::pad(corpus.y, rows, nn::ignored)).sum;
    });
  };
  return training.run(corpus.lengths, step,
                      [&] { return std::vector{accuracy(model, held_out, vocabulary, o.training.threads)}; });
}

/// The attention that each character of the output paid to those of the input.
ColouredMatrix picture_of(const Pair& pair, const Translator::Translation& translation) {
  const auto labels = [](const std::string& text) {
    std::vector<std::string> result = nn::characters(text);
    std::ranges::replace(result, " ", "␣");
    return result;
  };
  require(!pair.target.empty(), "--picture", "the translation is empty; there is nothing to draw");
  ColouredMatrix picture{"Attention: " + pair.source + " → " + pair.target,
                         "input",
                         "output",
                         labels(pair.target),
                         labels(pair.source),
                         {}};
  picture.values = slice(translation.attention, 0, 0, std::int64_t(picture.rows.size())).value();
  return picture;
}

void run(CommandLine& line, const Options& o) {
  const TrainingOptions& t = o.training;
  read_options(line, t);
  if (!o.picture.empty()) require_picture(o.picture);
  const bool asked = line.given("--translate"), trained = trains(line);
  const nn::Vocabulary vocabulary = translation_vocabulary();
  require(!asked || !o.translate.empty(), "--translate", "the text is empty; there must be a character");
  for (const std::string& character : pieces(o.translate, false, "--translate"))
    require(vocabulary.contains(character), "--translate", "'", character, "' is none of the characters '",
            translation_characters, "'");

  Random random(t.seed), drawn(1);
  Translator model(completed(o.network), vocabulary.size(), random);
  if (!t.load.empty()) nn::load_safetensors(t.load, model);
  // No target occurs twice, so those held out, the first ones, are new in every spelling.
  std::vector<Pair> held_out = translation_pairs(o.task, 1000 + o.pairs, drawn);
  const std::vector<Pair> pairs(held_out.begin() + 1000, held_out.end());
  held_out.resize(1000);
  if (trained && !train(line, o, model, random, pairs, held_out, vocabulary)) return;

  if (!asked)
    std::cout << formatted("%.1f %% of %zu held-out pairs are right",
                           100 * accuracy(model, held_out, vocabulary, t.threads), held_out.size())
              << std::endl;
  held_out.resize(6);
  std::vector<Pair> examples = asked ? std::vector<Pair>{{o.translate, ""}} : held_out;
  const auto translations = translate(model, {examples, vocabulary}, t.threads);
  for (std::size_t k = 0; k < examples.size(); ++k) {
    examples[k].target = text_of(translations[k], vocabulary);
    std::cout << (asked ? "" : examples[k].source + " -> ") << examples[k].target << std::endl;
  }
  if (!o.picture.empty()) draw(o.picture, picture_of(examples[0], translations[0]));
}

int main(int argc, char** argv) {
  CommandLine line("translate",
                   "Learns to translate texts character by character; without options, dates to how ISO 8601 writes "
                   "them.");
  Options o;
  line.add("--translate", o.translate, "a text to translate");
  line.add_file("--picture", o.picture, "where to draw the attention of an example, as png, svg or pdf");
  line.group(model_group);
  line.add("--task", o.task, "what to learn: to write dates, or to reverse or sort letters", one_of(translation_tasks));
  add_network_options(line, o.network);
  line.group(training_group);
  line.add("--pairs", o.pairs, "to learn from", between(1, 20000));
  add_training_options(line, o.training);
  return line.run(argc, argv, [&] { run(line, o); });
}

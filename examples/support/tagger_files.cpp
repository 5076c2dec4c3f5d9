#include "tagger_files.hpp"

#include "options.hpp"
#include "text.hpp"
#include "toy_corpus.hpp"

using namespace unroll;

void add_tagger_files(CLI::App& app, TaggerFiles& files) {
  add_file(app, "--train", files.train, "CoNLL-U to learn from");
  add_file(app, "--dev", files.dev, "CoNLL-U to choose the best epoch by")->needs("--train");
  add_file(app, "--test", files.test, "CoNLL-U to tag and to compare with its tags");
  app.add_option("--tag", files.tag, "a sentence to tag, its words apart by spaces; - for standard input");
  add_file(app, "--tag-file", files.tag_file, "sentences to tag: CoNLL-U, or else one a line")->excludes("--tag");
  add_file(app, "--vectors", files.vectors, "word vectors to begin with, of words in lower case, as GloVe writes them");
}

Corpora TaggerFiles::corpora(const std::string& load) const {
  Corpora corpora;
  if (toy(load)) {
    require(test.empty(), "--test", "it needs --train or --load");
    Random random(1);
    return {toy_corpus(2000, random), toy_corpus(300, random), toy_corpus(500, random)};
  }
  if (!train.empty()) corpora.train = read_tagged(train);
  if (!dev.empty()) corpora.dev = read_tagged(dev);
  if (!test.empty()) corpora.test = read_tagged(test);
  return corpora;
}

std::vector<nn::Sentence> TaggerFiles::to_tag() const {
  if (!tag_file.empty()) return read_sentences(tag_file);
  if (!tag) return {};
  if (*tag == "-") return read_sentences("-");
  pieces(*tag, false, "--tag");
  const nn::Sentence sentence = sentence_of(*tag);
  require(!sentence.tokens.empty(), "--tag", "no word; there must be at least one");
  return {sentence};
}

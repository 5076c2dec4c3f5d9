// What the tagger reads and writes: raw text, CoNLL-U, what another tagger has wrong, and the toy language.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "../examples/support/toy_corpus.hpp"
#include "../examples/tagger/differences.hpp"
#include "../examples/tagger/files.hpp"
#include "support.hpp"

using namespace unroll;
using namespace unroll::examples;

TEST_CASE("raw text is cut into words by few rules, and by the words of a corpus") {
  // Words are shown with | between those that no space parts, and sentences with // between them.
  const auto cut = [](const std::string& text, const std::vector<std::string>& forms) {
    std::string shown;
    for (const nn::Sentence& sentence : Tokeniser(forms)(text)) {
      if (!shown.empty()) shown += "//";
      std::string whole;
      for (const nn::Token& token : sentence.tokens) {
        const bool last = &token == &sentence.tokens.back();
        shown += token.form + (last ? "" : token.misc == "_" ? " " : "|");
        whole += token.form + (token.misc == "_" && !last ? " " : "");
      }
      CHECK(sentence.comments == std::vector<std::string>{"# text = " + whole});
    }
    return shown;
  };
  const std::vector<std::string> english{"n't", "'s", "do", "e-mail", "Mr.", ":)", "''", "no."};
  const std::vector<std::string> french{"l'", "aujourd'hui", "c'"}, none;
  const std::vector<std::string> vietnamese{"Việt Nam", "sinh viên", "sinh viên năm", "học"};
  const std::tuple<std::string, std::vector<std::string>, std::string> rows[] = {
      {"They can fish.", none, "They can fish|."},
      {"They can fish .", none, "They can fish ."},
      {"  Don't\tshe's\u00A0o'clock, dogs' ", english, "Do|n't she|'s o'clock|, dogs|'"},
      {"don't", none, "don't"},
      {"It costs $3.14 (or 1,000 €), at 10:30.", none, "It costs $|3.14 (|or 1,000 €|)|, at 10:30|."},
      {"Call 555-0199, not long-term; and/or", none, "Call 555-0199|, not long|-|term|; and|/|or"},
      {"an e-mail to a.b@c.org: https://c.org/a?b=(c).", english, "an e-mail to a.b@c.org|: https://c.org/a?b=(c|)|."},
      {"the U.S. is, e.g., yahoo.com or AT&T...", none, "the U.S. is|, e.g.|, yahoo.com or AT&T|..."},
      {"Mr. Smith :) 'tis 'quoted'", english, "Mr. Smith :) '|tis '|quoted|'"},
      {"no. 5? He said no.", english, "no. 5|?//He said no|."},
      {"Yes. “No!” she said. Two… lines?", none, "Yes|.//“|No|!|” she said|.//Two|… lines|?"},
      {"C'est l'homme d'aujourd'hui.", french, "C'est l'|homme d'aujourd'hui|."},
      {"«Qué?» „Ja.“ ¿no?", none, "«|Qué|?|»//„|Ja|.|“//¿|no|?"},
      {"これは本。それ、です", none, "これは本|。|それ|、|です"},
      {"Sinh viên năm nay ở Việt Nam học.", vietnamese, "Sinh viên năm nay ở Việt Nam học|."},
      {"!!! --", none, "!!!//--"},
      {" ", none, ""},
  };
  for (const auto& [text, forms, wanted] : rows) CHECK(cut(text, forms) == wanted);
  CHECK(Tokeniser(vietnamese)("sinh viên năm nay")[0].tokens[0].form == "sinh viên năm");
  CHECK(error_of([] { Tokeniser()("a\xff"); }).starts_with("characters: byte 0xff at position 1"));
}

TEST_CASE("CoNLL-U to be tagged is kept but for the column that is learned; raw and tokenised text becomes CoNLL-U") {
  const Directory directory;
  const std::string path = directory.file("text");
  const Tokeniser tokeniser;
  const auto tagged_text = [&](const std::string& text, bool tokenised, const std::string& column,
                               std::vector<std::vector<double>> probabilities) {
    std::ofstream(path) << text;
    auto sentences = TextToTag{tokeniser, tokenised}.read(path);
    Tags tags;
    for (const auto& sentence : sentences) tags.emplace_back(sentence.tokens.size(), "T");
    set_tags(sentences, {tags, std::move(probabilities)}, column_of(column));
    std::ostringstream out;
    nn::write_conllu(out, sentences);
    return out.str();
  };
  const auto treebank = [](const std::string& upos, const std::string& xpos, const std::string& misc) {
    return "# sent_id = 1\n# text = Don't\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n1\tDo\tdo\t" + upos + '\t' +
           xpos + "\tA=b\t0\troot\t0:root\t" + misc + "\n1.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n2\tn't\tnot\t" + upos + '\t' +
           xpos + "\t_\t1\tadvmod\t_\tX=y" + (misc == "_" ? "" : "|p=0.2500") + "\n\n";
  };
  CHECK(tagged_text(treebank("_", "B", "_"), false, "upos", {}) == treebank("T", "B", "_"));
  CHECK(tagged_text(treebank("AUX", "B", "_"), true, "xpos", {}) == treebank("AUX", "T", "_"));
  CHECK(tagged_text(treebank("_", "B", "_"), false, "upos", {{0.5, 0.25}}) == treebank("T", "B", "p=0.5000"));
  CHECK(tagged_text("Go!\n\nYes\n", false, "feats", {}) ==
        "# text = Go!\n1\tGo\t_\t_\t_\tT\t_\t_\t_\tSpaceAfter=No\n2\t!\t_\t_\t_\tT\t_\t_\t_\t_\n\n"
        "# text = Yes\n1\tYes\t_\t_\t_\tT\t_\t_\t_\t_\n\n");
  CHECK(tagged_text("Go! No\n", true, "upos", {}) ==
        "# text = Go! No\n1\tGo!\t_\tT\t_\t_\t_\t_\t_\t_\n2\tNo\t_\tT\t_\t_\t_\t_\t_\t_\n\n");

  std::ofstream(path) << treebank("AUX", "_", "_");
  CHECK(read_tagged(path, "upos").size() == 1);
  CHECK(read_tagged(path, "feats").size() == 1);
  CHECK(error_of([&] { read_tagged(path, "xpos"); }) ==
        path +
            ": sentence 1, word 1: 'Do' has no tag; the fifth column must hold one, or another column than xpos be "
            "learned");
}

TEST_CASE("two taggers differ in the words that one of them alone has wrong") {
  const auto sentences = TextToTag{Tokeniser(), true}.sentences("a b c d");
  auto gold = sentences;
  set_tags(gold, {{{"A", "B", "C", "D"}}}, &nn::Token::upos);
  std::ostringstream out;
  Differences(gold, {{"A", "B", "D", "A"}}, {{"A", "C", "C", "A"}}, &nn::Token::upos).print(out, "other");
  CHECK(out.str() ==
        "accuracy 50.00 %, other 50.00 %; wrong by other alone 1 words, by this model alone 1\n"
        "B taken for C: by other alone 1, by this model alone 0\n    a [b] c d\n"
        "C taken for D: by other alone 0, by this model alone 1\n");
  CHECK(in_context(gold[0], 2, 1) == "… b [c] d");
  CHECK(in_context(gold[0], 0, 1) == "[a] b …");
}

TEST_CASE("in the unmarked toy language each word has one class, and nothing else tells it") {
  Random random(1);
  std::map<std::string, std::set<std::string>> tags;
  for (const nn::Sentence& sentence : toy_corpus(2000, random, false))
    for (const nn::Token& token : sentence.tokens) tags[token.form].insert(token.upos);
  CHECK(tags.size() > 850);
  CHECK(tags.size() <= 903);
  for (const auto& [form, all] : tags) CHECK(all.size() == 1);
}

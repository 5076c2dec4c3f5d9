#include "toy_corpus.hpp"

#include <cctype>
#include <map>
#include <sstream>

#include "text.hpp"

namespace unroll::examples {

namespace {

// A symbol, a colon, and its alternatives; what is no symbol is a word/TAG, in which ~ stands for an invented stem, ^~
// for one with a capital and # for a number.
constexpr const char* marked_rules = R"(
sentence: clause ./PUNCT | clause ./PUNCT | clause ./PUNCT | clause and/CCONJ clause ./PUNCT | question ?/PUNCT
clause: pronoun aux action | pronoun aux action | noun_phrase aux action | noun_phrase past_action
clause: pronoun plain_action | pronoun plain_action | noun_phrase is/AUX state | that/PRON is/AUX state
clause: pronoun know/VERB that/SCONJ clause | before/SCONJ clause ,/PUNCT pronoun aux action
question: aux pronoun action | is/AUX noun_phrase adjective
noun_phrase: determiner noun | determiner noun | determiner adjective noun | name | number nouns
noun_phrase: determiner noun like/ADP noun_phrase | determiner noun before/ADP noun_phrase
pronoun: they/PRON | we/PRON | you/PRON | I/PRON
determiner: the/DET | the/DET | the/DET | a/DET | this/DET | that/DET | every/DET
aux: can/AUX | can/AUX | will/AUX | will/AUX | must/AUX | may/AUX
action: intransitive | intransitive | intransitive manner | transitive noun_phrase | walk/VERB to/ADP noun_phrase
plain_action: intransitive manner | transitive noun_phrase | transitive noun_phrase | want/VERB to/PART action
past_action: past noun_phrase | past noun_phrase | went/VERB back/ADV | wanted/VERB to/PART action
state: adjective | adjective | well/ADV | ~ing/VERB | ~ing/VERB noun_phrase
intransitive: fish/VERB | fish/VERB | play/VERB | work/VERB | walk/VERB | watch/VERB | ~ize/VERB
transitive: can/VERB | watch/VERB | plant/VERB | light/VERB | close/VERB | saw/VERB | like/VERB | book/VERB | ~ify/VERB
past: saw/VERB | liked/VERB | found/VERB | ~ed/VERB | ~ed/VERB
manner: well/ADV | back/ADV | ~ly/ADV | ~ly/ADV | like/ADP noun_phrase
noun: can/NOUN | fish/NOUN | will/NOUN | watch/NOUN | play/NOUN | plant/NOUN | light/NOUN | well/NOUN | back/NOUN
noun: saw/NOUN | book/NOUN | walk/NOUN | work/NOUN | river/NOUN | ~ness/NOUN | ~ness/NOUN | ~ment/NOUN | ~ing/NOUN
nouns: cans/NOUN | plays/NOUN | books/NOUN | ~ers/NOUN
adjective: light/ADJ | close/ADJ | tall/ADJ | small/ADJ | ~ous/ADJ | ~ful/ADJ | ~less/ADJ | ~ed/ADJ
name: ^~/PROPN | ^~/PROPN | May/PROPN | Will/PROPN
number: #/NUM | two/NUM | three/NUM
)";

// Here ~ is a word of the class.
constexpr const char* unmarked_rules = R"(
sentence: free | free | told
free: ~/NOUN ~/VERB | ~/VERB ~/NOUN | ~/NOUN ~/VERB ~/NOUN | ~/NOUN ~/NOUN ~/VERB | ~/VERB ~/NOUN ~/NOUN
free: ~/ADJ ~/NOUN ~/VERB | ~/NOUN ~/ADJ ~/VERB | ~/VERB ~/ADJ ~/NOUN | ~/VERB ~/NOUN ~/ADJ | ~/NOUN ~/ADJ | ~/ADJ ~/NOUN
told: the/DET ~/NOUN will/AUX ~/VERB | will/AUX ~/VERB the/DET ~/NOUN | very/ADV ~/ADJ the/DET ~/NOUN
told: the/DET ~/NOUN very/ADV ~/ADJ | the/DET ~/NOUN will/AUX ~/VERB the/DET ~/NOUN
)";

using Grammar = std::map<std::string, std::vector<std::vector<std::string>>>;  // the alternatives of each symbol

Grammar read_grammar(const char* rules) {
  Grammar grammar;
  std::istringstream lines(rules);
  for (std::string line, part; std::getline(lines, line);) {
    std::istringstream parts(line);
    if (!(parts >> part)) continue;
    auto& alternatives = grammar[part.substr(0, part.size() - 1)];
    alternatives.emplace_back();
    while (parts >> part) part == "|" ? void(alternatives.emplace_back()) : alternatives.back().push_back(part);
  }
  return grammar;
}

const std::string onsets[] = {"b", "br", "d", "dr", "f", "fl", "g",  "gl", "gr", "h",  "j",
                              "l", "m",  "n", "p",  "r", "s",  "sl", "sn", "t",  "tr", "v"};
const std::string vowels[] = {"a", "e", "i", "o", "u", "oo"};
const std::string codas[] = {"d", "ft", "lb", "lm", "lp", "m", "nd", "nk", "rf", "rl", "rv", "sk"};

std::string invented_stem(Random& random) {
  return choose(onsets, random) + choose(vowels, random) + choose(codas, random);
}

// One of 300 words of a class of the unmarked language.
std::string word_of(const std::string& tag, Random& random) {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all;
    for (const auto& onset : onsets)
      for (const auto& vowel : vowels)
        for (const auto& coda : codas) all.push_back(onset + vowel + coda);
    Random order(1);
    order.shuffle(all);
    return all;
  }();
  return words[3 * random.below(300) + (tag == "NOUN" ? 0 : tag == "VERB" ? 1 : 2)];
}

char capital(char c) { return 'a' <= c && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string invented(std::string form, Random& random) {
  if (form == "#") return std::to_string(2 + random.below(998));
  if (const auto at = form.find('~'); at != std::string::npos) form.replace(at, 1, invented_stem(random));
  if (form[0] == '^') {
    form.erase(0, 1);
    form[0] = capital(form[0]);
  }
  return form;
}

void expand(const std::string& symbol, nn::Sentence& sentence, Random& random, bool marked) {
  static const Grammar grammars[] = {read_grammar(unmarked_rules), read_grammar(marked_rules)};
  const Grammar& grammar = grammars[marked];
  if (const auto found = grammar.find(symbol); found != grammar.end()) {
    for (const std::string& part : choose(found->second, random)) expand(part, sentence, random, marked);
    return;
  }
  const auto slash = symbol.rfind('/');
  const std::string form = symbol.substr(0, slash), tag = symbol.substr(slash + 1);
  add_word(sentence, marked || form != "~" ? invented(form, random) : word_of(tag, random), tag);
}

}  // namespace

void add_word(nn::Sentence& sentence, const std::string& form, const std::string& tag) {
  const std::string none = "_";
  sentence.tokens.push_back(
      {std::to_string(sentence.tokens.size() + 1), form, none, tag, none, none, none, none, none, none});
}

std::vector<nn::Sentence> toy_corpus(std::size_t sentences, Random& random, bool marked) {
  std::vector<nn::Sentence> corpus(sentences);
  for (auto& sentence : corpus) {
    expand("sentence", sentence, random, marked);
    if (!marked) continue;
    std::string& first = sentence.tokens.front().form;
    first[0] = capital(first[0]);
  }
  return corpus;
}

std::string toy_text(std::size_t sentences, Random& random, bool marked) {
  std::string text;
  for (const nn::Sentence& sentence : toy_corpus(sentences, random, marked)) {
    for (std::size_t k = 0; k < sentence.tokens.size(); ++k) {
      const std::string& word = sentence.tokens[k].form;
      if (k > 0 && std::isalnum(static_cast<unsigned char>(word[0]))) text += ' ';
      text += word;
    }
    text += '\n';
  }
  return text;
}

}  // namespace unroll::examples

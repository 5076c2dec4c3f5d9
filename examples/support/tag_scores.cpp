#include "tag_scores.hpp"

#include <algorithm>
#include <tuple>

#include "confusion.hpp"
#include "format.hpp"

namespace {

using Counts = std::map<std::string, std::size_t>;

// The first of those with the highest count.
const std::string& most_frequent(const Counts& counts) {
  return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
}

double percent(std::size_t part, std::size_t whole) { return whole ? 100. * double(part) / double(whole) : 0; }

struct Share {
  std::size_t right = 0, all = 0;
  void count(bool is_right) { right += is_right, ++all; }
  double percent() const { return ::percent(right, all); }
};

}  // namespace

FrequentTags::FrequentTags(const std::vector<unroll::nn::Sentence>& corpus) {
  std::map<std::string, Counts> by_form;
  Counts all;
  for (const auto& sentence : corpus) {
    for (const auto& token : sentence.tokens) {
      ++by_form[token.form][token.upos];
      ++all[token.upos];
    }
  }
  overall = most_frequent(all);
  for (const auto& [form, counts] : by_form) of_form.emplace(form, most_frequent(counts));
}

const std::string& FrequentTags::operator()(const std::string& form) const {
  const auto found = of_form.find(form);
  return found == of_form.end() ? overall : found->second;
}

double accuracy(const std::vector<unroll::nn::Sentence>& sentences, const Tags& tags) {
  Share right;
  for (std::size_t k = 0; k < sentences.size(); ++k)
    for (std::size_t t = 0; t < tags[k].size(); ++t) right.count(tags[k][t] == sentences[k].tokens[t].upos);
  return right.percent() / 100;
}

void print_scores(std::ostream& out, const std::vector<unroll::nn::Sentence>& sentences, const Tags& tags,
                  const FrequentTags& frequent, const std::string& picture) {
  std::map<std::string, std::size_t> numbers;  // of all tags
  for (const auto& sentence : sentences)
    for (const auto& token : sentence.tokens) numbers[token.upos];
  for (const auto& sentence : tags)
    for (const auto& tag : sentence) numbers[tag];
  std::vector<std::string> names;
  for (auto& [tag, number] : numbers) {
    number = names.size();
    names.push_back(tag);
  }
  Confusion confusion(names);
  Share seen, unseen, baseline;
  for (std::size_t k = 0; k < sentences.size(); ++k) {
    for (std::size_t t = 0; t < tags[k].size(); ++t) {
      const auto& [form, wanted] = std::tie(sentences[k].tokens[t].form, sentences[k].tokens[t].upos);
      confusion.count(numbers[wanted], numbers[tags[k][t]]);
      (frequent.knows(form) ? seen : unseen).count(tags[k][t] == wanted);
      baseline.count(frequent(form) == wanted);
    }
  }
  confusion.print(out, "words");
  if (!picture.empty()) confusion.draw(picture);
  out << formatted("test accuracy %.2f %% (seen %.2f %%, unseen %.2f %%, baseline %.2f %%)\n",
                   100 * confusion.accuracy(), seen.percent(), unseen.percent(), baseline.percent())
      << std::flush;
}

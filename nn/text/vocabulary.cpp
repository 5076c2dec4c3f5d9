#include "vocabulary.hpp"

#include <algorithm>
#include <utility>

#include "../../autograd/error.hpp"

namespace unroll::nn {

Vocabulary::Vocabulary(const VocabularyOptions& options) {
  require(options.padding.empty() || options.padding != options.unknown, "vocabulary", "padding and unknown are both '",
          options.padding, "'; they must differ");
  if (!options.padding.empty()) add(options.padding);
  if (!options.unknown.empty()) add(options.unknown);
  has_padding_ = !options.padding.empty();
  has_unknown_ = !options.unknown.empty();
}

// What has entries of its own is never empty.
void Vocabulary::require_not_moved() const {
  require(size() > 0 || !(has_padding_ || has_unknown_), "vocabulary",
          "it was moved from; use the one that it was moved to");
}

Vocabulary Vocabulary::from_counts(const std::map<std::string, std::size_t>& counts, std::size_t minimum,
                                   const VocabularyOptions& options) {
  std::vector<std::pair<std::string, std::size_t>> frequent;
  for (const auto& entry : counts)
    if (entry.second >= minimum) frequent.push_back(entry);
  // The map is in the order of its words, and a stable sort leaves equally frequent ones so.
  std::ranges::stable_sort(frequent, std::greater(), [](const auto& entry) { return entry.second; });

  Vocabulary vocabulary(options);
  for (const auto& [word, count] : frequent) vocabulary.add(word);
  return vocabulary;
}

Vocabulary Vocabulary::from_words(const std::vector<std::string>& words, const VocabularyOptions& options) {
  Vocabulary vocabulary(options);
  for (std::size_t k = 0; k < vocabulary.size(); ++k)
    require(k < words.size() && words[k] == vocabulary.words_[k], "vocabulary", "word ", k, " of the list is not '",
            vocabulary.words_[k], "'; the options must be those it was made with");
  for (std::size_t k = 0; k < words.size(); ++k) {
    const std::int64_t id = vocabulary.add(words[k]);
    require(static_cast<std::size_t>(id) == k, "vocabulary", "words ", id, " and ", k, " of the list are both '",
            words[k], "'; they must differ");
  }
  return vocabulary;
}

std::int64_t Vocabulary::add(std::string_view word) {
  require_not_moved();
  if (const auto known = ids_.find(word); known != ids_.end()) return known->second;
  const auto id = static_cast<std::int64_t>(size());
  words_.emplace_back(word);
  ids_.emplace(word, id);
  return id;
}

std::int64_t Vocabulary::index(std::string_view word) const {
  require_not_moved();
  if (const auto known = ids_.find(word); known != ids_.end()) return known->second;
  require(has_unknown_, "vocabulary", "'", word, "' is not in it; add it, or name an unknown word in the options");
  return unknown();
}

const std::string& Vocabulary::word(std::int64_t id) const {
  require(id >= 0 && static_cast<std::size_t>(id) < size(), "vocabulary", "id ", id, "; the vocabulary has size ",
          size());
  return words_[static_cast<std::size_t>(id)];
}

std::int64_t Vocabulary::padding() const {
  require_not_moved();
  require(has_padding_, "vocabulary", "there is no padding; name it in the options");
  return 0;
}

std::int64_t Vocabulary::unknown() const {
  require_not_moved();
  require(has_unknown_, "vocabulary", "there is no unknown word; name it in the options");
  return has_padding_ ? 1 : 0;
}

}  // namespace unroll::nn

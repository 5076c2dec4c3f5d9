#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../../autograd/visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The entries a vocabulary begins with; one that is empty does not exist.
struct VocabularyOptions {
  std::string padding = "<pad>";  ///< what fills up shorter sequences
  std::string unknown = "<unk>";  ///< what stands for each word that is not in it
};

/// Numbers words from 0: the padding, the unknown word, then words as they are added.
class Vocabulary {
 public:
  /// The entries of the options alone, which must differ.
  explicit Vocabulary(const VocabularyOptions& options = {});
  /// The words counted at least `minimum` times, the most frequent first, equally frequent ones in byte order.
  static Vocabulary from_counts(const std::map<std::string, std::size_t>& counts, std::size_t minimum = 1,
                                const VocabularyOptions& options = {});
  /// The vocabulary that gave this list by words(); the options must be those it was made with. An Error where the list
  /// does not begin with their entries, or has a word twice.
  static Vocabulary from_words(const std::vector<std::string>& words, const VocabularyOptions& options = {});

  /// The id of the word, which is appended if it is new.
  std::int64_t add(std::string_view word);
  /// The id of the word, or else of the unknown word; an Error if there is neither.
  std::int64_t index(std::string_view word) const;
  /// The same.
  std::int64_t operator[](std::string_view word) const { return index(word); }
  /// Whether the word has an id of its own.
  bool contains(std::string_view word) const { return ids_.contains(word); }

  /// The word that has this id; an Error if there is none.
  const std::string& word(std::int64_t id) const;
  /// All words, in the order of their ids: what to store.
  const std::vector<std::string>& words() const { return words_; }
  /// The number of words, the entries of the options among them.
  std::size_t size() const { return words_.size(); }

  /// The id of the padding, 0; an Error if there is none.
  std::int64_t padding() const;
  /// The id of the unknown word; an Error if there is none.
  std::int64_t unknown() const;

 private:
  void require_not_moved() const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
  };

  std::vector<std::string> words_;
  std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> ids_;
  bool has_padding_ = false, has_unknown_ = false;
};

}  // namespace nn
}  // namespace unroll

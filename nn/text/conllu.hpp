#pragma once

#include <cstddef>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "../../autograd/visibility.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// A line of a CoNLL-U file, its ten columns as they stand there (universaldependencies.org/format.html).
struct Token {
  ///@{
  /// A column; `_` stands for one that is not given.
  std::string id, form, lemma, upos, xpos, feats, head, deprel, deps, misc;
  ///@}
  bool operator==(const Token&) const = default;
};

/// A sentence of a treebank.
struct Sentence {
  /// The lines before the words, with their `#`.
  std::vector<std::string> comments;
  /// The syntactic words: tokens[k].id is k + 1.
  std::vector<Token> tokens;
  /// Multiword ranges (1-2) and empty nodes (8.1), each under the number of words that stand before it.
  std::multimap<std::size_t, Token> others;
  bool operator==(const Sentence&) const = default;
};

/// The sentences of a CoNLL-U file, at least one; an Error tells file and line of what is wrong.
std::vector<Sentence> read_conllu(const std::string& path);
/// The same from a stream, which errors call `name`.
std::vector<Sentence> read_conllu(std::istream& in, const std::string& name);

/// Writes what read_conllu has read, byte for byte apart from byte order mark, CR LF and missing or extra empty lines.
/// Throws where a column holds a tab or a line end, or the stream fails.
void write_conllu(std::ostream& out, const std::vector<Sentence>& sentences);

}  // namespace nn
}  // namespace unroll

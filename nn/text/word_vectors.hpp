#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "../../autograd/array.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Words and their vectors, word k in row k of the table.
template <class T> struct WordVectors {
  std::vector<std::string> words;  ///< each once
  Array<T> table;                  ///< [words, size]
};

/// Reads lines `word v1 ... vn`, as GloVe and word2vec write them; of a word that occurs twice the first vector counts.
///
/// Fields are apart by one space or tab each. The vector is the last n fields of a line, and the word is all that
/// stands before, so that it may hold spaces, and numbers too. A first line of two whole numbers is word2vec's header
/// `words n`; without one, n is how many numbers the first line ends with, whose word must hold none after its first
/// field. Lines of nothing but spaces are skipped. An Error tells file and line of what is wrong.
template <class T> WordVectors<T> read_word_vectors(const std::string& path);
/// The same from a stream, which errors call `name`.
template <class T> WordVectors<T> read_word_vectors(std::istream& in, const std::string& name);

}  // namespace nn
}  // namespace unroll

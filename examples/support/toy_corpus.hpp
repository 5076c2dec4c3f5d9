#pragma once

#include <string>
#include <unroll/autograd/random.hpp>
#include <unroll/nn/text/conllu.hpp>
#include <vector>

namespace unroll::examples {

/// The next word of a sentence; without a tag, _ stands for it.
void add_word(nn::Sentence& sentence, const std::string& form, const std::string& tag = "_");

/// Sentences of a small language, in which words are marked, or not. The marked one is like English: the tags of words
/// like "can", "fish" and "that" are decided by their context alone; other words are invented, and tell by their
/// endings what they are. In the other one nothing in a word tells whether it is a noun, a verb or an adjective, and
/// their order is free: only "the", "will" and "very" before some of them show what they are.
std::vector<nn::Sentence> toy_corpus(std::size_t sentences, Random& random, bool marked = true);

/// Such sentences as a text, one a line; the words of the unmarked language are apart by spaces.
std::string toy_text(std::size_t sentences, Random& random, bool marked = true);

}  // namespace unroll::examples

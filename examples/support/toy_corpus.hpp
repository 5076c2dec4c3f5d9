#pragma once

#include <string>
#include <unroll/autograd/random.hpp>
#include <unroll/nn/text/conllu.hpp>
#include <vector>

namespace unroll::examples {

/// The next word of a sentence; without a tag, _ stands for it.
void add_word(nn::Sentence& sentence, const std::string& form, const std::string& tag = "_");

/// Sentences of a small English grammar. The tags of words like "can", "fish" and "that" are decided by their context
/// alone; other words are invented, and tell by their endings what they are.
std::vector<nn::Sentence> toy_corpus(std::size_t sentences, Random& random);

/// Such sentences as a text, one a line.
std::string toy_text(std::size_t sentences, Random& random);

}  // namespace unroll::examples

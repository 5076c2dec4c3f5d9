#pragma once

#include <unroll/autograd/random.hpp>
#include <unroll/nn/text/conllu.hpp>
#include <vector>

/// Sentences of a small English grammar. The tags of words like "can", "fish" and "that" are decided by their context
/// alone; other words are invented, and tell by their endings what they are.
std::vector<unroll::nn::Sentence> toy_corpus(std::size_t sentences, unroll::Random& random);

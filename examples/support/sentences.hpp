#pragma once

#include <ostream>
#include <string>
#include <unroll/nn/text/conllu.hpp>
#include <vector>

/// The tags of the words of each sentence.
using Tags = std::vector<std::vector<std::string>>;

/// The next word of a sentence; without a tag, _ stands for it.
void add_word(unroll::nn::Sentence& sentence, const std::string& form, const std::string& tag = "_");

/// The words between the spaces of a text.
unroll::nn::Sentence sentence_of(const std::string& text);

/// The sentences of a CoNLL-U file in which every word has a tag. An Error tells what is wrong, and where.
std::vector<unroll::nn::Sentence> read_tagged(const std::string& path);

/// The sentences of a file, or of standard input if it is called -: CoNLL-U, or else the lines that are not empty.
/// CoNLL-U is what is in a file *.conllu, and what begins with a # or has a tab in its first line.
std::vector<unroll::nn::Sentence> read_sentences(const std::string& path);

void set_tags(std::vector<unroll::nn::Sentence>& sentences, const Tags& tags);

/// Prints the words, and below each its tag.
void print_tagged(std::ostream& out, const unroll::nn::Sentence& sentence);

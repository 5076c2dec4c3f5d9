#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "sentences.hpp"

/// The tag that each form of a corpus has most often, and for all other forms the tag that is most frequent: what a
/// tagger must beat.
struct FrequentTags {
  std::map<std::string, std::string> of_form;
  std::string overall;

  FrequentTags() = default;
  explicit FrequentTags(const std::vector<unroll::nn::Sentence>& corpus);

  bool knows(const std::string& form) const { return of_form.contains(form); }
  const std::string& operator()(const std::string& form) const;
};

/// The share of words with the right tag.
double accuracy(const std::vector<unroll::nn::Sentence>& sentences, const Tags& tags);

/// Prints precision, recall and F1 of each tag, and then the accuracy: of all words, of those that `frequent` knows and
/// of the others, and that of `frequent` itself. Draws what each tag was taken for, if there is a name for the picture.
void print_scores(std::ostream& out, const std::vector<unroll::nn::Sentence>& sentences, const Tags& tags,
                  const FrequentTags& frequent, const std::string& picture);

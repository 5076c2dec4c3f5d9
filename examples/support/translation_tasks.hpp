#pragma once

#include <string>
#include <vector>

#include "autograd/random.hpp"

/// A text and its translation.
struct Pair {
  std::string source, target;
};

/// The characters that texts are made of.
extern const std::string translation_characters;

/// The tasks: "dates" to ISO 8601 from the ways there are to write them, "reverse" and "sort" the letters of a word.
extern const std::vector<std::string> translation_tasks;

/// Pairs of a task; no target occurs twice.
std::vector<Pair> translation_pairs(const std::string& task, std::size_t count, unroll::Random& random);

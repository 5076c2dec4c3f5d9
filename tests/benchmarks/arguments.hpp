// The command line of the programs in this folder: PROGRAM WORKLOAD STEPS THREADS [KEY=number...], every number above
// 0. libtorch.cpp compiles it as C++17.
#pragma once

#include <cstddef>
#include <map>
#include <string>

// The sizes given as KEY=number.
using Given = std::map<std::string, std::size_t>;

struct Arguments {
  std::string workload;
  std::size_t steps = 0, threads = 0;
  Given sizes;

  // Leaves `steps` at 0 where the words are no such command line.
  Arguments(int count, char** words) {
    for (int k = 4; k < count; ++k) {
      const std::string word = words[k];
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos || !is_number(word.substr(equals + 1))) return;
      sizes[word.substr(0, equals)] = std::stoul(word.substr(equals + 1));
    }
    if (count < 4 || !is_number(words[2]) || !is_number(words[3])) return;
    workload = words[1];
    threads = std::stoul(words[3]);
    steps = std::stoul(words[2]);
  }

 private:
  static bool is_number(const std::string& word) {
    return !word.empty() && word.size() < 10 && word[0] != '0' &&
           word.find_first_not_of("0123456789") == std::string::npos;
  }
};

inline std::size_t get(const Given& given, const std::string& key, std::size_t otherwise) {
  const auto found = given.find(key);
  return found == given.end() ? otherwise : found->second;
}

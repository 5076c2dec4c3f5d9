// What is asked of the blocks of the manual, which extract.cpp makes test cases of.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <unroll/nn/nn.hpp>

namespace manual {

/// The project, in whose tree the manual names files.
inline const std::filesystem::path root = UNROLL_ROOT;

/// What a block prints while it runs, and says by the Error that ends it.
inline std::string output_of(void (*block)()) {
  std::ostringstream printed;
  std::streambuf* const out = std::cout.rdbuf(printed.rdbuf());
  std::string error;
  try {
    block();
  } catch (const std::exception& thrown) {
    error = thrown.what() + std::string("\n");
  }
  std::cout.rdbuf(out);
  std::cout.copyfmt(std::ios(nullptr));
  return printed.str() + error;
}

/// A block prints what its page shows.
inline void printed(const char* page, int line, void (*block)(), const std::string& shown) {
  const std::string output = output_of(block);
  if (output != shown)
    ADD_FAIL_CHECK_AT(page, line, "the page shows\n" << shown << "\nbut the block prints\n" << output);
}

/// A block that is quoted stands in that file, whatever the spaces and line ends.
inline void quoted(const char* page, int line, const std::string& source, std::string quotation) {
  std::ifstream in(root / source);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto blank = [](char letter) { return letter == ' ' || letter == '\n'; };
  std::erase_if(text, blank);
  std::erase_if(quotation, blank);
  if (text.find(quotation) == std::string::npos) ADD_FAIL_CHECK_AT(page, line, "not as in " << source);
}

/// A command, or a file or folder, is there.
inline void exists(const char* page, int line, const std::string& path) {
  if (!std::filesystem::exists(root / path)) ADD_FAIL_CHECK_AT(page, line, "there is no " << path);
}

}  // namespace manual

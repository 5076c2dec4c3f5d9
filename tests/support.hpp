// What errors say, and where suites keep files.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <unroll/autograd/error.hpp>
#include <vector>

#include "numbers.hpp"

namespace unroll {

/// What the Error says that `f` throws.
template <class F> std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// All bytes of a file.
inline std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The headers and sources in a folder and those within it.
inline std::vector<std::filesystem::path> sources(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".hpp" || entry.path().extension() == ".cpp") files.push_back(entry.path());
  return files;
}

/// A directory of its own, gone with this object.
class Directory {
 public:
  Directory() {
    for (int k = 0; path_.empty(); ++k) {
      const auto path = std::filesystem::temp_directory_path() / ("unroll_test_" + std::to_string(k));
      if (std::filesystem::create_directory(path)) path_ = path;
    }
  }
  Directory(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return file(name);
  }
  std::size_t files() const {
    const std::filesystem::directory_iterator all(path_);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace unroll

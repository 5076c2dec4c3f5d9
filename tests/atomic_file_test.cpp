// Writing a file to a temporary name, then renaming it: whole or not at all.
#include "nn/atomic_file.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <ostream>
#include <thread>

#include "support.hpp"

using namespace unroll;

namespace fs = std::filesystem;

TEST_CASE("a write that fails half way leaves the old file and no other") {
  const Directory directory;
  const std::string path = directory.file("x");
  directory.write("x", "old");
  CHECK(error_of([&] {
          nn::write_atomically(path, [](std::ostream& out) {
            out << "new" << std::flush;
            fail("test", "stopped");
          });
        }) == "test: stopped");
  CHECK(contents(path) == "old");
  CHECK(directory.files() == 1);

  CHECK(error_of([&] {
          nn::write_atomically(directory.file("y"), [&](std::ostream&) { fs::create_directory(directory.file("y")); });
        }) == directory.file("y") + ": cannot be written: Is a directory");
  CHECK(directory.files() == 2);
  fs::remove(directory.file("y"));

  rlimit limit;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit small = {1000, limit.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string large =
      error_of([&] { nn::write_atomically(path, [](std::ostream& out) { out << std::string(40'000, 'x'); }); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(large == path + ": cannot be written: File too large");
  CHECK(contents(path) == "old");
  CHECK(directory.files() == 1);
}

TEST_CASE("replacing a file keeps its permissions, and the link that leads to it") {
  const Directory directory;
  const auto put = [&](const std::string& name, const std::string& text) {
    nn::write_atomically(directory.file(name), [&](std::ostream& out) { out << text; });
  };
  put("x", "1");
  directory.write("plain", "");
  CHECK(fs::status(directory.file("x")).permissions() == fs::status(directory.file("plain")).permissions());
  fs::permissions(directory.file("x"), fs::perms(0640));
  fs::create_symlink("x", directory.file("link"));
  put("link", "2");
  CHECK(fs::is_symlink(directory.file("link")));
  CHECK(contents(directory.file("x")) == "2");
  CHECK(fs::status(directory.file("x")).permissions() == fs::perms(0640));
  CHECK(directory.files() == 3);
}

TEST_CASE("threads that write the same file leave one of the files whole") {
  const Directory directory;
  const std::string path = directory.file("x");
  const auto put = [&](char letter) {
    for (int k = 0; k < 10; ++k) {
      nn::write_atomically(path, [&](std::ostream& out) { out << std::string(50'000, letter); });
    }
  };
  std::thread other(put, 'a');
  put('b');
  other.join();
  const std::string text = contents(path);
  CHECK((text == std::string(50'000, 'a') || text == std::string(50'000, 'b')));
  CHECK(directory.files() == 1);
}

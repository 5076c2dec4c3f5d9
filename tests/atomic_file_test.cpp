// Writing a file to a temporary name, then renaming it: whole or not at all.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <thread>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/files/safetensors.hpp>
#include <vector>

#include "support.hpp"

using namespace unroll;

namespace fs = std::filesystem;

namespace {

// How a child process ends that calls `f`: the number that f gives, or 128 and the signal that ended it.
template <class F> int in_child(const F& f, pid_t* number = nullptr) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_DFL);
    ::_exit(f());
  }
  if (number) *number = child;
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

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
}

TEST_CASE("a file that may not grow so large is an Error, and the signal is nobody's") {
  const Directory directory;
  const std::string path = directory.file("x");
  directory.write("x", "old");
  CHECK(in_child([&] {
          const rlimit small = {1000, 1000};
          if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 1;
          const std::string reason = ": cannot be written: File too large";
          const std::string text =
              error_of([&] { nn::write_atomically(path, [](std::ostream& out) { out << std::string(40'000, 'x'); }); });
          if (text != path + reason) return 2;
          if (error_of([&] { nn::write_safetensors(path, {{"w", zeros<float>({1000}).value()}}); }) != path + reason)
            return 3;
          sigset_t signals;
          ::pthread_sigmask(SIG_SETMASK, nullptr, &signals);
          if (::sigismember(&signals, SIGXFSZ)) return 4;
          ::sigpending(&signals);
          if (::sigismember(&signals, SIGXFSZ)) return 5;
          if (std::signal(SIGXFSZ, SIG_DFL) != SIG_DFL) return 6;
          std::ofstream(directory.file("y")) << std::string(2000, 'x') << std::flush;
          return 7;
        }) == SIGXFSZ + 128);
  CHECK(contents(path) == "old");
  CHECK(directory.files() == 2);
}

TEST_CASE("what a killed process left is removed by the next that writes the same file, and nothing else is") {
  const Directory directory;
  const std::string path = directory.file("x");
  directory.write("x", "old");
  pid_t killed = 0;
  CHECK(in_child(
            [&] {
              nn::write_atomically(path, [](std::ostream& out) {
                out << "half" << std::flush;
                std::raise(SIGKILL);
              });
              return 0;
            },
            &killed) == SIGKILL + 128);
  const std::string gone = std::to_string(killed), here = std::to_string(::getpid());
  CHECK(directory.files() == 2);
  std::vector<std::string> others;
  for (const std::string& name :
       {"y.tmp-" + gone + "-0", "x.tmp-" + here + "-4000000000", std::string("x.tmp-1-0"), "x.tmp-" + gone,
        "x.tmp-" + gone + "-", "x.tmp-" + gone + "-1.txt", "x.tmp--" + gone + "-1", "x.tmp-0" + gone + "x-1",
        std::string("x.tmp-99999999999-0"), std::string("x.tmp-0-0"), "x.tmp-" + gone + "-4000000000"})
    others.push_back(directory.write(name, "other"));
  // As if a process of another container wrote it.
  const int locked = ::open(others.back().c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(::flock(locked, LOCK_EX | LOCK_NB) == 0);
  nn::write_atomically(path, [](std::ostream& out) { out << "new"; });
  CHECK(contents(path) == "new");
  CHECK(directory.files() == 1 + others.size());
  for (const std::string& other : others) CHECK(contents(other) == "other");
  ::close(locked);
  nn::write_atomically(path, [](std::ostream& out) { out << "newer"; });
  CHECK_FALSE(fs::exists(others.back()));
  CHECK(directory.files() == others.size());
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

#include "program.hpp"

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <unroll/autograd/error.hpp>
#include <unroll/autograd/tools/about.hpp>
#include <unroll/nn/files/atomic_file.hpp>

#include "interrupt.hpp"

namespace {

int stop(const CLI::App& options, std::string what) {
  std::replace(what.begin(), what.end(), '\n', ' ');
  std::cout.flush();
  std::cerr << options.get_name() << ": " << what << std::endl;
  return 2;
}

}  // namespace

int run_program(CLI::App& options, int argc, char** argv, const std::function<void()>& program) {
  // What may not be written, since a file would be too large, is an error as any other.
  std::signal(SIGXFSZ, SIG_IGN);
  const auto print = [&](const std::string& text) {
    std::cout << text << std::flush;
    return std::cout ? 0 : stop(options, "standard output: cannot be written");
  };
  try {
    options.set_version_flag("--about", unroll::about, "Print what the program was made of and runs on");
    options.parse(argc, argv);
    program();
    unroll::require(bool(std::cout.flush()), "standard output", "cannot be written");
    return Interrupt::pressed() ? 130 : 0;
  } catch (const CLI::CallForHelp&) {
    return print(options.help());
  } catch (const CLI::CallForVersion& about) {
    return print(about.what());
  } catch (const std::bad_alloc&) {
    return stop(options, "there is not enough memory");
  } catch (const std::exception& error) {
    return stop(options, error.what());
  }
}

void require_writable(const std::string& path, const std::vector<std::string>& read) {
  for (const std::string& other : read) {
    std::error_code none;
    unroll::require(!std::filesystem::equivalent(path, other, none), path, "it is read; choose another name to write");
  }
  struct Enough {};
  try {
    unroll::nn::write_atomically(path, [](std::ostream&) { throw Enough(); });
  } catch (const Enough&) {
  }
}

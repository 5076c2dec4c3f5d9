#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <unroll/autograd/error.hpp>
#include <unroll/nn/files/safetensors.hpp>
#include <vector>

namespace CLI {
class App;
}

namespace unroll::examples {

/// What the values of an option must be: what is wrong with a text, nothing if it is accepted, which may then be put
/// into its usual form; and how --help says it.
struct Accepted {
  std::function<std::string(std::string&)> wrong = {};
  std::string description = {};
};

/// Numbers above 0, whole ones from 0 on, and seeds.
extern const Accepted positive, natural, seed_number;
/// The numbers from one to another.
Accepted between(double least, double most);
/// Some words, in capitals or not.
Accepted one_of(const std::vector<std::string>& words);

/// The options of a program, and the frame that it runs in. One file includes CLI11, which takes long to compile.
class CommandLine {
 public:
  CommandLine(const std::string& program, const std::string& description);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;

  /// The group of the options that follow, in --help and for values().
  void group(const std::string& name) { group_ = name; }
  /// Adds an option, whose default is the value that there is; --help shows it if it is accepted. That of a bool is a
  /// flag, which needs no value.
  template <class T>
  void add(const std::string& name, T& value, const std::string& what, const Accepted& accepted = {});
  /// Adds an option for a file.
  void add_file(const std::string& name, std::string& path, const std::string& what);
  void remove(const std::string& name);
  void move(const std::string& name, const std::string& group);
  void exclude(const std::string& name, const std::string& other);
  void need(const std::string& name, const std::string& other);

  const std::string& program() const { return program_; }
  bool given(const std::string& name) const;
  void set_default(const std::string& name, const std::string& value);
  /// The options of a group by their names without --, as they are now.
  nn::Metadata values(const std::string& group) const;

  /// Takes the options from their texts. An Error for a file to write that another option names as well.
  void parse(std::vector<std::string> texts);
  /// Parses the options and runs the program; returns its exit code. Whatever is wrong with the options, or thrown by
  /// the program, ends as one line on standard error and exit code 2. After an Interrupt it is 130, as in a shell.
  int run(int argc, char** argv, const std::function<void()>& program);

 private:
  std::string program_, group_;
  std::unique_ptr<CLI::App> app_;
};

/// While it lives, the first Ctrl-C only asks for the end; the second one does not wait for it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  /// Whether it was pressed while the last one lived.
  static bool pressed();
};

/// Throws an Error if a file cannot be written there; changes nothing.
void require_writable(const std::string& path);

/// Throws an Error if a value occurs twice.
template <class T> void require_distinct(const std::string& option, std::vector<T> values) {
  std::ranges::sort(values);
  const auto twice = std::ranges::adjacent_find(values);
  require(twice == values.end(), option, *twice, " is given twice; each must be another one");
}

}  // namespace unroll::examples

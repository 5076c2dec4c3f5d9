#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <optional>
#include <set>
#include <streambuf>
#include <thread>
#include <unroll/autograd/tools/about.hpp>
#include <unroll/nn/files/atomic_file.hpp>

#include "ranks.hpp"
#include "text.hpp"

namespace unroll::examples {

namespace {

// Sizes up to this one have products that can be counted.
constexpr double most_of_all = 1e7;

/// The shortest text that is this number.
std::string text_of(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::optional<std::uint64_t> whole(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// Accepts a text if `holds` does of it.
template <class Holds>
Accepted accepted(const std::string& description, const std::string& demand, const Holds& holds) {
  return {[=](std::string& text) { return holds(text) ? std::string() : "'" + text + "'; it must be " + demand; },
          description};
}

// What is written may not be what is read or written by another option; but a training may go on in its own checkpoint.
void refuse_same_files(const CLI::App& app) {
  namespace fs = std::filesystem;
  static const std::set<std::string> written{"--save",       "--log",    "--plot",        "--picture",
                                             "--checkpoint", "--output", "--save-vectors"};
  std::vector<std::pair<std::string, fs::path>> files;  // by option
  for (const CLI::Option* option : app.get_options())
    if (option->get_type_name() == "FILE" && option->count() > 0)
      files.emplace_back(option->get_name(), fs::weakly_canonical(fs::absolute(option->results()[0])));
  for (const auto& [name, path] : files)
    for (const auto& [other, theirs] : files) {
      const bool same = path == theirs || (fs::is_directory(theirs) && path.parent_path() == theirs);
      const bool goes_on = name == "--checkpoint" && other == "--resume";
      require(name == other || !same || !written.contains(name) || goes_on, name, app.get_option(name)->results()[0],
              " is a file of ", other, ", too; it must be another one");
    }
}

// How many letters must be changed, put in or taken out to make one word of another: Levenshtein (1966).
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// Throws an Error for the first of some words that are no options.
void refuse_unknown(const CLI::App& app, const std::vector<std::string>& words) {
  const std::string &word = words.at(0), name = word.substr(0, word.find('='));
  require(name.starts_with("-"), name, "it is no option; those begin with --");
  std::string nearest;
  for (const CLI::Option* option : app.get_options())
    if (const std::string& other = option->get_name();
        nearest.empty() || distance(name, other) < distance(name, nearest))
      nearest = other;
  fail(name, "there is no such option; did you mean ", nearest, "? --help lists all");
}

// While it lives, standard output and standard error say nothing.
class Silence {
 public:
  Silence() {
    std::cout.rdbuf(&nowhere_);
    std::cerr.rdbuf(&nowhere_);
  }
  Silence(const Silence&) = delete;
  ~Silence() {
    std::cout.rdbuf(output_);
    std::cerr.rdbuf(error_);
  }

 private:
  struct Nowhere : std::streambuf {
    int_type overflow(int_type letter) override { return traits_type::not_eof(letter); }
  } nowhere_;
  std::streambuf *const output_ = std::cout.rdbuf(), *const error_ = std::cerr.rdbuf();
};

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not wait");

void interrupt(int) {
  interrupted = true;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

const Accepted positive =
    accepted("POSITIVE", "a number above 0, at most " + text_of(most_of_all), [](const std::string& text) {
      double number = 0;
      return CLI::detail::lexical_cast(text, number) && 0 < number && number <= most_of_all;
    });

const Accepted natural = accepted("", "a whole number from 0 to " + text_of(most_of_all), [](const std::string& text) {
  const std::optional<std::uint64_t> number = whole(text);
  return number && double(*number) <= most_of_all;
});

const Accepted seed_number = accepted("", "a whole number from 0 to 18446744073709551615",
                                      [](const std::string& text) { return whole(text).has_value(); });

Accepted between(double least, double most) {
  const std::string range = text_of(least) + " to " + text_of(most);
  return accepted(range, "a number from " + range, [=](const std::string& text) {
    double number = 0;
    return CLI::detail::lexical_cast(text, number) && least <= number && number <= most;
  });
}

Accepted one_of(const std::vector<std::string>& words) {
  std::string list;
  for (std::size_t k = 0; k < words.size(); ++k)
    list += (k == 0 ? "" : k + 1 < words.size() ? ", " : " or ") + words[k];
  return {[=](std::string& text) {
            for (const std::string& word : words)
              if (CLI::detail::to_lower(word) == CLI::detail::to_lower(text)) return text = word, std::string();
            return "'" + text + "'; it must be " + list;
          },
          list};
}

CommandLine::CommandLine(const std::string& program, const std::string& description)
    : program_(program), app_(std::make_unique<CLI::App>(description, program)) {}

CommandLine::~CommandLine() = default;

template <class T>
void CommandLine::add(const std::string& name, T& value, const std::string& what, const Accepted& accepted) {
  CLI::Option* option;
  if constexpr (std::is_same_v<T, bool>)
    option = app_->add_flag(name, value, what);
  else
    option = app_->add_option(name, value, what);
  if (!group_.empty()) option->group(group_);
  if constexpr (std::is_same_v<T, bool>)
    option->default_function([&value] { return value ? "true" : "false"; });
  else if constexpr (std::is_floating_point_v<T>)
    option->default_function([&value] { return text_of(value); });
  option->capture_default_str();
  if (std::is_same_v<T, bool>) option->default_str("");  // a flag says enough in --help
  if (!accepted.wrong) return;
  option->transform(CLI::Validator(accepted.wrong, accepted.description));
  std::string value_now = option->get_default_str();
  if (std::is_arithmetic_v<T> && !accepted.wrong(value_now).empty()) option->default_str("");
}

template void CommandLine::add(const std::string&, bool&, const std::string&, const Accepted&);
template void CommandLine::add(const std::string&, double&, const std::string&, const Accepted&);
template void CommandLine::add(const std::string&, std::size_t&, const std::string&, const Accepted&);
template void CommandLine::add(const std::string&, std::string&, const std::string&, const Accepted&);
template void CommandLine::add(const std::string&, std::vector<std::string>&, const std::string&, const Accepted&);
template void CommandLine::add(const std::string&, std::vector<std::size_t>&, const std::string&, const Accepted&);
template void CommandLine::add(const std::string&, std::vector<double>&, const std::string&, const Accepted&);

void CommandLine::add_file(const std::string& name, std::string& path, const std::string& what) {
  add(name, path, what);
  app_->get_option(name)->type_name("FILE")->check(
      [](const std::string& given) { return std::string(given.empty() ? "the name is empty" : ""); });
}

void CommandLine::remove(const std::string& name) { app_->remove_option(app_->get_option(name)); }
void CommandLine::move(const std::string& name, const std::string& group) { app_->get_option(name)->group(group); }
void CommandLine::exclude(const std::string& name, const std::string& other) {
  app_->get_option(name)->excludes(app_->get_option(other));
}
void CommandLine::need(const std::string& name, const std::string& other) {
  app_->get_option(name)->needs(app_->get_option(other));
}

bool CommandLine::given(const std::string& name) const { return app_->count(name) > 0; }
void CommandLine::set_default(const std::string& name, const std::string& value) {
  app_->get_option(name)->default_val(value);
}

nn::Metadata CommandLine::values(const std::string& group) const {
  nn::Metadata result;
  for (CLI::Option* const option : app_->get_options([&](CLI::Option* one) { return one->get_group() == group; }))
    result[option->get_name().substr(2)] = option->capture_default_str()->get_default_str();
  return result;
}

void CommandLine::parse(std::vector<std::string> texts) {
  app_->set_version_flag(
      "--version", [] { return about().substr(0, about().find(',')) + '\n'; }, "Print the version");
  app_->add_flag_callback(
      "--about", [] { throw CLI::CallForVersion(about(), 0); }, "Print what the program was made of and runs on");
  std::ranges::reverse(texts);  // as CLI11 takes them
  try {
    app_->parse(std::move(texts));
  } catch (const CLI::ExtrasError&) {
    refuse_unknown(*app_, app_->remaining());
  }
  refuse_same_files(*app_);
}

int CommandLine::run(int argc, char** argv, const std::function<void()>& program) {
  // What may not be written, since a file would be too large, is an error as any other.
  std::signal(SIGXFSZ, SIG_IGN);
  nn::Ranks* all = nullptr;
  std::optional<Silence> silence;  // one rank speaks for all
  const auto stop = [&](std::string what) {
    // What is wrong with all ranks the first one says, and ends the others.
    if (silence) std::this_thread::sleep_for(std::chrono::seconds(1));
    silence.reset();
    std::ranges::replace(what, '\n', ' ');
    std::cout.flush();
    std::cerr << program_ << ": " << (all && all->count() > 1 ? formatted("rank %zu: ", all->rank()) : "") << what
              << std::endl;
    if (all) all->abort();
    return 2;
  };
  const auto print = [&](const std::string& text) {
    std::cout << text << std::flush;
    return std::cout ? 0 : stop("standard output: cannot be written");
  };
  try {
    all = &ranks();
    if (all->rank() > 0) silence.emplace();
    parse({argv + 1, argv + argc});
    program();
    require(bool(std::cout.flush()), "standard output", "cannot be written");
    return Interrupt::pressed() ? 130 : 0;
  } catch (const CLI::CallForHelp&) {
    return print(app_->help());
  } catch (const CLI::CallForVersion& about) {
    return print(about.what());
  } catch (const std::bad_alloc&) {
    return stop("there is not enough memory");
  } catch (const std::exception& error) {
    return stop(error.what());
  }
}

Interrupt::Interrupt() {
  interrupted = false;
  std::signal(SIGINT, interrupt);
}

Interrupt::~Interrupt() { std::signal(SIGINT, SIG_DFL); }

bool Interrupt::pressed() { return interrupted; }

void require_writable(const std::string& path) {
  if (ranks().rank() > 0) return;  // it writes none
  struct Enough {};
  try {
    nn::write_atomically(path, [](std::ostream&) { throw Enough(); });
  } catch (const Enough&) {
  }
}

}  // namespace unroll::examples

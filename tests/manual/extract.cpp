// extract PAGE OUTPUT: makes test cases of what a page of the manual shows, one for each block. autograd/source.md says
// which blocks there are.
#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::string_view quotation = "<!-- as in ";

struct Block {
  std::size_t line = 0;  // of its first line of code
  std::string code, source;
  std::size_t shown_line = 0;  // of what it prints, 0 if it prints nothing
  std::string shown;
};

struct Page {
  std::string name;
  std::vector<Block> blocks;
  std::vector<std::pair<std::size_t, std::string>> commands;  // indented lines
};

[[noreturn]] void refuse(const Page& page, std::size_t line, const std::string& what) {
  throw std::runtime_error(page.name + ':' + std::to_string(line) + ": " + what);
}

/// The lines up to the end of a fence, after which `number` is that of its last.
std::string fenced(std::istream& in, const Page& page, std::size_t& number) {
  const std::size_t begin = number;
  std::string text, line;
  while (std::getline(in, line)) {
    ++number;
    if (line == "```") return text;
    text += line + '\n';
  }
  refuse(page, begin, "a block without an end");
}

void add_output(Page& page, std::size_t line, const std::string& shown) {
  if (page.blocks.empty() || page.blocks.back().shown_line || !page.blocks.back().source.empty())
    refuse(page, line, "an output of no block; it must follow the block of cpp that prints it");
  page.blocks.back().shown_line = line;
  page.blocks.back().shown = shown;
}

Page read(const std::string& name) {
  Page page{name, {}, {}};
  std::ifstream in(name);
  if (!in) refuse(page, 0, "cannot be opened");
  std::string line, before;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::size_t first = number + 1;
    if (line == "```cpp") {
      Block block{first, fenced(in, page, number), {}, 0, {}};
      if (before.starts_with(quotation))
        block.source = before.substr(quotation.size(), before.find(" -->") - quotation.size());
      page.blocks.push_back(block);
    } else if (line == "```text") {
      add_output(page, first, fenced(in, page, number));
    } else if (line.find("```") != std::string::npos || line.starts_with("~~~")) {
      refuse(page, number, "a block '" + line + "'; only cpp and text are checked");
    } else if (line.starts_with("    ") && line.find_first_not_of(' ') == 4) {
      const std::size_t begin = line.starts_with("    mpirun -n ") ? line.find(' ', 14) + 1 : 4;  // what it starts
      page.commands.emplace_back(number, line.substr(begin, line.find(' ', begin) - begin));
    }
    before = line;
  }
  return page;
}

bool starts_any(std::string_view line, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return line.starts_with(word); });
}

/// Whether the first line of code defines something that other blocks can use.
bool defines(const std::string& code) {
  std::istringstream in(code);
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && !starts_any(line, {"#", "//", "using "}))
      return starts_any(line, {"template", "struct ", "inline "});
  return false;
}

std::string literal(const std::string& text) { return "R\"text(" + text + ")text\""; }

/// Where the compiler and doctest say that something is.
std::string at(const Page& page, std::size_t line) { return '"' + page.name + "\", " + std::to_string(line); }

void write_block(std::ostream& out, const Page& page, const Block& block) {
  const std::string test = "TEST_CASE(\"" + page.name + ':' + std::to_string(block.line) + "\") { ";
  if (!block.source.empty()) {
    out << test << "quoted(" << at(page, block.line) << ", \"" << block.source << "\", " << literal(block.code)
        << "); }\n";
    return;
  }
  const std::string run = "run_" + std::to_string(block.line), header = "void " + run + "() {";
  std::string code = block.code;
  const std::size_t main = code.find("int main() {");
  const bool whole = main != std::string::npos, definition = !whole && defines(code);
  if (whole) code.replace(main, 12, header);
  out << (whole || definition ? "" : header) << "\n#line " << block.line << " \"" << page.name << "\"\n"
      << code << (whole || definition ? "" : "}\n");
  if (definition && block.shown_line) refuse(page, block.shown_line, "an output of definitions, which print nothing");
  if (definition) return;
  out << test << "printed(" << at(page, block.shown_line ? block.shown_line : block.line) << ", " << run << ", "
      << literal(block.shown) << "); }\n";
}

void write(std::ostream& out, Page page) {
  std::string name = page.name;
  std::ranges::replace_if(
      name, [](char letter) { return letter == '/' || letter == '.'; }, '_');
  for (Block& block : page.blocks) {  // what is included stands before the namespace; its line stays, empty
    std::istringstream in(std::exchange(block.code, {}));
    for (std::string line; std::getline(in, line); block.code += line + '\n')
      if (block.source.empty() && line.starts_with("#include")) out << std::exchange(line, {}) << '\n';
  }
  out << "#include \"manual.hpp\"\nnamespace page_" << name << " {\nusing namespace unroll;\nusing namespace manual;\n";
  for (const Block& block : page.blocks) write_block(out, page, block);
  for (const auto& [line, command] : page.commands)
    out << "TEST_CASE(\"" << page.name << ':' << line << "\") { exists(" << at(page, line) << ", \"" << command
        << "\"); }\n";
  out << "}\n";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("extract PAGE OUTPUT");
  std::ofstream out(argv[2]);
  write(out, read(argv[1]));
  if (!out.flush()) throw std::runtime_error(std::string(argv[2]) + ": cannot be written");
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}

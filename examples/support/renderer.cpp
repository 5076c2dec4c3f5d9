#include "renderer.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unroll/autograd/error.hpp>

using unroll::require;

bool has_program(const std::string& name) { return std::system(("command -v " + name + " >/dev/null").c_str()) == 0; }

void render(const std::string& command, const std::string& input, std::ostream& out) {
  const std::string program = command.substr(0, command.find(' '));
  // A file, not a pipe: a program that ends early must not end this one.
  const std::unique_ptr<FILE, int (*)(FILE*)> text(std::tmpfile(), std::fclose);
  require(text && std::fputs(input.c_str(), text.get()) >= 0 && std::fflush(text.get()) == 0, "temporary file",
          "it cannot be written");
  FILE* const output = popen((command + " /dev/fd/" + std::to_string(fileno(text.get()))).c_str(), "r");
  require(output, program, "it cannot be started");
  char buffer[4096];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, output))
    out.write(buffer, static_cast<std::streamsize>(size));
  require(pclose(output) == 0, program, "it could not draw the picture");
}

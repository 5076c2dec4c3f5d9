#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

/// Parses the options and runs the program; returns its exit code. Whatever is wrong with the options, or thrown by the
/// program, ends as one line on standard error and exit code 2. After an Interrupt it is 130, as in a shell.
int run_program(CLI::App& options, int argc, char** argv, const std::function<void()>& program);

/// Throws an Error if a file cannot be written there, or is one of those that are read; changes nothing.
void require_writable(const std::string& path, const std::vector<std::string>& read);

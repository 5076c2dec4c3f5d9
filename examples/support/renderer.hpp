#pragma once

#include <ostream>
#include <string>

/// Whether there is a program of this name.
bool has_program(const std::string& name);

/// Runs a command, a program and its options, that reads a file named last, and writes what it prints to `out`. An
/// Error if it fails.
void render(const std::string& command, const std::string& input, std::ostream& out);

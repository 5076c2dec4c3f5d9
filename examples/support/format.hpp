#pragma once

#include <string>

/// The text that printf prints.
[[gnu::format(printf, 1, 2)]] std::string formatted(const char* format, ...);

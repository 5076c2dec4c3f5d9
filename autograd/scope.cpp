#include "scope.hpp"

#include <exception>

#include "error.hpp"

namespace unroll {

std::string Path::text(bool numbers) const {
  const std::string own = numbers && number >= 0 ? name + " " + std::to_string(number) : name;
  return outer ? outer->text(numbers) + "/" + own : own;
}

Scope::Scope(std::string name, std::int64_t number)
    : name_(std::move(name)), number_(number), exceptions_(std::uncaught_exceptions()) {}

Scope::~Scope() {
  if (std::uncaught_exceptions() == exceptions_) return;
  floats_.roll_back();
  doubles_.roll_back();
}

namespace {
thread_local const auto outermost = std::make_shared<decltype(Path::inner)>();
}

std::shared_ptr<const void> Scope::paths() { return outermost; }

const Path* Scope::interned() {
  if (path_) return path_;
  const Path* const outer = place_.outer() ? place_.outer()->interned() : nullptr;
  std::unique_ptr<Path>& path = (outer ? outer->inner : *outermost)[{number_, name_}];
  if (!path) path.reset(new Path{outer, name_, number_});
  return path_ = path.get();
}

const Path* Scope::here() {
  Scope* const innermost = Innermost<Scope>::object();
  return innermost ? innermost->interned() : nullptr;
}

std::string Scope::path() {
  const Path* const innermost = here();
  return innermost ? innermost->text() : "";
}

void throw_error(std::string_view where, const std::string& what) {
  std::string path = Scope::path();
  // The innermost scope is often that of the operation itself.
  if (const std::size_t last = path.rfind('/') + 1; std::string_view(path).substr(last) == where)
    path.resize(last > 0 ? last - 1 : 0);
  throw Error(std::string(where) + ": " + what + (path.empty() ? "" : " (in " + path + ")"));
}

}  // namespace unroll

#include "scope.hpp"

#include <exception>

#include "tape.hpp"

namespace unroll {

namespace {
thread_local Scope* innermost_scope = nullptr;
}

std::string Path::text(bool numbers) const {
  const std::string own = numbers && number >= 0 ? name + " " + std::to_string(number) : name;
  return outer ? outer->text(numbers) + "/" + own : own;
}

Scope::Scope(std::string name, std::int64_t number)
    : name_(std::move(name)),
      number_(number),
      outer_(std::exchange(innermost_scope, this)),
      exceptions_(std::uncaught_exceptions()),
      floats_(Tape<float>::innermost()),
      doubles_(Tape<double>::innermost()),
      float_size_(floats_ ? floats_->size() : 0),
      double_size_(doubles_ ? doubles_->size() : 0) {}

Scope::~Scope() {
  innermost_scope = outer_;
  if (std::uncaught_exceptions() == exceptions_) return;
  if (floats_) floats_->roll_back(float_size_);
  if (doubles_) doubles_->roll_back(double_size_);
}

void Scope::forget(const void* tape) {
  for (Scope* scope = innermost_scope; scope; scope = scope->outer_) {
    if (scope->floats_ == tape) scope->floats_ = nullptr;
    if (scope->doubles_ == tape) scope->doubles_ = nullptr;
  }
}

const Path* Scope::interned() {
  thread_local decltype(Path::inner) outermost;
  if (path_) return path_;
  const Path* const outer = outer_ ? outer_->interned() : nullptr;
  std::unique_ptr<Path>& path = (outer ? outer->inner : outermost)[{number_, name_}];
  if (!path) path.reset(new Path{outer, name_, number_});
  return path_ = path.get();
}

const Path* Scope::here() { return innermost_scope ? innermost_scope->interned() : nullptr; }

std::string Scope::path() { return innermost_scope ? here()->text() : ""; }

void throw_error(std::string_view where, const std::string& what) {
  std::string path = Scope::path();
  // The innermost scope is often that of the operation itself.
  if (const std::size_t last = path.rfind('/') + 1; std::string_view(path).substr(last) == where)
    path.resize(last > 0 ? last - 1 : 0);
  throw Error(std::string(where) + ": " + what + (path.empty() ? "" : " (in " + path + ")"));
}

}  // namespace unroll

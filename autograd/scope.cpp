#include "scope.hpp"

#include <exception>

#include "tape.hpp"

namespace unroll {

namespace {
thread_local Scope* innermost_scope = nullptr;
}

Scope::Scope(std::string name)
    : name_(std::move(name)),
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

std::string Scope::path() {
  std::string path;
  for (const Scope* scope = innermost_scope; scope; scope = scope->outer_)
    path = path.empty() ? scope->name_ : scope->name_ + "/" + path;
  return path;
}

void throw_error(std::string_view where, const std::string& what) {
  std::string path = Scope::path();
  // The innermost scope is often that of the operation itself.
  if (const std::size_t last = path.rfind('/') + 1; std::string_view(path).substr(last) == where)
    path.resize(last > 0 ? last - 1 : 0);
  throw Error(std::string(where) + ": " + what + (path.empty() ? "" : " (in " + path + ")"));
}

}  // namespace unroll

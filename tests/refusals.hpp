// Tables of refusals: calls, and all that their Errors say. After each, nothing has changed.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

namespace unroll {

inline V of(const Shape& shape) { return numbers(shape); }

/// What is refused; unlike a std::function, it costs a compiler of hundreds of them next to nothing.
class Call {
 public:
  template <class F> Call(const F& f) : f_(&f), call_([](const void* f) { (*static_cast<const F*>(f))(); }) {}
  void operator()() const { call_(f_); }

 private:
  const void* f_;
  void (*call_)(const void*);
};

/// Makes refusals happen, and holds what is said and what can be seen of everything else against what it must be.
class Refusals {
 public:
  /// All that a refused call might have changed, as numbers.
  using State = std::function<std::vector<double>()>;
  explicit Refusals(State state) : state_(std::move(state)) {}

  void operator()(const std::string& text, const Call& call);
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  State state_;
  std::vector<std::string> texts_;
};

/// That a table has what the sources in these files say in quotes of a demand ("...; it must be ..."). Gives how many.
std::size_t check_quoted(const std::vector<std::filesystem::path>& files, const std::vector<std::string>& texts);

/// The numbers in the option structs of a folder's headers, "AdamOptions.beta1", that these tables of refusals do not
/// give in a call of what they are options of, "Adam<...>(... .beta1 = ...)". `names` tells what that is, where it is
/// not the name of the struct; a name of "" stands for a number that may be any.
std::vector<std::string> numbers_without_a_row(const std::string& folder, const std::vector<std::string>& tables,
                                               const std::vector<std::pair<std::string, std::string>>& names);

}  // namespace unroll

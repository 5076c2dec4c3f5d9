#pragma once

#include <unordered_map>

#include "../observer.hpp"

namespace UNROLL_PUBLIC unroll {

/// x itself, under this name in traces and drawings. `name` is a literal, or lives as long as the tape.
template <class T> Variable<T> named(const char* name, const Variable<T>& x);

/// Keeps what this thread records while it lives: every value and, after a backward sweep, its gradient.
template <class T> class Trace final : public Observer<T> {
 public:
  /// An operation.
  struct Entry {
    std::string path;       ///< of scopes: "recurrent/l0/step 7"
    std::string operation;  ///< "sigmoid"
    std::string name;       ///< what `named` called it, or empty
    Variable<T> value;      ///< its result
    Variable<T> gradient;   ///< empty before a sweep has reached it
  };

  /// In the order of recording.
  const std::vector<Entry>& entries() const { return entries_; }
  /// What was recorded in a scope, and in those within it, under a name: find("recurrent/l0/step 7", "i"); without a
  /// name, all of it.
  std::vector<Entry> find(const std::string& path, const std::string& name = {}) const;

 private:
  void recorded(const Node<T>& node, const Variable<T>& result) override;
  void labelled(const Node<T>& node) override;
  void sweeping(const Node<T>& node, const Variable<T>& gradient) override;

  std::vector<Entry> entries_;
  std::unordered_map<const Node<T>*, std::size_t> places_;
};

}  // namespace unroll

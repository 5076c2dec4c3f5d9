#pragma once

#include <chrono>
#include <map>

#include "../observer.hpp"

namespace UNROLL_PUBLIC unroll {

/// Measures what this thread records and sweeps while it lives, by scope path and operation, and prints it as a table.
/// An operation's time runs from the end of the one before, or from where its tape began: what a program does between
/// a sweep and the next tape, as saving a file, is no operation's.
template <class T> class Profile final : public Observer<T> {
 public:
  /// What the calls of an operation in a scope took together.
  struct Entry {
    std::size_t calls = 0;     ///< recorded
    std::size_t bytes = 0;     ///< of results, shared memory included
    double seconds = 0;        ///< until they were recorded
    double sweep_seconds = 0;  ///< of backward sweeps
  };
  using Key = std::pair<std::string, std::string>;  ///< scope path without numbers, operation

  /// In the order of their keys.
  const std::map<Key, Entry>& entries() const { return entries_; }

 private:
  using Clock = std::chrono::steady_clock;

  void begun() override { last_ = Clock::now(); }
  void recorded(const Node<T>& node, const Variable<T>& result) override;
  void sweeping(const Node<T>& node, const Variable<T>& gradient) override;
  void pulled(const Node<T>& node, std::size_t operand, Adjoint<T>& into) override;
  Entry& entry_of(const Node<T>& node);
  double lap();

  std::map<Key, Entry> entries_;
  Clock::time_point last_ = Clock::now();
};

/// The entries, the slowest first, and their sum.
template <class T> std::ostream& operator<<(std::ostream& out, const Profile<T>& profile);

}  // namespace unroll

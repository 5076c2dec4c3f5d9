#include "profile.hpp"

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <vector>

namespace unroll {

template <class T> double Profile<T>::lap() {
  const auto now = Clock::now();
  return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
}

template <class T> auto Profile<T>::entry_of(const Node<T>& node) -> Entry& {
  return entries_[{node.path ? node.path->text(false) : "", node.name}];
}

template <class T> void Profile<T>::recorded(const Node<T>& node, const Variable<T>& result) {
  Entry& entry = entry_of(node);
  ++entry.calls;
  entry.bytes += result.size() * sizeof(T);
  entry.seconds += lap();
}

template <class T> void Profile<T>::sweeping(const Node<T>&, const Variable<T>&) { last_ = Clock::now(); }

template <class T> void Profile<T>::pulled(const Node<T>& node, std::size_t, Adjoint<T>&) {
  entry_of(node).sweep_seconds += lap();
}

template <class T> std::ostream& operator<<(std::ostream& out, const Profile<T>& profile) {
  using Entry = typename Profile<T>::Entry;
  std::vector<std::pair<typename Profile<T>::Key, Entry>> rows(profile.entries().begin(), profile.entries().end());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.second.seconds + a.second.sweep_seconds > b.second.seconds + b.second.sweep_seconds;
  });
  std::size_t widest = 5;
  Entry total;
  for (const auto& [key, entry] : rows) {
    widest = std::max(widest, key.first.size());
    total.calls += entry.calls;
    total.bytes += entry.bytes;
    total.seconds += entry.seconds;
    total.sweep_seconds += entry.sweep_seconds;
  }
  const auto width = static_cast<int>(widest);
  std::ostringstream text;
  const auto row = [&](const std::string& scope, const std::string& operation, const Entry& entry) {
    text << std::left << std::setw(width) << scope << "  " << std::setw(16) << operation << std::right << std::setw(9)
         << entry.calls << std::fixed << std::setprecision(3) << std::setw(12) << entry.seconds * 1e3 << std::setw(12)
         << entry.sweep_seconds * 1e3 << std::setprecision(2) << std::setw(10) << double(entry.bytes) / 0x1p20 << "\n";
  };
  text << std::left << std::setw(width) << "scope"
       << "  operation            calls  forward ms    sweep ms       MiB\n";
  for (const auto& [key, entry] : rows) row(key.first, key.second, entry);
  row("total", "", total);
  return out << text.str();
}

template class Profile<float>;
template class Profile<double>;
template std::ostream& operator<<(std::ostream&, const Profile<float>&);
template std::ostream& operator<<(std::ostream&, const Profile<double>&);

}  // namespace unroll

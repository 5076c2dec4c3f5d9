#include "trace.hpp"

#include "../tape.hpp"

namespace unroll {

template <class T> Variable<T> named(const char* name, const Variable<T>& x) {
  Tape<T>* const tape = Tape<T>::innermost();
  const std::uint32_t index = tape ? tape->index_of(x) : Node<T>::constant;
  if (index == Node<T>::constant) return x;
  Node<T>& node = tape->node(index);
  node.label = name;
  Observer<T>::tell([&](auto& observer) { observer.labelled(node); });
  return x;
}

template <class T> void Trace<T>::recorded(const Node<T>& node, const Variable<T>& result) {
  places_[&node] = entries_.size();
  entries_.push_back({node.path ? node.path->text() : "", node.name, "", result, {}});
}

template <class T> void Trace<T>::labelled(const Node<T>& node) {
  if (const auto found = places_.find(&node); found != places_.end()) entries_[found->second].name = node.label;
}

template <class T> void Trace<T>::sweeping(const Node<T>& node, const Variable<T>& gradient) {
  if (const auto found = places_.find(&node); found != places_.end())
    entries_[found->second].gradient = copy_of(gradient);
}

template <class T> auto Trace<T>::find(const std::string& path, const std::string& name) const -> std::vector<Entry> {
  std::vector<Entry> found;
  for (const Entry& entry : entries_) {
    const bool within = path.empty() || entry.path == path || entry.path.starts_with(path + "/");
    if (within && (name.empty() || entry.name == name)) found.push_back(entry);
  }
  return found;
}

template Variable<float> named(const char*, const Variable<float>&);
template Variable<double> named(const char*, const Variable<double>&);
template class Trace<float>;
template class Trace<double>;

}  // namespace unroll

#include "drawing.hpp"

#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "tape.hpp"

namespace unroll {

namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

template <class T>
bool is_parameter(const Node<T>& node) {
  const auto* const leaf = dynamic_cast<const Leaf<T>*>(&node);
  return leaf && leaf->handle.tensor().identity;
}

template <class T>
std::string drawn(const Node<T>& node) {
  std::ostringstream text;
  text << "[label=";
  if (is_parameter(node))
    text << quoted(static_cast<const Leaf<T>&>(node).handle.tensor().identity->name)
         << ", shape=box, style=filled, fillcolor=\"#dbe9f6\"";
  else if (node.operands().empty())
    text << quoted(node.label ? node.label : "input") << ", shape=box, style=filled, fillcolor=\"#dff0d8\"";
  else
    text << quoted(node.label ? node.label : node.name);
  text << ", tooltip=\"" << node.name << " " << node.shape << "\"]";
  return text.str();
}

// The nodes of each scope, and the scopes within it.
struct Cluster {
  std::vector<std::uint32_t> nodes;
  std::vector<const Path*> inner;
};

}  // namespace

template <class T>
std::string to_dot(const Tape<T>& tape) {
  require(!tape.spent(), "to_dot", "the tape is spent; draw it before the sweep");
  std::map<const Path*, Cluster> clusters;
  std::set<const Path*> known;
  for (std::uint32_t k = 0; k < tape.size(); ++k) {
    const Path* const path = is_parameter(tape.node(k)) ? nullptr : tape.node(k).path;
    clusters[path].nodes.push_back(k);
    for (const Path* inner = path; inner && known.insert(inner).second; inner = inner->outer)
      clusters[inner->outer].inner.push_back(inner);
  }
  std::ostringstream out;
  out << "digraph tape {\n  rankdir=LR;\n  node [shape=ellipse, fontname=\"Helvetica\", fontsize=10];\n"
      << "  graph [fontname=\"Helvetica\", fontsize=11, color=\"#888888\", style=rounded];\n";
  std::size_t count = 0;
  const auto draw = [&](const auto& self, const Path* path, const std::string& indent) -> void {
    for (const std::uint32_t k : clusters[path].nodes) out << indent << k << " " << drawn(tape.node(k)) << ";\n";
    for (const Path* inner : clusters[path].inner) {
      // A box around a single node would say what the node says.
      const bool boxed = clusters[inner].nodes.size() != 1 || !clusters[inner].inner.empty();
      const std::string name = inner->number < 0 ? inner->name : inner->name + " " + std::to_string(inner->number);
      if (boxed)
        out << indent << "subgraph cluster_" << count++ << " {\n" << indent << "  label=" << quoted(name) << ";\n";
      self(self, inner, boxed ? indent + "  " : indent);
      if (boxed) out << indent << "}\n";
    }
  };
  draw(draw, nullptr, "  ");
  for (std::uint32_t k = 0; k < tape.size(); ++k)
    for (const std::uint32_t operand : tape.node(k).operands())
      if (operand != Node<T>::constant) out << "  " << operand << " -> " << k << ";\n";
  out << "}\n";
  return out.str();
}

template std::string to_dot(const Tape<float>&);
template std::string to_dot(const Tape<double>&);

}  // namespace unroll

#include "drawing.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "../tape.hpp"

namespace unroll {

namespace {

template <class T> bool is_parameter(const Node<T>& node) { return node.leaf && node.leaf->handle.tensor().parameter; }

// How a book writes an operation.
std::string symbol(const std::string& operation) {
  static const std::map<std::string, std::string> symbols = {
      {"add", "+"}, {"subtract", "−"}, {"multiply", "⊙"}, {"divide", "÷"}, {"sigmoid", "σ"}};
  const auto found = symbols.find(operation);
  return found == symbols.end() ? operation : found->second;
}

// A part of another value is only a fork of its arrow.
template <class T> bool is_fork(const Node<T>& node) { return node.adjoint.joined() && !node.label; }

template <class T> std::string drawn(const Node<T>& node) {
  std::ostringstream text;
  text << "[label=";
  if (is_parameter(node))
    text << std::quoted(node.leaf->handle.tensor().parameter->name)
         << ", shape=box, style=filled, fillcolor=\"#dbe9f6\", color=\"#3b6ea5\"";
  else if (node.operands().empty())
    text << std::quoted(node.label ? node.label : "input")
         << ", shape=box, style=filled, fillcolor=\"#dff0d8\", color=\"#5b9a4a\"";
  else if (is_fork(node))
    text << "\"\", shape=point, width=0.05, height=0.05, fillcolor=\"#555555\"";
  else
    text << std::quoted(node.label ? node.label : symbol(node.name)) << (node.label ? ", fillcolor=\"#fdf0e7\"" : "");
  text << ", tooltip=\"" << node.name << " " << node.shape << "\"]";
  return text.str();
}

// The nodes of each scope, and the scopes within it.
struct Cluster {
  std::vector<std::uint32_t> nodes;
  std::vector<const Path*> inner;
  const Path* before = nullptr;  // the scope beside it that was first used before
  std::uint32_t last = 0;        // node in it, or in a scope within
  std::size_t fold = 0;          // the node that stands for it and for the steps beside it, if that is not 0
};

// The step of time in which something was recorded, or null.
const Path* step_of(const Path* path) {
  while (path && path->number < 0) path = path->outer;
  return path;
}

// Whether b goes on with a state that a has from another step: c = f ⊙ c + ...
template <class T> bool continues_state(const Tape<T>& tape, std::uint32_t a, std::uint32_t b) {
  const Node<T>&from = tape.node(a), &to = tape.node(b);
  return to.label && std::ranges::any_of(from.operands(), [&](const auto& one) {
           if (one.index == Node<T>::constant) return false;
           const Node<T>& state = tape.node(one.index);
           return state.label && std::string(state.label) == to.label && step_of(state.path) != step_of(from.path);
         });
}

using Clusters = std::map<const Path*, Cluster>;

template <class T> Clusters clusters_of(const Tape<T>& tape) {
  Clusters clusters;
  std::set<const Path*> known;
  for (std::uint32_t k = 0; k < tape.size(); ++k) {
    const Path* const path = is_parameter(tape.node(k)) ? nullptr : tape.node(k).path;
    clusters[path].nodes.push_back(k);
    for (const Path* inner = path; inner; inner = inner->outer) {
      clusters[inner].last = k;
      if (!known.insert(inner).second) continue;
      auto& beside = clusters[inner->outer].inner;
      if (!beside.empty()) clusters[inner].before = beside.back();
      beside.push_back(inner);
    }
  }
  return clusters;
}

// Folds steps that are more than are to be drawn, but for the last one: a node for those of each scope.
void fold_steps(Clusters& clusters, const Path* path, std::size_t steps, std::size_t& next_node) {
  std::map<std::string, std::vector<const Path*>> by_name;
  for (const Path* inner : clusters[path].inner) {
    if (inner->number >= 0) by_name[inner->name].push_back(inner);
    fold_steps(clusters, inner, steps, next_node);
  }
  for (const auto& [name, all] : by_name) {
    if (all.size() <= steps) continue;
    const std::size_t fold = next_node++;
    for (std::size_t k = steps - 1; k + 1 < all.size(); ++k) clusters[all[k]].fold = fold;
  }
}

// The node that stands for each: itself, or that of the outermost steps that are folded around it, or, of the fork of a
// value, around all that it leads to.
template <class T> std::vector<std::size_t> shown_nodes(const Tape<T>& tape, const Clusters& clusters) {
  std::vector<std::size_t> shown(tape.size()), fold_of_uses(tape.size());
  for (auto k = static_cast<std::uint32_t>(tape.size()); k-- > 0;) {
    const Node<T>& node = tape.node(k);
    std::size_t fold = 0;
    for (const Path* path = is_parameter(node) ? nullptr : node.path; path; path = path->outer)
      if (const std::size_t outer = clusters.at(path).fold) fold = outer;
    if (!fold && is_fork(node)) fold = fold_of_uses[k];
    shown[k] = fold ? fold : k;
    for (const auto [operand, rule] : node.operands()) {
      if (operand == Node<T>::constant) continue;
      const std::size_t use = shown[k] == k ? operand : shown[k];
      std::size_t& of_uses = fold_of_uses[operand];
      of_uses = of_uses == 0 || of_uses == use ? use : operand;
    }
  }
  return shown;
}

// The nodes in a scope, and boxes of those within it, which are counted.
template <class T>
void draw_cluster(std::ostream& out, const Tape<T>& tape, Clusters& clusters, const std::vector<std::size_t>& shown,
                  const Path* path, const std::string& indent, std::size_t& boxes) {
  for (const std::uint32_t k : clusters[path].nodes)
    if (shown[k] == k) out << indent << k << " " << drawn(tape.node(k)) << ";\n";
  for (const Path* inner : clusters[path].inner) {
    if (const std::size_t fold = clusters[inner].fold) {
      out << indent << fold << " [label=\"⋯\", shape=plaintext, style=\"\", fontsize=20];\n";
      continue;
    }
    // A box around nodes of one operation, or around the one it is named after, would say what the nodes say.
    const auto& nodes = clusters[inner].nodes;
    const auto any = [&](const auto& holds) {
      return std::ranges::any_of(nodes, [&](std::uint32_t k) { return holds(tape.node(k).name); });
    };
    const bool boxed = !clusters[inner].inner.empty() ||
                       (any([&](const std::string& operation) { return operation != tape.node(nodes[0]).name; }) &&
                        !any([&](const std::string& operation) { return operation == inner->name; }));
    const std::string name = inner->number < 0 ? inner->name : inner->name + " " + std::to_string(inner->number);
    if (boxed)
      out << indent << "subgraph cluster_" << boxes++ << " {\n" << indent << "  label=" << std::quoted(name) << ";\n";
    draw_cluster(out, tape, clusters, shown, inner, boxed ? indent + "  " : indent, boxes);
    if (boxed) out << indent << "}\n";
  }
}

using Arrows = std::set<std::pair<std::size_t, std::size_t>>;

// Those along which a sweep from the last value takes a gradient.
template <class T> Arrows swept(const Tape<T>& tape, const std::vector<std::size_t>& shown) {
  Arrows arrows;
  std::vector<bool> reached(tape.size());
  if (!reached.empty()) reached.back() = true;
  for (auto k = static_cast<std::uint32_t>(tape.size()); k-- > 0;)
    for (const auto [operand, rule] : tape.node(k).operands()) {
      if (!reached[k] || operand == Node<T>::constant) continue;
      reached[operand] = true;
      arrows.emplace(shown[operand], shown[k]);
    }
  return arrows;
}

// The way of a gradient, which has no part in the layout.
void draw_back(std::ostream& out, std::size_t from, std::size_t to, const char* more = "") {
  out << "  " << from << " -> " << to << " [dir=back, style=dashed, color=\"#d2601f\", constraint=false" << more
      << "];\n";
}

// The line of a parameter goes on from use to use: arrows from it to every step would fill the page.
void draw_use(std::ostream& out, std::map<std::uint32_t, std::size_t>& ends, std::size_t& forks,
              std::uint32_t parameter, std::size_t use, bool back) {
  const char* const blue = "color=\"#8fb4da\"";
  const auto [line, is_first] = ends.try_emplace(parameter, parameter);
  if (!is_first) {
    out << "  " << forks << " [shape=point, width=0.04, fillcolor=\"#8fb4da\", " << blue << "];\n"
        << "  " << line->second << " -> " << forks << " [arrowhead=none, " << blue << "];\n";
    if (back) draw_back(out, line->second, forks, line->second == parameter ? "" : ", arrowtail=none");
    line->second = forks++;
  }
  out << "  " << line->second << " -> " << use << " [" << blue << "];\n";
  if (back) draw_back(out, line->second, use, is_first ? "" : ", arrowtail=none");
}

}  // namespace

template <class T> std::string to_dot(const Tape<T>& tape, const DrawingOptions& options) {
  require(!tape.spent(), "to_dot", "the tape is spent; draw it before the sweep");
  Clusters clusters = clusters_of(tape);
  std::ostringstream out;
  // The ranks are those of the whole graph, so that the boxes of steps stand side by side. States come into them on the
  // left, so their labels stand on the right.
  out << "digraph tape {\n  rankdir=LR; newrank=true; mclimit=3; ranksep=0.3; nodesep=0.18;\n"
      << "  graph [fontname=\"Helvetica\", fontsize=12, fontcolor=\"#666666\", labeljust=r, color=\"#00000030\", "
      << "style=\"rounded,filled\", fillcolor=\"#0000000a\"];\n"
      << "  node [fontname=\"Helvetica\", fontsize=12, width=0.42, height=0.42, margin=\"0.05,0.02\", "
      << "color=\"#777777\", style=filled, fillcolor=white];\n"
      << "  edge [arrowsize=0.6, color=\"#555555\"];\n";
  std::size_t boxes = 0, forks = tape.size();
  if (options.steps) fold_steps(clusters, nullptr, options.steps, forks);
  const std::vector<std::size_t> shown = shown_nodes(tape, clusters);
  std::map<std::uint32_t, std::size_t> ends;  // of the lines of parameters
  Arrows connected;
  draw_cluster(out, tape, clusters, shown, nullptr, "  ", boxes);
  const Arrows back = options.backward ? swept(tape, shown) : Arrows();
  for (std::uint32_t k = 0; k < tape.size(); ++k) {
    const Node<T>& node = tape.node(k);
    const Path* const step = is_parameter(node) ? nullptr : step_of(node.path);
    const std::size_t to = shown[k];
    bool begins = to == k;
    for (const auto [operand, rule] : node.operands()) {
      if (operand == Node<T>::constant) continue;
      const std::size_t source = shown[operand];
      const bool folded = to != k || source != operand;
      const bool known = folded && (source == to || !connected.emplace(source, to).second);
      if (is_parameter(tape.node(operand))) {
        if (!known) draw_use(out, ends, forks, operand, to, back.contains({source, to}));
        continue;
      }
      begins = false;
      if (known) continue;
      out << "  " << source << " -> " << to;
      const Path* const from = step_of(tape.node(operand).path);
      if (is_fork(node))
        out << " [arrowhead=none]";
      else if (step && ((from && from != step) || continues_state(tape, operand, k)))
        out << " [weight=8]";  // the state: as straight as can be
      out << ";\n";
      if (back.contains({source, to}))
        draw_back(out, source, to, is_fork(tape.node(operand)) ? ", arrowtail=none" : "");
    }
    // What a step does not have from another one stands behind that all the same: time runs from left to right.
    if (begins && step && clusters[step].before)
      out << "  " << shown[clusters[clusters[step].before].last] << " -> " << k << " [style=invis];\n";
  }
  out << "}\n";
  return out.str();
}

template std::string to_dot(const Tape<float>&, const DrawingOptions&);
template std::string to_dot(const Tape<double>&, const DrawingOptions&);

}  // namespace unroll

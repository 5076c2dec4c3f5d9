#include "tape.hpp"

#include <algorithm>
#include <cmath>
#include <exception>

#include "kernels.hpp"
#include "ops.hpp"
#include "parts.hpp"
#include "primitive.hpp"

namespace unroll {

namespace {

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

template <class T>
Tape<T>::Tape(Random* random) : random_(random), outer_(std::exchange(recording_, this)) {
  begin_serial();
}

template <class T>
void Tape<T>::begin_serial() {
  serials_.push_back({next_serial(), ~std::size_t(0)});
  current_ = serials_.back().serial;
}

template <class T>
Tape<T>::~Tape() {
  for (Tape** link = &recording_; *link; link = &(*link)->outer_) {
    if (*link != this) continue;
    *link = outer_;
    break;
  }
  Scope::forget(this);
  clear(0);
}

template <class T>
void Tape<T>::clear(std::size_t from) {
  for (std::size_t k = nodes_.size(); k-- > from;)
    if (nodes_[k]) nodes_[k]->~Node();
  nodes_.resize(from);
}

template <class T>
Variable<T> Tape<T>::watch(const Variable<T>& x) {
  return record<Leaf<T>>(detach(x).shared(), nullptr);
}

template <class T>
bool Tape<T>::owns(const Slot& slot) const {
  for (std::size_t k = serials_.size(); k-- > 0;)
    if (serials_[k].serial == slot.tape) return slot.index < serials_[k].limit;
  return false;
}

template <class T>
std::uint32_t Tape<T>::find(const Variable<T>& x) {
  if (spent_) return Node<T>::constant;
  const Identity* identity = x.tensor().identity.get();
  if (!identity && owns(x.slot())) return x.slot().index;
  if (!identity && !captures_) return Node<T>::constant;
  if (const auto found = parameters_.find(x.shared().get()); found != parameters_.end()) return found->second;
  if (identity ? identity->frozen : !outer_ || outer_->index_of(x) == Node<T>::constant) return Node<T>::constant;
  return capture(x);
}

template <class T>
std::uint32_t Tape<T>::capture(const Variable<T>& x) {
  captures_ |= !x.tensor().identity;
  const std::uint32_t index = record<Leaf<T>>(x.shared(), &x).slot().index;
  parameters_.emplace(x.shared().get(), index);
  return index;
}

template <class T>
void Tape<T>::roll_back(std::size_t size) {
  if (size >= nodes_.size()) return;
  clear(size);
  std::erase_if(parameters_, [&](const auto& entry) { return entry.second >= size; });
  for (Serial& serial : serials_) serial.limit = std::min(serial.limit, size);
  begin_serial();
}

template <class T>
std::uint32_t Tape<T>::recorded_index(const char* where, const char* what, const Variable<T>& y) const {
  require(!spent_, where, "this tape is spent; record again, or use gradient() for several derivatives");
  if (y.tensor().identity) {
    const auto found = parameters_.find(y.shared().get());
    require(found != parameters_.end(), where, "parameter '", y.tensor().identity->name,
            "' was not recorded on this tape; nothing that was computed on it depends on the parameter");
    return found->second;
  }
  require(owns(y.slot()), where, what, " was not recorded on this tape; make it with tape.watch() or use a Parameter");
  return y.slot().index;
}

// The values up to `last` that depend on one of the sources.
template <class T>
std::vector<bool> Tape<T>::dependent_on(const std::vector<std::uint32_t>& sources, std::uint32_t last) const {
  std::vector<bool> depends(last + 1);
  for (std::uint32_t source : sources)
    if (source <= last) depends[source] = true;
  for (std::uint32_t k = 0; k <= last; ++k)
    for (std::uint32_t operand : nodes_[k]->operands())
      if (operand != Node<T>::constant && depends[operand]) depends[k] = true;
  return depends;
}

template <class T>
void Tape<T>::refuse_stale_parameters(const char* where, std::uint32_t last) const {
  for (const auto& [tensor, index] : parameters_) {
    if (!tensor->identity || static_cast<const Leaf<T>*>(nodes_[index])->version == tensor->identity->version) continue;
    require(!dependent_on({index}, last)[last], where, "parameter '", tensor->identity->name,
            "' was assigned after this tape recorded it; step the optimizer after the sweep");
  }
}

template <class T>
Adjoint<T> Tape<T>::adjoint_of(std::uint32_t index) {
  Node<T>& node = *nodes_[index];
  const Part* const part = node.part();
  Node<T>& whole = part ? *nodes_[part->whole] : node;
  auto* const deferred = whole.operands().empty() ? &static_cast<Leaf<T>&>(whole).deferred : nullptr;
  return {whole.adjoint, node.shape, part, whole.shape, deferred};
}

template <class T>
Gradients<T> Tape<T>::backward(const Variable<T>& loss) {
  const std::uint32_t last = recorded_index("backward", "the loss", loss);
  require(loss.size() == 1, "backward", "the loss has shape ", loss.shape(),
          "; it must be a scalar - reduce it with sum() or mean()");
  refuse_stale_parameters("backward", last);
  spent_ = true;
  current_ = nowhere;
  const Recording paused(nullptr);
  adjoint_of(last) += ones<T>(loss.shape());
  // Recording order is a topological order, so one pass suffices. It frees what each node holds as it goes.
  Gradients<T> gradients;
  for (auto k = static_cast<std::uint32_t>(nodes_.size()); k-- > 0;) {
    Node<T>& node = *nodes_[k];
    const auto operands = node.operands();
    if (Observer<T>::innermost && adjoint_of(k).value())
      Observer<T>::tell([&](auto& observer) { observer.sweeping(node, adjoint_of(k).value()); });
    if (operands.empty()) {
      adjoint_of(k).finish();
      gradients.add(static_cast<const Leaf<T>&>(node));
    } else if (node.adjoint.value && !node.part()) {
      if (node.adjoint.untouched) adjoint_of(k).finish();
      Variable<T> g = std::move(node.adjoint.value);
      std::size_t first = 0;
      while (operands[first] == Node<T>::constant) ++first;
      for (std::size_t i = operands.size(); i-- > first;) {
        if (operands[i] == Node<T>::constant) continue;
        Adjoint<T> into = adjoint_of(operands[i]);
        node.pull(i, g, into, i == first);
        if (Observer<T>::innermost) Observer<T>::tell([&](auto& observer) { observer.pulled(node, i, into); });
      }
    }
    std::exchange(nodes_[k], nullptr)->~Node();
  }
  std::reverse(gradients.entries_.begin(), gradients.entries_.end());
  nodes_.clear();
  return gradients;
}

template <class T>
std::vector<Variable<T>> Tape<T>::gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs,
                                           const Variable<T>& cotangent, std::size_t first) {
  const std::uint32_t last = recorded_index("gradient", "y", y);
  if (cotangent)
    require(cotangent.shape() == y.shape(), "gradient", "the cotangent has shape ", cotangent.shape(), "; y has ",
            y.shape());
  else
    require(y.size() == 1, "gradient", "y has shape ", y.shape(),
            "; it must be a scalar, or a cotangent of its shape must be given");
  std::vector<std::uint32_t> sources;
  for (const Variable<T>& x : xs) sources.push_back(recorded_index("gradient", "x", x));
  std::vector<bool> wanted(nodes_.size());
  for (std::uint32_t source : sources) wanted[source] = true;
  refuse_stale_parameters("gradient", last);

  const Recording resumed(this);
  const Scope scope("gradient");
  const std::vector<bool> depends = dependent_on(sources, last);
  std::vector<Sum<T>> adjoints(last + 1);
  std::unordered_map<std::uint32_t, std::vector<std::pair<Part, Variable<T>>>> parts;  // of adjoints, by whole
  adjoints[last].value = cotangent ? cotangent : ones<T>(y.shape());
  for (std::uint32_t k = last + 1; k-- > 0;) {
    if (const auto found = parts.find(k); found != parts.end()) {
      const std::size_t size = nodes_[k]->shape.elements();
      if (adjoints[k].value) found->second.push_back({{k, 0, size, size}, adjoints[k].value});
      adjoints[k].value = assemble(nodes_[k]->shape, found->second);
      parts.erase(found);
    }
    if (k < first || !adjoints[k].value || !depends[k]) continue;
    Variable<T> g = adjoints[k].value;
    if (const Part* part = nodes_[k]->elements()) {
      parts[part->whole].push_back({*part, g});
    } else {
      const auto operands = nodes_[k]->operands();
      for (std::size_t i = 0; i < operands.size(); ++i) {
        if (operands[i] == Node<T>::constant || !depends[operands[i]]) continue;
        Adjoint<T> into(adjoints[operands[i]], nodes_[operands[i]]->shape, nullptr, nodes_[operands[i]]->shape);
        nodes_[k]->pull(i, g, into, false);
      }
    }
    if (!wanted[k]) adjoints[k].value = {};
  }
  std::vector<Variable<T>> result;
  for (std::uint32_t source : sources) {
    const bool reached = source <= last && adjoints[source].value;
    const Variable<T> slope = reached ? adjoints[source].value : zeros<T>(nodes_[source]->shape);
    result.push_back(owns(slope.slot()) ? slope : watch(slope));  // a constant can be differentiated too: to zeros
  }
  return result;
}

template class Tape<float>;
template class Tape<double>;

}  // namespace unroll

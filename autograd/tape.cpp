#include "tape.hpp"

#include <algorithm>
#include <deque>

namespace unroll {

using namespace detail;

namespace {

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

template <class T>
Tape<T>::Tape(Random* random)
    : random_(random),
      recording_(innermost() && innermost()->records() ? innermost()->recording_ : Shared<Recording>(new Recording)),
      begin_(recording_->nodes.size()),
      within_(!recording_->serials.empty()) {
  if (!within_) recording_->begin_serial();
  Observer<T>::tell([](auto& observer) { observer.begun(); });
}

template <class T> void Tape<T>::Recording::begin_serial() {
  serials.push_back({next_serial(), ~std::size_t(0)});
  serial = serials.back().serial;
}

template <class T> void Tape<T>::Recording::clear(std::size_t from) {
  for (std::size_t k = nodes.size(); k-- > from;)
    if (nodes[k]) nodes[k]->~Node();
  nodes.resize(std::min(from, nodes.size()));
}

template <class T> bool Tape<T>::Recording::owns(const Slot& slot) const {
  for (std::size_t k = serials.size(); k-- > 0;)
    if (serials[k].serial == slot.tape) return slot.index < serials[k].limit;
  return false;
}

template <class T> void Tape<T>::Recording::refuse_swept(const Slot& slot) const {
  for (const Serial& known : serials)
    require(known.serial != slot.tape || !known.swept, "tape",
            "a value that an inner tape recorded before its backward() freed it, used within the outer tape; take its "
            "gradient() instead, or detach() the value if it is a constant");
}

// Whether x was recorded while this tape was the innermost one, or one within it.
template <class T> bool Tape<T>::owns(const Variable<T>& x) const {
  return recording_->owns(x.slot()) && x.slot().index >= begin_;
}

template <class T> Variable<T> Tape<T>::watch(const Variable<T>& x) {
  require(!spent(), "watch", "this tape is spent; record on a new one");
  if (!within_) return record_input(x, true);
  const Innermost<Tape> resumed(this);
  if (const std::uint32_t index = index_of(x); index != Node<T>::constant) {
    auto node = prepare("watch", x.shape(), 1);
    node->add(index, nullptr);
    watched_.push_back(record(std::move(node), detach(x).shared()));
  } else {
    watched_.push_back(record_input(x, false));
  }
  return watched_.back();
}

template <class T> Variable<T> Tape<T>::record_leaf(const Variable<T>& handle, bool reported) {
  Arena& memory = recording_->memory;
  std::unique_ptr<Leaf<T>, Destroy> leaf(new (memory.take(sizeof(Leaf<T>))) Leaf<T>(handle, reported));
  return record(NewNode(new (memory.take(sizeof(Node<T>))) Node<T>(handle.shape(), std::move(leaf))), handle.shared());
}

template <class T> std::uint32_t Tape<T>::find(const Variable<T>& x) {
  Recording& all = *recording_;
  if (all.serial == ended) return Node<T>::constant;
  const ParameterState* const parameter = x.tensor().parameter.get();
  if (!parameter) {
    if (x.slot().tape) {
      if (all.owns(x.slot())) return x.slot().index;
      all.refuse_swept(x.slot());
    }
    if (!all.adopts) return Node<T>::constant;
  }
  if (const auto found = all.leaves.find(x.shared().get()); found != all.leaves.end()) {
    Leaf<T>& leaf = *node(found->second).leaf;
    // What the outer tape recorded of a parameter that was assigned since has no part in what this one records.
    if (!parameter || leaf.version == parameter->version || found->second >= begin_) return found->second;
    leaf.reported = false;
    all.stale.push_back(found->second);
    all.leaves.erase(found);
  }
  const bool known = parameter ? !parameter->frozen : all.around && all.around->index_of(x) != Node<T>::constant;
  return known ? adopt(x) : Node<T>::constant;
}

template <class T> void Tape<T>::adopt_from(Tape& around) {
  recording_->adopts = true;
  recording_->around = &around;
}

template <class T> std::uint32_t Tape<T>::adopt(const Variable<T>& x) {
  recording_->adopts |= !x.tensor().parameter;
  const std::size_t before = size();
  try {
    const std::uint32_t index = record_leaf(x, true).slot().index;
    recording_->leaves.emplace(x.shared().get(), index);
    return index;
  } catch (...) {
    roll_back(before);
    throw;
  }
}

template <class T> void Tape<T>::roll_back(std::size_t size) {
  Recording& all = *recording_;
  if (size >= all.nodes.size()) return;
  all.clear(size);
  std::erase_if(all.leaves, [&](const auto& entry) { return entry.second >= size; });
  std::erase_if(all.stale, [&](std::uint32_t index) { return index >= size; });
  for (Serial& serial : all.serials) serial.limit = std::min(serial.limit, size);
  all.begin_serial();
}

template <class T>
std::uint32_t Tape<T>::recorded_index(const char* where, const char* what, const Variable<T>& y) const {
  require(!spent(), where, "this tape is spent; record again, or use gradient() for several derivatives");
  if (y.tensor().parameter) {
    const auto found = recording_->leaves.find(y.shared().get());
    require(found != recording_->leaves.end(), where, "parameter '", y.tensor().parameter->name,
            "' was not recorded on this tape; nothing that was computed on it depends on the parameter");
    return found->second;
  }
  require(owns(y), where, what, " was not recorded on this tape; make it with tape.watch() or use a Parameter");
  return y.slot().index;
}

// The values that depend on one of the sources, of those up to `last`.
template <class T>
std::vector<bool> Tape<T>::dependent_on(const std::vector<std::uint32_t>& sources, std::uint32_t last) const {
  std::vector<bool> depends(size());
  for (std::uint32_t source : sources) depends[source] = true;
  for (std::uint32_t k = 0; k <= last; ++k)
    for (const auto [operand, rule] : node(k).operands())
      if (operand != Node<T>::constant && depends[operand]) depends[k] = true;
  return depends;
}

template <class T> void Tape<T>::refuse_stale_parameters(const char* where, std::uint32_t last) const {
  const auto check = [&](std::uint32_t index) {
    const Leaf<T>& leaf = *node(index).leaf;
    const ParameterState* const parameter = leaf.handle.tensor().parameter.get();
    if (!parameter || leaf.version == parameter->version || index > last || index < begin_) return;
    require(!dependent_on({index}, last)[last], where, "parameter '", parameter->name,
            "' was assigned after this tape recorded it; step the optimizer after the sweep");
  };
  for (const auto& entry : recording_->leaves) check(entry.second);
  for (const std::uint32_t index : recording_->stale) check(index);
}

template <class T> Gradients<T> Tape<T>::backward(const Variable<T>& loss) {
  const std::uint32_t last = recorded_index("backward", "the loss", loss);
  require(loss.size() == 1, "backward", "the loss has shape ", loss.shape(),
          "; it must be a scalar - reduce it with sum() or mean()");
  refuse_stale_parameters("backward", last);
  spent_ = true;
  if (within_) return backward_within(last, loss);
  recording_->serial = ended;
  const Innermost<Tape> paused(nullptr);
  node(last).adjoint += ones<T>(loss.shape());
  // Recording order is a topological order, so one pass suffices. It begins after the loss, to free and report all.
  Gradients<T> gradients;
  for (auto k = static_cast<std::uint32_t>(size()); k-- > 0;) {
    Node<T>& node = this->node(k);
    if (Observer<T>::innermost())
      if (const Variable<T> g = node.adjoint.value(); g.has_value())
        Observer<T>::tell([&](auto& observer) { observer.sweeping(node, g); });
    if (node.leaf) {
      if (node.leaf->reported) gradients.add(node.leaf->handle, node.adjoint);
    } else if (Variable<T> g = node.adjoint.finish(); g.has_value()) {
      const auto operands = node.operands();
      std::size_t first = 0;
      while (operands[first].index == Node<T>::constant) ++first;
      // The last operand first, as parts of a whole are written from its end.
      for (std::size_t i = operands.size(); i-- > first;) {
        if (operands[i].index == Node<T>::constant) continue;
        Adjoint<T>& into = this->node(operands[i].index).adjoint;
        into.keep_next(i > first);
        node.pull(i, g, into);
        Observer<T>::tell([&](auto& observer) { observer.pulled(node, i, into); });
      }
    }
    std::exchange(recording_->nodes[k], nullptr)->~Node();
  }
  std::reverse(gradients.entries_.begin(), gradients.entries_.end());
  recording_->nodes.clear();
  return gradients;
}

// The tape around this one needs what it has recorded as it is, and only what is recorded here is freed.
template <class T> Gradients<T> Tape<T>::backward_within(std::uint32_t last, const Variable<T>& loss) {
  std::vector<std::pair<std::uint32_t, Variable<T>>> leaves;
  for (const auto& [array, index] : recording_->leaves)
    if (node(index).leaf->handle.tensor().parameter) leaves.emplace_back(index, node(index).leaf->handle);
  for (const Variable<T>& x : watched_)
    if (owns(x)) leaves.emplace_back(x.slot().index, x);
  std::sort(leaves.begin(), leaves.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::uint32_t> sources;
  for (const auto& leaf : leaves) sources.push_back(leaf.first);

  const Innermost<Tape> paused(nullptr);
  const std::vector<Variable<T>> found = adjoints_of(sources, Sweep::keeps, last, ones<T>(loss.shape()), begin_);
  Gradients<T> gradients;
  for (std::size_t k = 0; k < leaves.size(); ++k) {
    const Variable<T>& x = leaves[k].second;
    const bool reached = found[k].has_value();
    gradients.entries_.push_back({x, reached ? found[k] : zeros<T>(x.shape()), reached});
  }
  for (Serial& serial : recording_->serials) serial.swept |= serial.limit > begin_;
  roll_back(begin_);
  return gradients;
}

// The adjoints of the sources in a sweep from value `last`, empty where it does not come by. Nothing that was recorded
// is changed by it.
template <class T>
std::vector<Variable<T>> Tape<T>::adjoints_of(const std::vector<std::uint32_t>& sources, Sweep sweep,
                                              std::uint32_t last, const Variable<T>& cotangent, std::size_t since) {
  std::vector<bool> wanted(size());
  for (std::uint32_t source : sources) wanted[source] = true;
  std::vector<bool> inputs(size());  // of this tape, whatever the tape around it knows of them
  for (const Variable<T>& x : watched_)
    if (owns(x)) inputs[x.slot().index] = true;
  const std::vector<bool> depends = dependent_on(sources, last);
  std::deque<Adjoint<T>> adjoints;
  for (std::uint32_t k = 0; k < size(); ++k) adjoints.emplace_back(node(k).shape, sweep);
  adjoints[last] += cotangent;
  for (std::uint32_t k = last + 1; k-- > since;) {
    const Node<T>& node = this->node(k);
    if (!depends[k] || inputs[k] || node.leaf) continue;
    Variable<T> g = adjoints[k].value();
    for (std::size_t i = 0; g.has_value() && i < node.operands().size(); ++i)
      if (const std::uint32_t index = node.operands()[i].index; index != Node<T>::constant && depends[index])
        node.pull(i, g, adjoints[index]);
    if (!wanted[k]) adjoints[k].finish();  // which frees it
  }
  std::vector<Variable<T>> result;
  for (std::uint32_t source : sources) result.push_back(adjoints[source].value());
  return result;
}

template <class T>
std::vector<Variable<T>> Tape<T>::gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs,
                                           const Variable<T>& cotangent, std::size_t since) {
  const std::uint32_t last = recorded_index("gradient", "y", y);
  if (cotangent.has_value())
    require(cotangent.shape() == y.shape(), "gradient", "the cotangent has shape ", cotangent.shape(), "; y has ",
            y.shape());
  else
    require(y.size() == 1, "gradient", "y has shape ", y.shape(),
            "; it must be a scalar, or a cotangent of its shape must be given");
  std::vector<std::uint32_t> sources;
  // Those of a checkpoint are what its function needs, whichever tape has it.
  for (const Variable<T>& x : xs)
    sources.push_back(since && recording_->owns(x.slot()) ? x.slot().index : recorded_index("gradient", "x", x));
  refuse_stale_parameters("gradient", last);

  const Innermost<Tape> resumed(this);
  const Scope scope("gradient");
  std::vector<Variable<T>> result = adjoints_of(
      sources, Sweep::records, last, cotangent.has_value() ? cotangent : ones<T>(y.shape()), std::max(since, begin_));
  for (std::size_t k = 0; k < result.size(); ++k) {
    Variable<T>& slope = result[k];
    if (!slope.has_value()) slope = zeros<T>(xs[k].shape());
    // A constant can be differentiated too: to zeros.
    if (index_of(slope) == Node<T>::constant) slope = record_input(slope, false);
  }
  return result;
}

// The tape may have ended since.
template <class T> void Scope::Mark<T>::roll_back() const {
  Tape<T>* const tape = Tape<T>::innermost();
  if (serial && tape && tape->first_serial() == serial) tape->roll_back(size);
}

template <class T> Scope::Mark<T>::Mark() {
  const Tape<T>* const tape = Tape<T>::innermost();
  if (!tape) return;
  serial = tape->first_serial();
  size = tape->size();
}

template struct Scope::Mark<float>;
template struct Scope::Mark<double>;
template class Tape<float>;
template class Tape<double>;

}  // namespace unroll

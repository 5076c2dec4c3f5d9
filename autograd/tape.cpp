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

template <class T>
thread_local Tape<T>* recording = nullptr;

// Makes another tape, or none, the innermost one of this thread for a while.
template <class T>
class Recording {
 public:
  explicit Recording(Tape<T>* tape) : outer_(std::exchange(recording<T>, tape)) {}
  ~Recording() { recording<T> = outer_; }
  Recording(const Recording&) = delete;

 private:
  Tape<T>* outer_;
};

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

Arena::~Arena() {
  for (Block* block : blocks_) block->release();
}

void* Arena::take(std::size_t bytes) {
  constexpr std::size_t piece = 64 * 1024;
  bytes = (bytes + 15) / 16 * 16;
  if (bytes > left_) {
    left_ = std::max(bytes, piece);
    blocks_.reserve(blocks_.size() + 1);
    blocks_.push_back(Block::make(left_));
  }
  left_ -= bytes;
  // Taken from the end of the block, so that what is left is all there is to remember.
  return static_cast<std::byte*>(blocks_.back()->data()) + left_;
}

template <class T>
auto Adjoint<T>::open(bool overwrites) -> Memory {
  const bool all = !part_ || shape_.elements() == whole_.elements();
  const bool fresh = !sum_ && all && overwrites;
  if (!sum_) {
    Shared<Tensor<T>> zeros(new Tensor<T>(part_ ? whole_ : shape_));
    if (!fresh) std::fill_n(zeros->buffer.data(), zeros->size(), T(0));
    sum_ = Variable<T>(std::move(zeros));
  } else if (!sum_.tensor().unique() || !(all || sum_.tensor().contiguous())) {
    sum_ = packed_copy(sum_);
  }
  Tensor<T>& tensor = *sum_.shared();
  if (all) return {tensor.buffer.data(), tensor.run, tensor.pitch, fresh};
  return {tensor.buffer.data() + part_->offset, part_->run, part_->pitch, false};
}

template <class T>
void Adjoint<T>::operator+=(const Variable<T>& x) {
  if (Tape<T>::innermost()) {
    const Variable<T> term = x.shape() == shape_            ? x
                             : x.size() > shape_.elements() ? sum_to(x, shape_)
                                                            : broadcast_to(x, shape_);
    sum_ = sum_ ? sum_ + term : term;
  } else if (!sum_ && !part_ && x.shape() == shape_ && !x.tensor().identity) {
    sum_ = Variable<T>(x.shared());
  } else {
    accumulate<T>(*this, vector_loops<T>(functions::copy).value, &functions::copy, {&x, 1});
  }
}

template <class T>
Tape<T>::Tape() : outer_(std::exchange(recording<T>, this)), serials_{{next_serial(), ~std::size_t(0)}} {}

template <class T>
Tape<T>::Tape(Random& random) : Tape() {
  random_ = &random;
}

template <class T>
Tape<T>::~Tape() {
  for (Tape** link = &recording<T>; *link; link = &(*link)->outer_) {
    if (*link != this) continue;
    *link = outer_;
    break;
  }
  clear(0);
}

template <class T>
void Tape<T>::clear(std::size_t from) {
  for (std::size_t k = nodes_.size(); k-- > from;)
    if (nodes_[k]) nodes_[k]->~Node();
  nodes_.resize(from);
}

template <class T>
Tape<T>* Tape<T>::innermost() {
  return recording<T>;
}

namespace {

// A parameter or a watched variable. It holds the handle by which gradients are asked for.
template <class T>
class Leaf final : public Node<T> {
 public:
  Leaf(const Variable<T>& result, const Variable<T>* parameter)
      : Node<T>("leaf", result.shape()),
        handle(parameter ? *parameter : result),
        version(parameter ? parameter->tensor().identity->version : 0) {}

  const Variable<T> handle;
  const std::uint64_t version;
};

}  // namespace

template <class T>
Variable<T> Tape<T>::watch(const Variable<T>& x) {
  return record<Leaf<T>>(detach(x), nullptr);
}

template <class T>
bool Tape<T>::owns(const Slot& slot) const {
  for (std::size_t k = serials_.size(); k-- > 0;)
    if (serials_[k].serial == slot.tape) return slot.index < serials_[k].limit;
  return false;
}

template <class T>
std::uint32_t Tape<T>::index_of(const Variable<T>& x) {
  const Identity* identity = x.tensor().identity.get();
  if (!identity) return owns(x.slot()) ? x.slot().index : Node<T>::constant;
  if (const auto found = parameters_.find(x.shared().get()); found != parameters_.end()) return found->second;
  if (identity->frozen) return Node<T>::constant;
  const std::uint32_t index = record<Leaf<T>>(Variable<T>(x.shared()), &x).slot().index;
  parameters_.emplace(x.shared().get(), index);
  return index;
}

template <class T>
void Tape<T>::roll_back(std::size_t size) {
  if (size >= nodes_.size()) return;
  clear(size);
  std::erase_if(parameters_, [&](const auto& entry) { return entry.second >= size; });
  for (Serial& serial : serials_) serial.limit = std::min(serial.limit, size);
  serials_.push_back({next_serial(), ~std::size_t(0)});
}

template <class T>
std::uint32_t Tape<T>::recorded_index(const char* where, const char* what, const Variable<T>& y) const {
  require(!spent_, where, "this tape is spent; record again, or use gradient() for several derivatives");
  if (y.tensor().identity) {
    const auto found = parameters_.find(y.shared().get());
    if (found != parameters_.end()) return found->second;
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
    if (static_cast<const Leaf<T>*>(nodes_[index])->version == tensor->identity->version) continue;
    require(!dependent_on({index}, last)[last], where, "parameter '", tensor->identity->name,
            "' was assigned after this tape recorded it; step the optimizer after the sweep");
  }
}

template <class T>
Adjoint<T> Tape<T>::adjoint_of(std::uint32_t index) {
  Node<T>& node = *nodes_[index];
  const Part* const part = node.part();
  Node<T>& whole = part ? *nodes_[part->whole] : node;
  return {whole.adjoint, node.shape, part, whole.shape};
}

template <class T>
Gradients<T> Tape<T>::backward(const Variable<T>& loss) {
  const std::uint32_t last = recorded_index("backward", "the loss", loss);
  require(loss.size() == 1, "backward", "the loss has shape ", loss.shape(),
          "; it must be a scalar - reduce it with sum() or mean()");
  refuse_stale_parameters("backward", last);
  spent_ = true;
  const Recording<T> paused(nullptr);
  adjoint_of(last) += ones<T>(loss.shape());
  // Recording order is a topological order, so one pass suffices. It frees what each node holds as it goes.
  Gradients<T> gradients;
  for (std::size_t k = nodes_.size(); k-- > 0;) {
    Node<T>& node = *nodes_[k];
    const auto operands = node.operands();
    if (operands.empty()) {
      const bool reached = bool(node.adjoint);
      gradients.entries_.push_back(
          {static_cast<const Leaf<T>&>(node).handle, reached ? node.adjoint : zeros<T>(node.shape), reached});
    } else if (node.adjoint && !node.part()) {
      const Variable<T> g = std::move(node.adjoint);
      for (std::size_t i = 0; i < operands.size(); ++i) {
        if (operands[i] == Node<T>::constant) continue;
        Adjoint<T> into = adjoint_of(operands[i]);
        node.pull(i, g, into);
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
                                           const Variable<T>& cotangent) {
  const std::uint32_t last = recorded_index("gradient", "y", y);
  if (cotangent)
    require(cotangent.shape() == y.shape(), "gradient", "the cotangent has shape ", cotangent.shape(), "; y has ",
            y.shape());
  else
    require(y.size() == 1, "gradient", "y has shape ", y.shape(),
            "; it must be a scalar, or a cotangent of its shape must be given");
  std::vector<std::uint32_t> sources;
  for (const Variable<T>& x : xs) sources.push_back(recorded_index("gradient", "x", x));
  refuse_stale_parameters("gradient", last);

  const Recording<T> resumed(this);
  const Scope scope("gradient");
  const std::vector<bool> depends = dependent_on(sources, last);
  std::vector<Variable<T>> adjoints(last + 1);
  std::unordered_map<std::uint32_t, std::vector<std::pair<Part, Variable<T>>>> parts;  // of adjoints, by whole
  adjoints[last] = cotangent ? cotangent : ones<T>(y.shape());
  for (std::uint32_t k = last + 1; k-- > 0;) {
    if (const auto found = parts.find(k); found != parts.end()) {
      const std::size_t g_size = nodes_[k]->shape.elements();
      if (adjoints[k]) found->second.push_back({{k, 0, g_size, g_size}, adjoints[k]});
      adjoints[k] = assemble(nodes_[k]->shape, found->second);
      parts.erase(found);
    }
    if (!adjoints[k] || !depends[k]) continue;
    const Variable<T> g = adjoints[k];
    if (const Part* part = nodes_[k]->part()) {
      parts[part->whole].push_back({*part, g});
    } else {
      const auto operands = nodes_[k]->operands();
      for (std::size_t i = 0; i < operands.size(); ++i) {
        if (operands[i] == Node<T>::constant || !depends[operands[i]]) continue;
        Adjoint<T> into(adjoints[operands[i]], nodes_[operands[i]]->shape, nullptr, nodes_[operands[i]]->shape);
        nodes_[k]->pull(i, g, into);
      }
    }
    if (std::find(sources.begin(), sources.end(), k) == sources.end()) adjoints[k] = {};
  }
  std::vector<Variable<T>> result;
  for (std::uint32_t source : sources)
    result.push_back(source <= last && adjoints[source] ? adjoints[source] : zeros<T>(nodes_[source]->shape));
  return result;
}

template <class T>
auto Gradients<T>::find(const Variable<T>& x) const -> const Entry* {
  for (const Entry& entry : entries_) {
    const bool same = x.tensor().identity ? entry.of.shared().get() == x.shared().get()
                                          : x.slot().tape && entry.of.slot().tape == x.slot().tape &&
                                                entry.of.slot().index == x.slot().index;
    if (same) return &entry;
  }
  return nullptr;
}

template <class T>
const Array<T>& Gradients<T>::operator[](const Variable<T>& x) const {
  const Entry* entry = find(x);
  if (!entry && x.tensor().identity)
    fail("gradients", "parameter '", x.tensor().identity->name, "' was not recorded",
         x.tensor().identity->frozen ? ": it is frozen" : "; ask contains() first");
  require(entry, "gradients", "the handle is no parameter and was not watched by the tape of this sweep");
  return entry->gradient.value();
}

template <class T>
bool Gradients<T>::contains(const Variable<T>& x) const {
  const Entry* entry = find(x);
  return entry && entry->reached;
}

template <class T>
Gradients<T>& Gradients<T>::operator+=(const Gradients& other) {
  const Recording<T> paused(nullptr);
  for (const Entry& entry : other.entries_) {
    if (Entry* mine = const_cast<Entry*>(find(entry.of))) {
      mine->gradient = mine->gradient + entry.gradient;
      mine->reached |= entry.reached;
    } else {
      entries_.push_back(entry);
    }
  }
  return *this;
}

template <class T>
Gradients<T>& Gradients<T>::operator*=(double factor) {
  const Recording<T> paused(nullptr);
  for (Entry& entry : entries_) entry.gradient = entry.gradient * factor;
  return *this;
}

template <class T>
double Gradients<T>::norm() const {
  double squares = 0;
  for (const Entry& entry : entries_)
    for (const T g : entry.gradient.value()) squares += double(g) * double(g);
  return std::sqrt(squares);
}

namespace {
thread_local Scope* innermost_scope = nullptr;
}

Scope::Scope(std::string name)
    : name_(std::move(name)),
      outer_(std::exchange(innermost_scope, this)),
      exceptions_(std::uncaught_exceptions()),
      floats_(recording<float>),
      doubles_(recording<double>),
      float_size_(floats_ ? floats_->size() : 0),
      double_size_(doubles_ ? doubles_->size() : 0) {}

Scope::~Scope() {
  innermost_scope = outer_;
  if (std::uncaught_exceptions() == exceptions_) return;
  if (floats_) floats_->roll_back(float_size_);
  if (doubles_) doubles_->roll_back(double_size_);
}

std::string Scope::path() {
  std::string path;
  for (const Scope* scope = innermost_scope; scope; scope = scope->outer_)
    path = path.empty() ? scope->name_ : scope->name_ + "/" + path;
  return path;
}

void throw_error(std::string_view where, const std::string& what) {
  const std::string path = Scope::path();
  throw Error(std::string(where) + ": " + what + (path.empty() ? "" : " (in " + path + ")"));
}

template class Adjoint<float>;
template class Adjoint<double>;
template class Gradients<float>;
template class Gradients<double>;
template class Tape<float>;
template class Tape<double>;

}  // namespace unroll

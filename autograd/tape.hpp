#pragma once

#include <concepts>
#include <memory>
#include <unordered_map>
#include <vector>

#include "gradients.hpp"
#include "innermost.hpp"
#include "node.hpp"
#include "observer.hpp"
#include "parameter.hpp"

namespace UNROLL_PUBLIC unroll {

class Random;

/// Records what this thread computes with Variables while it is the innermost tape, until it goes out of scope.
/// A tape within another one records there, too: what it makes of parameters and of variables of the outer tape, its
/// gradients included, can be differentiated by the outer one. To its own sweeps the outer variables are constants.
template <class T> class Tape {
 public:
  /// Dropout draws from `random`; on a tape without one it is the identity.
  explicit Tape(Random* random = nullptr);
  /// The same.
  explicit Tape(Random& random) : Tape(&random) {}
  Tape(const Tape&) = delete;

  /// x as an input with respect to which to differentiate.
  Variable<T> watch(const Variable<T>& x);

  /// The gradients of a scalar with respect to all parameters and watched variables that were recorded. Spends the
  /// tape: what it holds is freed while the sweep passes, and it records no more.
  Gradients<T> backward(const Variable<T>& loss);

  /// The derivatives of y with respect to xs, recorded, so that they can be differentiated again. A y that is not a
  /// scalar needs a cotangent of its shape. What was recorded before the tape had the size `since` is not passed
  /// through.
  std::vector<Variable<T>> gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs,
                                    const Variable<T>& cotangent = {}, std::size_t since = 0);
  /// The same by the parameters of a model.
  template <std::same_as<Parameter<T>> P>
  std::vector<Variable<T>> gradient(const Variable<T>& y, const std::vector<P>& xs, const Variable<T>& cotangent = {}) {
    return gradient(y, std::vector<Variable<T>>(xs.begin(), xs.end()), cotangent);
  }

  /// The number of recorded values, those of the outer tape included.
  std::size_t size() const { return recording_->nodes.size(); }
  /// Whether its sweep has been made.
  bool spent() const { return spent_ || !records(); }
  /// Whether what is computed now is recorded: by the outer tape, if this one is spent.
  bool records() const { return recording_->serial != ended; }
  /// The stream that dropout draws from, or null: the one given, or an Innermost<Random> that was made since.
  Random* random() const {
    Random* const since = Innermost<Random>::object();
    return since ? since : random_;
  }
  /// The tape that records now, or null.
  static Tape* innermost() { return Innermost<Tape>::object(); }
  /// The stream of that one, or null.
  static Random* stream() { return innermost() ? innermost()->random() : nullptr; }

  // What primitives are made of:

  /// The index under which this tape has x, recording a parameter when it is first used; `Node::constant` for others.
  std::uint32_t index_of(const Variable<T>& x) {
    return x.slot().tape == recording_->serial ? x.slot().index : find(x);
  }
  /// What is recorded under an index below size().
  Node<T>& node(std::uint32_t index) const { return *recording_->nodes[index]; }

  /// A node that no tape holds yet.
  using NewNode = std::unique_ptr<Node<T>, detail::Destroy>;
  /// A node that is not recorded yet, with room for so many operands. One of them must not be a constant.
  NewNode prepare(const char* name, const Shape& shape, std::size_t operands) {
    const std::size_t bytes = sizeof(Node<T>) + operands * sizeof(typename Node<T>::Operand);
    return NewNode(new (recording_->memory.take(bytes)) Node<T>(name, shape));
  }
  /// Makes a rule, or what needs no end, in the memory of the tape.
  template <class Kind, class... Arguments> Kind* make(Arguments&&... arguments) {
    static_assert(alignof(Kind) <= detail::Arena::alignment,
                  "what a rule keeps is aligned to more than the tape's memory");
    return new (recording_->memory.take(sizeof(Kind))) Kind{std::forward<Arguments>(arguments)...};
  }
  /// The slot of what is recorded next.
  Slot next_slot() const { return {recording_->serial, static_cast<std::uint32_t>(size())}; }
  /// Records a value as made by a node.
  Variable<T> record(NewNode node, detail::Shared<detail::Tensor<T>> value) {
    Recording& to = *recording_;
    require(to.serial != ended, "record", "this tape is spent; record on a new one");
    Variable<T> recorded(std::move(value), next_slot());
    if (to.nodes.size() == to.nodes.capacity()) to.nodes.reserve(2 * to.nodes.size() + 64);
    to.nodes.push_back(node.release());
    Observer<T>::tell([&](auto& observer) { observer.recorded(*to.nodes.back(), recorded); });
    return recorded;
  }
  /// Makes x a leaf under its own handle, as parameters are.
  std::uint32_t adopt(const Variable<T>& x);
  /// From now on, a variable that this other tape has recorded is adopted when it is first used.
  void adopt_from(Tape& around);
  /// Forgets what was recorded since the tape had this size; handles to it become constants.
  void roll_back(std::size_t size);
  /// Of the first handle that was recorded here: no two tapes have the same, unless one is within the other.
  std::uint64_t first_serial() const { return recording_->serials[0].serial; }

 private:
  static constexpr std::uint64_t ended = ~std::uint64_t(0);  // the serial of a recording that is spent

  // Handles made under a serial are valid below its limit, which only rolling back lowers. What an inner tape recorded
  // before its sweep freed it must not be taken for a constant.
  struct Serial {
    std::uint64_t serial;
    std::size_t limit;
    bool swept = false;
  };

  // What a tape and those within it have recorded.
  struct Recording : detail::Recycled {
    ~Recording() { clear(0); }
    void begin_serial();
    void clear(std::size_t from);
    bool owns(const Slot& slot) const;
    void refuse_swept(const Slot& slot) const;

    const std::shared_ptr<const void> paths = Scope::paths();  // of the nodes
    std::uint64_t serial = ended;                              // the last one, until the recording is spent
    std::vector<Serial> serials;
    detail::Arena memory;
    std::vector<Node<T>*> nodes;
    std::unordered_map<const void*, std::uint32_t> leaves;  // parameters and what was adopted, by their arrays
    std::vector<std::uint32_t> stale;                       // parameters that an inner tape has recorded anew
    bool adopts = false;
    Tape* around = nullptr;  // from which it adopts
    std::atomic<std::uint32_t> references{0};
  };

  Variable<T> record_leaf(const Variable<T>& handle, bool reported);
  Variable<T> record_input(const Variable<T>& x, bool reported) {
    return record_leaf(Variable<T>(detach(x).shared(), next_slot()), reported);
  }
  std::uint32_t find(const Variable<T>& x);
  bool owns(const Variable<T>& x) const;
  std::uint32_t recorded_index(const char* where, const char* what, const Variable<T>& y) const;
  void refuse_stale_parameters(const char* where, std::uint32_t last) const;
  std::vector<bool> dependent_on(const std::vector<std::uint32_t>& sources, std::uint32_t last) const;
  std::vector<Variable<T>> adjoints_of(const std::vector<std::uint32_t>& sources, Sweep sweep, std::uint32_t last,
                                       const Variable<T>& cotangent, std::size_t since);
  Gradients<T> backward_within(std::uint32_t last, const Variable<T>& loss);

  Random* const random_;
  const detail::Shared<Recording> recording_;
  const std::size_t begin_;           // of what it records itself
  const bool within_;                 // another tape
  std::vector<Variable<T>> watched_;  // within another tape
  bool spent_ = false;
  Innermost<Random> since_{nullptr};  // hides what those around it draw from
  Innermost<Tape> place_{this};
};

/// While it lives, this thread records nothing, and what it computes is a constant to tapes; a tape made within it
/// records.
template <class T> struct Pause : private Innermost<Tape<T>> {
  Pause() : Innermost<Tape<T>>(nullptr) {}
};

}  // namespace unroll

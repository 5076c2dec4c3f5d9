#include "recompute.hpp"

#include <optional>

#include "../operations/ops.hpp"
#include "../random.hpp"
#include "../tape.hpp"

namespace unroll {

namespace {

template <class T> using Many = std::vector<Variable<T>>;

// All elements of the values, one value after the other.
template <class T> Variable<T> flattened(const Many<T>& values) {
  Many<T> rows;
  for (const Variable<T>& value : values) rows.push_back(reshape(value, Shape{value.size()}));
  return concatenate(rows);
}

// While it lives, what was drawn from a stream is drawn again: from the program's own, or else from a copy of it.
class Replay {
 public:
  Replay(Random* program, const std::optional<Random>& before)
      : program_(program), other_(before), place_(program || !other_ ? program : &*other_) {
    exchange();
  }
  ~Replay() { exchange(); }
  Replay(const Replay&) = delete;

 private:
  void exchange() {
    if (program_) std::swap(*program_, *other_);
  }
  Random* program_;
  std::optional<Random> other_;
  Innermost<Random> place_;
};

/// y = f(x), all outputs in one array            x̄ = ȳ ∂f/∂x, of an f that is computed again
template <class T> class Recomputation final : public Rule<T> {
 public:
  Recomputation(const Segment<T>& f, std::vector<Shape> shapes, const Many<T>& inputs, const Many<T>& operands,
                Random* program, const std::optional<Random>& random)
      : f_(f), shapes_(std::move(shapes)), inputs_(inputs), operands_(operands), program_(program), random_(random) {}

  void pull(const Node<T>&, std::size_t k, Variable<T>& g, Adjoint<T>& into) override {
    // What was recorded may have been rolled back since, which begins another serial.
    const Tape<T>* const tape = Tape<T>::innermost();
    const std::uint64_t serial = tape ? tape->next_slot().tape : 0;
    if (of_.get() != g.shared().get() || serial_ != serial) {
      of_ = g.shared();
      serial_ = serial;
      slopes_ = tape ? recorded_slopes(g) : swept_slopes(g);
    }
    into += slopes_[k];
  }

 private:
  Many<T> swept_slopes(const Variable<T>& g) {
    Tape<T> tape;
    for (const Variable<T>& operand : operands_) tape.adopt(operand);
    const Variable<T> y = outputs_again();
    if (tape.index_of(y) == Node<T>::constant) return no_slopes();
    const Gradients<T> gradients = tape.backward(sum(y * g));
    Many<T> slopes;
    for (std::size_t k = 0; k < operands_.size(); ++k) slopes.push_back(gradients.whole(gradients.entries()[k]));
    return slopes;
  }

  Many<T> recorded_slopes(const Variable<T>& g) {
    Tape<T>& tape = *Tape<T>::innermost();
    const std::size_t since = tape.size();  // operands may depend on each other
    const Variable<T> y = outputs_again();
    return tape.index_of(y) == Node<T>::constant ? no_slopes() : tape.gradient(y, operands_, g, since);
  }

  // Of outputs that depend on nothing.
  Many<T> no_slopes() const {
    Many<T> slopes;
    for (const Variable<T>& operand : operands_) slopes.push_back(zeros<T>(operand.shape()));
    return slopes;
  }

  Variable<T> outputs_again() const {
    const Replay replay(program_, random_);
    const Many<T> outputs = f_(inputs_);
    std::vector<Shape> shapes;
    for (const Variable<T>& output : outputs) shapes.push_back(output.shape());
    require(shapes == shapes_, "checkpoint",
            "the function gave other shapes when it was called again; it must not "
            "depend on what changes");
    return flattened(outputs);
  }

  const Segment<T> f_;
  const std::vector<Shape> shapes_;  // of its outputs
  const Many<T> inputs_, operands_;
  Random* const program_;               // what f draws from, if it is the program's own
  const std::optional<Random> random_;  // as f found it
  std::uint64_t serial_ = 0;
  detail::Shared<detail::Tensor<T>> of_;  // the adjoint that the slopes belong to
  Many<T> slopes_;
};

}  // namespace

template <class T>
std::vector<Variable<T>> checkpoint_segment(const Segment<T>& f, const std::vector<Variable<T>>& inputs) {
  Tape<T>* const tape = Tape<T>::innermost();
  if (!tape || !tape->records()) return f(inputs);
  const Scope scope("checkpoint");
  Random* const random = tape->random();
  Random* const program = Innermost<Random>::object() ? nullptr : random;
  std::optional<Random> before;
  if (random) before = *random;
  Many<T> outputs, operands;
  {
    const Innermost<Tape<T>> alone(nullptr);
    Tape<T> inner(random);
    inner.adopt_from(*tape);
    outputs = f(inputs);
    for (const Variable<T>& output : outputs)
      inner.index_of(output);  // one that f only passes on is an operand as well
    for (std::uint32_t k = 0; k < inner.size(); ++k)
      if (const auto& leaf = inner.node(k).leaf)
        if (tape->index_of(leaf->handle) != Node<T>::constant) operands.push_back(leaf->handle);
  }
  require(!outputs.empty(), "checkpoint", "the function gave nothing; there must be at least one Variable");
  if (operands.empty()) return outputs;
  std::vector<Shape> shapes;
  for (const Variable<T>& output : outputs) shapes.push_back(output.shape());
  const Variable<T> together = detach(flattened(outputs));
  auto node = tape->prepare("checkpoint", together.shape(), operands.size());
  Rule<T>* const rule = tape->template make<Recomputation<T>>(f, std::move(shapes), inputs, operands, program, before);
  for (const Variable<T>& operand : operands) node->add(tape->index_of(operand), rule);
  const Variable<T> all = tape->record(std::move(node), together.shared());
  std::int64_t begin = 0;
  for (Variable<T>& output : outputs) {
    const std::int64_t end = begin + static_cast<std::int64_t>(output.size());
    output = reshape(slice(all, 0, begin, end), output.shape());
    begin = end;
  }
  return outputs;
}

template std::vector<Variable<float>> checkpoint_segment(const Segment<float>&, const std::vector<Variable<float>>&);
template std::vector<Variable<double>> checkpoint_segment(const Segment<double>&, const std::vector<Variable<double>>&);

}  // namespace unroll

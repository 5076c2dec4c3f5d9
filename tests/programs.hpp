// Programs over the operations of autograd/ops.hpp, as data: what runs them, and what writes them down as C++.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <unroll/autograd/autograd.hpp>
#include <vector>

#include "numbers.hpp"

namespace unroll::programs {

/// Thrown where an operation does not take operands of these shapes or values.
struct Inapplicable {};
inline void need(bool condition) {
  if (!condition) throw Inapplicable();
}

/// A result of a line; leaves are the first lines.
struct Place {
  std::size_t line, output = 0;
};

enum class Kind { parameter, tied, frozen, watched, constant, foreign };  // foreign: of a tape that has ended
enum class Numbers { normal, positive, halves };

struct Leaf {
  Kind kind;
  Numbers numbers;
  Shape shape;
  std::uint64_t seed;
  std::size_t tie = 0;  // the parameter of which a tied one is a copy

  A array() const {
    Random random(seed);
    if (numbers == Numbers::positive) return random.uniform<double>(shape, 0.5, 2);
    if (numbers == Numbers::halves) return xt::round(2 * random.normal<double>(shape)) / 2;
    return random.normal<double>(shape);
  }
  bool trained() const { return kind == Kind::parameter || kind == Kind::watched; }
};

struct Row;

/// One call of an operation. Axes, indices and the like follow from the seed and the shapes of the operands.
struct Line {
  const Row* row;
  std::vector<Place> operands;
  std::uint64_t seed;
};

enum class Around { checkpoint, scope, tape };

/// Lines that run in a checkpoint, a scope or a tape of their own. What a checkpoint passes on are values from before
/// it.
struct Block {
  Around around;
  std::size_t begin, end;
  std::vector<Place> inputs{}, passed{};
  bool twice = false;  // it gives each output twice
};

struct Program {
  std::uint64_t seed;
  std::vector<Leaf> leaves{};
  std::vector<Line> lines{};
  std::vector<Block> blocks{};  // in the order in which they begin, the outer one first
  std::vector<Place> terms{};   // what the loss adds up

  std::size_t size() const { return leaves.size() + lines.size(); }
  const Line* line(std::size_t k) const { return k < leaves.size() ? nullptr : &lines[k - leaves.size()]; }
  /// The last line that needs each line's results, directly or not for the loss; `size()` is the loss, 0 nothing.
  std::vector<std::size_t> last_uses() const {
    std::vector<std::size_t> last(size());
    for (const Place& term : terms) last[term.line] = size();
    for (std::size_t k = size(); k-- > leaves.size();)
      if (last[k])
        for (const Place& x : line(k)->operands) last[x.line] = std::max(last[x.line], k);
    return last;
  }
};

struct Value {
  V x;
  std::string name{};  // in a program that is written down
};

class Run;

/// The operands of a line, the choices that its seed makes, and what it says as C++.
class Call {
 public:
  Call(Run& run, std::size_t line, std::vector<Value> operands, std::uint64_t seed)
      : random(seed), run_(run), line_(line), operands_(std::move(operands)) {}

  const V& operator[](std::size_t k) const { return operands_[k].x; }
  std::size_t size() const { return operands_.size(); }
  const Shape& shape(std::size_t k = 0) const { return operands_[k].x.shape(); }
  Many all() const {
    Many xs;
    for (const Value& operand : operands_) xs.push_back(operand.x);
    return xs;
  }
  Run& run() { return run_; }

  bool chance(std::uint64_t one_in = 2) { return random.below(one_in) == 0; }
  std::size_t between(std::size_t low, std::size_t high) { return low + random.below(high - low + 1); }
  /// An axis of an array, as often from the back.
  int axis(std::size_t rank) {
    need(rank > 0);
    const int k = int(random.below(rank));
    return chance() ? k : k - int(rank);
  }
  static std::size_t at(int axis, std::size_t rank) { return std::size_t(axis < 0 ? axis + int(rank) : axis); }
  Indices indices(const Shape& shape, std::size_t limit) {
    need(limit > 0);
    Indices result = Indices::from_shape(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
    for (auto& index : result) index = std::int64_t(random.below(limit));
    return result;
  }

  /// Tells a choice that was made.
  void decide(std::uint64_t choice);
  /// Tells that a choice depends on the signs of these numbers.
  void decide(const V& x) {
    for (const double number : x.value().storage()) decide(number > 0 ? 3u : number < 0 ? 1u : 2u);
  }
  /// x as a constant, which keeps its value where the others are moved for finite differences.
  V held(const V& x);

  /// f(x...), written down as such.
  template <class F, class... X> Many operator()(const std::string& name, const F& f, const X&... x);

  Random random;
  std::string text;

 private:
  friend class Run;
  template <class X> std::string shown(const X& x) const;

  Run& run_;
  std::size_t line_;
  std::vector<Value> operands_;
};

struct Row {
  std::string name;  // of the operation, and after a space what is special
  std::size_t least, most;
  std::function<Many(Call&)> apply;
  double weight = 1;  // how often it is made, beside others of its part of the library
};

/// A program in the course of its execution on a tape.
class Run {
 public:
  static constexpr double largest = 100;  // of all values
  static constexpr std::size_t most = 8192;
  using Held = std::map<std::size_t, A>;

  /// `arrays` replace those of the leaves; `held` keeps what the first run holds.
  Run(const Program& program, const std::vector<A>& arrays, Held& held, std::ostream* text = nullptr)
      : text(text), program_(program), held_(held), last_(program.last_uses()), random_(program.seed), tape(random_) {
    if (text)
      *text << "Random random(" << program.seed
            << ");\nTape<double> tape(random);\n"
               "const auto noise = [](const V& x) {\n"
               "  return x * V(Tape<double>::innermost()->random()->normal<double>(x.shape()));\n};\n";
    for (std::size_t k = 0; k < program.leaves.size(); ++k)
      leaves_.push_back(values_.emplace_back(1, leaf(k, arrays[k]))[0].x);
  }
  Run(const Run&) = delete;

  /// Runs a program's lines and gives its loss.
  V loss();
  /// Runs a line for its results.
  void step(std::size_t k) {
    values_.resize(std::max(values_.size(), k + 1));
    step(k, values_);
  }
  const std::vector<Value>& results(std::size_t k) const { return values_[k]; }
  /// The leaves that have a gradient, as the tape has them, those that do not matter too.
  Many trained() {
    Many result;
    for (std::size_t k = 0; k < program_.leaves.size(); ++k)
      if (program_.leaves[k].trained()) tape.index_of(result.emplace_back(leaves_[k]));
    return result;
  }

  std::ostream* text;
  std::uint64_t decisions = 0;  // a hash of the choices that were made
  std::size_t depth = 0;        // of checkpoints

 private:
  friend class Call;
  using Environment = std::vector<std::vector<Value>>;

  Value leaf(std::size_t k, const A& array);
  void execute(Environment& values, std::size_t begin, std::size_t end, std::size_t block);
  void step(std::size_t k, Environment& values);
  void checkpointed(std::size_t number, Environment& values);

  const Program& program_;
  Held& held_;
  const std::vector<std::size_t> last_;
  Random random_;
  std::vector<Parameter<double>> parameters_;
  Environment values_;  // what a checkpoint passes on stands here as its output
  Many leaves_;

 public:
  Tape<double> tape;
};

// Writing down

template <class Range> std::string list(const Range& range) {
  std::string text = "{";
  for (auto x = range.begin(); x != range.end(); ++x) text += (x == range.begin() ? "" : ", ") + std::to_string(*x);
  return text + "}";
}

inline std::string shown(const Shape& shape) { return "Shape" + list(shape); }

inline std::string shown(const Indices& indices) {
  const Shape shape(indices.shape());
  if (shape.empty()) return "Indices(" + std::to_string(indices.storage()[0]) + ")";
  if (indices.size() == 0) return "Indices::from_shape(" + list(shape) + ")";
  std::string text;
  for (std::size_t k = 0; k < indices.size(); ++k) {
    std::string open, close;
    std::size_t run = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      run *= shape[axis];
      if (k % run == 0) open += "{";
      if ((k + 1) % run == 0) close += "}";
    }
    text += (k ? ", " : "") + open + std::to_string(indices.storage()[k]) + close;
  }
  return "Indices" + text;
}

/// Some axes, or all.
struct Chosen {
  bool all;
  std::vector<int> axes;
  operator Axes() const { return all ? Axes() : Axes(axes); }
};

/// Random numbers that stand in a program.
struct Draw {
  std::uint64_t seed;
  Shape shape;
  operator V() const { return Random(seed).normal<double>(shape); }
};

template <class X> std::string Call::shown(const X& x) const {
  if constexpr (std::is_same_v<X, V>) {
    for (const Value& operand : operands_)
      if (operand.x.shared().get() == x.shared().get() && operand.x.slot().index == x.slot().index) return operand.name;
    return "?";
  } else if constexpr (std::is_same_v<X, Many>) {
    std::string text = "Many{";
    for (std::size_t k = 0; k < x.size(); ++k) text += (k ? ", " : "") + shown(x[k]);
    return text + "}";
  } else if constexpr (std::is_same_v<X, bool>) {
    return x ? "true" : "false";
  } else if constexpr (std::is_same_v<X, Transposed>) {
    return "{.a = " + shown(x.a) + ", .b = " + shown(x.b) + "}";
  } else if constexpr (std::is_same_v<X, Chosen>) {
    return x.all ? "Axes()" : "std::vector<int>" + list(x.axes);
  } else if constexpr (std::is_same_v<X, Draw>) {
    return "V(Random(" + std::to_string(x.seed) + ").normal<double>(" + list(x.shape) + "))";
  } else if constexpr (std::is_same_v<X, std::vector<int>> || std::is_same_v<X, std::vector<std::size_t>>) {
    return list(x);
  } else if constexpr (std::is_same_v<X, std::vector<std::pair<std::size_t, std::size_t>>>) {
    std::string text = "{";
    for (const auto& [before, after] : x)
      text += (text.size() > 1 ? ", {" : "{") + std::to_string(before) + ", " + std::to_string(after) + "}";
    return text + "}";
  } else if constexpr (std::is_same_v<X, double>) {
    std::ostringstream text;
    text.precision(17);
    text << x;
    return text.str();
  } else if constexpr (std::is_arithmetic_v<X>) {
    return std::to_string(x);
  } else {
    return programs::shown(x);
  }
}

template <class F, class... X> Many Call::operator()(const std::string& name, const F& f, const X&... x) {
  if (run_.text) {
    const std::vector<std::string> arguments{shown(x)...};
    const bool infix = name.starts_with("operator") && arguments.size() == 2;
    if (infix) {
      text = arguments[0] + " " + name.substr(8) + " " + arguments[1];
    } else {
      text = name + "(";
      for (std::size_t k = 0; k < arguments.size(); ++k) text += (k ? ", " : "") + arguments[k];
      text += ")";
    }
  }
  const auto y = f(x...);
  if constexpr (std::is_convertible_v<decltype(y), V>)
    return {y};
  else
    return Many(y.begin(), y.end());
}

}  // namespace unroll::programs

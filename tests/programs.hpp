// Programs over the operations of autograd/ops.hpp, as data: what runs them, and what writes them down as C++.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <unroll/autograd/autograd.hpp>
#include <unroll/autograd/random.hpp>
#include <vector>

namespace unroll::programs {

using A = Array<double>;
using V = Variable<double>;
using Many = std::vector<V>;

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
  template <class F, class... X>
  Many operator()(const std::string& name, const F& f, const X&... x);

  Random random;
  std::string text;

 private:
  friend class Run;
  template <class X>
  std::string shown(const X& x) const;

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

template <class Range>
std::string list(const Range& range) {
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

template <class X>
std::string Call::shown(const X& x) const {
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

template <class F, class... X>
Many Call::operator()(const std::string& name, const F& f, const X&... x) {
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

// Running

inline void Call::decide(std::uint64_t choice) { run_.decisions = run_.decisions * 0x9E3779B97F4A7C15u + choice; }

inline V Call::held(const V& x) {
  const A& first = run_.held_.try_emplace(line_, x.value()).first->second;
  return first == x.value() ? x : V(first);
}

inline Value Run::leaf(std::size_t k, const A& array) {
  const Leaf& leaf = program_.leaves[k];
  const std::string number = std::to_string(k);
  const bool shown = text && last_[k];
  std::string numbers;
  if (shown) {
    const std::string random = "Random(" + std::to_string(leaf.seed) + ").", shape = list(leaf.shape);
    numbers = leaf.numbers == Numbers::positive ? random + "uniform<double>(" + shape + ", 0.5, 2)"
              : leaf.numbers == Numbers::normal ? random + "normal<double>(" + shape + ")"
                                                : "xt::round(2 * " + random + "normal<double>(" + shape + ")) / 2";
  }
  switch (leaf.kind) {
    case Kind::parameter:
    case Kind::frozen: {
      const Parameter<double>& p = parameters_.emplace_back(array, "p" + number);
      if (shown) *text << "Parameter<double> p" << k << "(" << numbers << ", \"p" << k << "\");\n";
      if (leaf.kind == Kind::parameter) return {p, "p" + number};
      parameters_.back().freeze();
      if (shown) *text << "p" << k << ".freeze();\n";
      return {p, "p" + number};
    }
    case Kind::tied: {
      // A copy of the handle of a parameter.
      const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                      [&](const auto& p) { return p.name() == "p" + std::to_string(leaf.tie); });
      need(found != parameters_.end());
      if (shown) *text << "const Parameter<double> p" << k << " = p" << leaf.tie << ";\n";
      return {Parameter<double>(*found), "p" + number};
    }
    case Kind::watched:
      if (shown) *text << "const V x" << k << " = tape.watch(V(" << numbers << "));\n";
      return {tape.watch(array), "x" + number};
    case Kind::constant:
      if (shown) *text << "const V c" << k << " = " << numbers << ";\n";
      return {V(array), "c" + number};
    case Kind::foreign:
      if (shown)
        *text << "const V c" << k << " = [&] {\n  Tape<double> other;\n  return other.watch(V(" << numbers
              << ")) * 1;\n}();\n";
      Tape<double> other;
      return {other.watch(V(array)) * 1, "c" + number};
  }
  return {};
}

inline void Run::execute(Environment& values, std::size_t begin, std::size_t end, std::size_t block) {
  for (std::size_t k = begin; k < end;) {
    while (block < program_.blocks.size() && program_.blocks[block].begin < k) ++block;
    if (block == program_.blocks.size() || program_.blocks[block].begin > k) {
      if (last_[k]) step(k, values);
      ++k;
      continue;
    }
    const Block& next = program_.blocks[block];
    if (next.around == Around::checkpoint) {
      checkpointed(block, values);
    } else {
      const bool of_tape = next.around == Around::tape;
      const std::string name = (of_tape ? "tape" : "scope") + std::to_string(block);
      if (text)
        *text << "auto " << name << " = std::make_unique<"
              << (of_tape ? "Tape<double>>(random" : "Scope>(\"scope\", " + std::to_string(block)) << ");\n";
      std::optional<Scope> scope;
      std::optional<Tape<double>> inner;
      if (of_tape)
        inner.emplace(random_);
      else
        scope.emplace("scope", std::int64_t(block));
      execute(values, next.begin, next.end, block + 1);
      if (text) *text << name << ".reset();\n";
    }
    k = next.end;
  }
}

inline void Run::step(std::size_t k, Environment& values) {
  const Line& line = *program_.line(k);
  std::vector<Value> operands;
  for (const Place& x : line.operands) {
    need(x.output < values[x.line].size());
    operands.push_back(values[x.line][x.output]);
  }
  Call call(*this, k, std::move(operands), line.seed);
  const Many results = line.row->apply(call);
  need(!results.empty());
  const std::string name = "v" + std::to_string(k);
  values[k].clear();
  for (const V& y : results) {
    need(y.size() <= most);
    for (const double number : y.value().storage()) need(std::abs(number) <= largest);
    values[k].push_back({y, !text                 ? ""
                            : results.size() == 1 ? name
                                                  : name + "[" + std::to_string(values[k].size()) + "]"});
  }
  if (text) *text << "const " << (results.size() == 1 ? "V " : "auto ") << name << " = " << call.text << ";\n";
}

inline void Run::checkpointed(std::size_t number, Environment& values) {
  const Block& block = program_.blocks[number];
  const auto known = [&](const std::vector<Place>& places) {
    std::vector<Place> result;
    for (const Place& x : places)
      if (last_[x.line] && x.output < values[x.line].size()) result.push_back(x);
    return result;
  };
  const std::vector<Place> inputs = known(block.inputs), passed = known(block.passed);
  std::vector<std::size_t> made;  // lines whose results are needed afterwards
  for (std::size_t k = block.begin; k < block.end; ++k)
    if (last_[k] >= block.end) made.push_back(k);
  if (made.empty() && passed.empty()) return;

  const auto counts = std::make_shared<std::vector<std::size_t>>();  // of the results of these lines
  const std::string name = "out" + std::to_string(number);
  if (text) *text << "const Many " << name << " = checkpoint([=](const Many& in) {\n";
  const auto body = [=, this, &block, outer = values](const Many& in) {
    Environment inner = outer;
    for (std::size_t k = 0; k < inputs.size(); ++k)
      inner[inputs[k].line][inputs[k].output] = {in[k], "in[" + std::to_string(k) + "]"};
    ++depth;
    execute(inner, block.begin, block.end, number + 1);
    --depth;
    counts->clear();
    std::vector<Value> out;
    for (std::size_t k : made) {
      counts->push_back(inner[k].size());
      out.insert(out.end(), inner[k].begin(), inner[k].end());
    }
    for (const Place& x : passed) out.push_back(inner[x.line][x.output]);
    if (block.twice) {
      const std::vector<Value> once = out;
      out.insert(out.end(), once.begin(), once.end());
    }
    Many result;
    for (const Value& value : out) {
      if (text) *text << (result.empty() ? "return Many{" : ", ") << value.name;
      result.push_back(value.x);
    }
    if (text) *text << "};\n";
    return result;
  };
  Many in;
  std::string names;
  for (const Place& x : inputs) {
    names += (in.empty() ? "" : ", ") + values[x.line][x.output].name;
    in.push_back(values[x.line][x.output].x);
  }
  const Many out = checkpoint(body, in);
  if (text) *text << "}, Many{" << names << "});\n";

  std::size_t next = 0;
  const auto bind = [&](Value& value) {
    const auto output = [&](std::size_t k) { return name + "[" + std::to_string(k) + "]"; };
    const std::size_t again = next + out.size() / 2;
    value = {out[next], output(next)};
    if (block.twice)
      value = {out[next] * 0.25 + out[again] * 0.75, "(" + output(next) + " * 0.25 + " + output(again) + " * 0.75)"};
    ++next;
  };
  for (std::size_t k = 0; k < made.size(); ++k) {
    values[made[k]].resize((*counts)[k]);
    for (Value& value : values[made[k]]) bind(value);
  }
  for (const Place& x : passed) bind(values[x.line][x.output]);
}

inline V Run::loss() {
  values_.resize(program_.size());
  execute(values_, program_.leaves.size(), program_.size(), 0);
  V loss = 0;
  std::string sum;
  for (const Place& x : program_.terms) {
    need(x.output < values_[x.line].size());
    const Value& value = values_[x.line][x.output];
    const std::uint64_t seed = program_.seed + x.line;
    loss = loss + unroll::sum(value.x * V(Draw{seed, value.x.shape()}));
    if (text)
      sum += (sum.empty() ? "" : " + ") + ("sum(" + value.name) + " * Random(" + std::to_string(seed) +
             ").normal<double>(" + list(value.x.shape()) + "))";
  }
  if (text) *text << "const V loss = " << sum << ";\n";
  text = nullptr;  // a sweep may call checkpoints again
  return loss;
}

}  // namespace unroll::programs

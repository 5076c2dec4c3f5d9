// How programs run.
#include "programs.hpp"

namespace unroll::programs {

void Call::decide(std::uint64_t choice) { run_.decisions = run_.decisions * 0x9E3779B97F4A7C15u + choice; }

V Call::held(const V& x) {
  const A& first = run_.held_.try_emplace(line_, x.value()).first->second;
  return first == x.value() ? x : V(first);
}

Value Run::leaf(std::size_t k, const A& array) {
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

void Run::execute(Environment& values, std::size_t begin, std::size_t end, std::size_t block) {
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

void Run::step(std::size_t k, Environment& values) {
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

void Run::checkpointed(std::size_t number, Environment& values) {
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

V Run::loss() {
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

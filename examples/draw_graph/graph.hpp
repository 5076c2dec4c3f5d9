#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unroll/autograd/autograd.hpp>
#include <vector>

namespace unroll::examples {

/// A value that a tape has recorded.
struct Recorded {
  /// One that it was made of.
  struct Operand {
    std::size_t index;   ///< of the value
    std::size_t number;  ///< among all operands of the operation
  };
  std::string label;              ///< what `named` calls it
  std::string operation;          ///< "softmax" for every part of one
  std::string parameter;          ///< its name, if it is one
  const Path* scope;              ///< of an operation of several parts, or null
  std::int64_t step;              ///< of time; 0 for what was made before the first
  std::vector<Operand> operands;  ///< without constants
  bool swept = false;             ///< whether a sweep came by with a gradient
};

/// All that a tape has recorded, in order; it goes on to watch the sweep, which must be what the tape does next.
class Graph final : public Observer<float> {
 public:
  explicit Graph(const Tape<float>& tape) {
    for (std::uint32_t k = 0; k < tape.size(); ++k) {
      const Node<float>& node = tape.node(k);
      const Path *scope = nullptr, *step = node.path;
      for (; step && step->number < 0; step = step->outer) scope = step;
      const auto* parameter = node.leaf ? node.leaf->handle.tensor().parameter.get() : nullptr;
      Recorded value{.label = node.label ? node.label : "",
                     .operation = scope ? scope->name : node.name,
                     .parameter = parameter ? parameter->name : "",
                     .scope = scope,
                     .step = step ? step->number : 0,
                     .operands = {}};
      for (std::size_t i = 0; i < node.operands().size(); ++i)
        if (const std::uint32_t index = node.operands()[i].index; index != Node<float>::constant)
          value.operands.push_back({index, i});
      values_.push_back(std::move(value));
      places_[&node] = k;
    }
  }

  const std::vector<Recorded>& values() const { return values_; }

 private:
  void sweeping(const Node<float>& node, const Variable<float>&) override { values_[places_.at(&node)].swept = true; }

  std::vector<Recorded> values_;
  std::unordered_map<const Node<float>*, std::size_t> places_;
};

}  // namespace unroll::examples

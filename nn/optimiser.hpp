#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "autograd/parameter.hpp"
#include "nn/clipping.hpp"
#include "nn/options.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Parameters that an optimiser moves in a way of their own.
template <class T>
struct ParameterGroup {
  std::vector<Parameter<T>> parameters;
  double learning_rate_factor = 1;
  std::optional<double> weight_decay = {};  ///< the optimiser's unless given
};

/// What an optimiser moves: parameters, or groups of them:
/// Adam<float>({{.parameters = words, .learning_rate_factor = 0.1}, {.parameters = rest}}, {.weight_decay = 0.01})
template <class T>
struct ParameterGroups : std::vector<ParameterGroup<T>> {
  ParameterGroups() = default;
  ParameterGroups(std::vector<Parameter<T>> all) { this->push_back({std::move(all)}); }
  ParameterGroups(std::initializer_list<Parameter<T>> all) : ParameterGroups(std::vector<Parameter<T>>(all)) {}
  ParameterGroups(std::vector<ParameterGroup<T>> groups) : std::vector<ParameterGroup<T>>(std::move(groups)) {}
  ParameterGroups(std::initializer_list<ParameterGroup<T>> groups) : std::vector<ParameterGroup<T>>(groups) {}
};

/// The step of one parameter x with gradient g.
template <class T>
struct Step {
  double learning_rate, weight_decay;
  double count;  ///< 1 at the parameter's first step
  std::span<T> x;
  const Array<T>& g;
  const Indices* rows;  ///< those rows of x that g has; null for all
  std::vector<Array<T>>& memory;
};

/// Calls rule(x, g, memory...) for each element, with g = ∇ + λ x and the first n arrays of the memory; what is not
/// kept there is 0 before each step. If the weights `decay`, by λ or in the rule, an infinite element stays as it is,
/// as if g were 0; else no finite step moves it.
template <std::size_t n, class T, class Rule>
void each(const Step<T>& step, const Rule& rule, bool decay) {
  const T factor = T(step.weight_decay);
  [&]<std::size_t... k>(std::index_sequence<k...>) {
    constexpr std::size_t most = 256;  // elements at a time, for which there is spare memory
    [[maybe_unused]] T spare[n + 1][most];
    const std::size_t blocks = step.rows ? step.rows->size() : 1, length = blocks ? step.g.size() / blocks : 0;
    for (std::size_t block = 0; block < blocks; ++block) {
      for (std::size_t done = 0; done < length; done += most) {
        const std::size_t count = std::min(most, length - done);
        T* const x = step.x.data() + (step.rows ? std::size_t((*step.rows)(block)) * length : 0) + done;
        const T* const g = step.g.data() + block * length + done;
        [[maybe_unused]] T* const memory[n + 1] = {step.memory[k].size()
                                                       ? step.memory[k].data() + (x - step.x.data())
                                                       : std::fill_n(spare[k], count, T(0)) - count...};
        const auto run = [&](const auto& slope, const auto& moves) {
#ifndef __clang__  // which asks at run time whether they overlap
#pragma GCC ivdep
#endif
          for (std::size_t i = 0; i < count; ++i) {
            T after = x[i];
            rule(after, moves(x[i]) ? slope(i) : T(0), memory[k][i]...);
            x[i] = moves(x[i]) ? after : x[i];
          }
        };
        if (decay)
          run([&](std::size_t i) { return g[i] + factor * x[i]; },
              [](T element) { return std::abs(element) <= std::numeric_limits<T>::max(); });
        else
          run([&](std::size_t i) { return g[i]; }, [](T) { return true; });
      }
    }
  }
  (std::make_index_sequence<n>());
}
template <std::size_t n, class T, class Rule>
void each(const Step<T>& step, const Rule& rule) {
  each<n>(step, rule, step.weight_decay != 0);
}

/// What optimisers share: parameters, what is remembered of each, and the learning rate, which schedules set. One's own
/// is an update() by each(step, rule).
template <class T>
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Moves each parameter that has a gradient and is not frozen. A gradient that is not finite is an Error that names
  /// its parameter, and so are gradients none of which is by one of these parameters; nothing changes then.
  void step(const Gradients<T>& gradients);

  double learning_rate;

  /// "adam", "sgd", ...
  const char* name() const { return name_; }
  /// Calls f(name, value) for what there is to save: the learning rate, and of each parameter the number of its steps
  /// and the arrays that are kept.
  template <class F>
  void visit_state(const F& f) {
    f("learning_rate", learning_rate);
    for (std::size_t k = 0; k < members_.size(); ++k) {
      Member& member = members_[k];
      const std::string name = member.parameter.name().empty() ? std::to_string(k) : member.parameter.name();
      f(name + ".steps", member.steps);
      for (std::size_t n = 0; n < member.memory.size(); ++n)
        if (member.memory[n].size() > 0) f(name + "." + std::to_string(n), member.memory[n]);
    }
  }

 protected:
  /// `kept` says of each array of a step's memory whether it is kept from step to step. If what has neither gradient
  /// nor decay `rests`, the rows of a table that were not taken are not touched.
  Optimizer(const char* name, const ParameterGroups<T>& groups, double rate, double weight_decay,
            const std::vector<bool>& kept, bool rests = false);
  virtual void update(Step<T> step) const = 0;
  const char* name_;

 private:
  struct Member {
    Parameter<T> parameter;
    double learning_rate_factor, weight_decay;
    std::vector<Array<T>> memory;
    std::size_t steps = 0;
  };
  std::vector<Member> members_;
  bool rests_;
};

}  // namespace nn
}  // namespace unroll

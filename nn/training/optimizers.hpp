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

#include "../../autograd/parameter.hpp"
#include "../options.hpp"
#include "clipping.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// Parameters that an optimizer moves in a way of their own.
template <class T> struct ParameterGroup {
  std::vector<Parameter<T>> parameters;     ///< each in one group
  double learning_rate_factor = 1;          ///< by which the optimizer's is multiplied
  std::optional<double> weight_decay = {};  ///< the optimizer's unless given
};

/// What an optimizer moves: parameters, or groups of them:
/// Adam<float>({{.parameters = words, .learning_rate_factor = 0.1}, {.parameters = rest}}, {.weight_decay = 0.01})
template <class T> struct ParameterGroups : std::vector<ParameterGroup<T>> {
  ParameterGroups() = default;
  ///@{
  /// One group of all, or several groups.
  ParameterGroups(std::vector<Parameter<T>> all) { this->push_back({std::move(all)}); }
  ParameterGroups(std::initializer_list<Parameter<T>> all) : ParameterGroups(std::vector<Parameter<T>>(all)) {}
  ParameterGroups(std::vector<ParameterGroup<T>> groups) : std::vector<ParameterGroup<T>>(std::move(groups)) {}
  ParameterGroups(std::initializer_list<ParameterGroup<T>> groups) : std::vector<ParameterGroup<T>>(groups) {}
  ///@}
};

/// The step of one parameter x with gradient g.
template <class T> struct Step {
  double learning_rate;           ///< η, the group's
  double weight_decay;            ///< λ, the group's
  double count;                   ///< 1 at the parameter's first step
  std::span<T> x;                 ///< all elements
  const Array<T>& g;              ///< without λ x
  const Indices* rows;            ///< those rows of x that g has; null for all
  std::vector<Array<T>>& memory;  ///< in the shape of x, but empty where nothing is kept
};

/// Calls rule(x, g, memory...) for each element, with g = ∇ + λ x and the first n arrays of the memory; what is not
/// kept there is 0 before each step. If the weights `decay`, by λ or in the rule, an infinite element stays as it is,
/// as if g were 0; else no finite step moves it.
template <std::size_t n, class T, class Rule> void each(const Step<T>& step, const Rule& rule, bool decay) {
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
/// The same, where the weights decay by λ alone.
template <std::size_t n, class T, class Rule> void each(const Step<T>& step, const Rule& rule) {
  each<n>(step, rule, step.weight_decay != 0);
}

/// What optimizers share: parameters, what is remembered of each, and the learning rate, which schedules set. One's own
/// is an update() by each(step, rule). All throw where an option is negative or not finite, and where a parameter is
/// given twice or none is.
template <class T> class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Moves each parameter that has a gradient and is not frozen. A gradient that is not finite is an Error that names
  /// its parameter, and so are gradients none of which is by one of these parameters; nothing changes then.
  void step(const Gradients<T>& gradients);

  double learning_rate;  ///< η of the next step

  /// "adam", "sgd", ...
  const char* name() const { return name_; }
  /// Calls f(name, value) for what there is to save: the learning rate, and of each parameter the number of its steps
  /// and the arrays that are kept.
  template <class F> void visit_state(const F& f) {
    f("learning_rate", learning_rate);
    for (std::size_t k = 0; k < members_.size(); ++k) {
      Member& member = members_[k];
      const std::string& own = member.parameter.name();
      const auto same = [&](const Member& other) { return other.parameter.name() == own; };
      const bool unique = !own.empty() && std::ranges::count_if(members_, same) == 1;  // not so in several modules
      const std::string name = unique ? own : std::to_string(k);
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
  /// Moves the elements of one parameter.
  virtual void update(Step<T> step) const = 0;

 private:
  const char* name_;  // a literal
  struct Member {
    Parameter<T> parameter;
    double learning_rate_factor, weight_decay;
    std::vector<Array<T>> memory;
    std::size_t steps = 0;
  };
  std::vector<Member> members_;
  bool rests_;
};

// In the equations η is the learning rate, g = ∇ + λ x the gradient with weight decay λ, t the number of steps, and
// what is remembered starts at 0; each gives what PyTorch's optimizer of that name gives. Without ε, 0 / 0 is no step.

/// Options of SGD.
struct SGDOptions {
  double learning_rate = 0.01;  ///< η
  double momentum = 0;          ///< μ
  double weight_decay = 0;      ///< λ
  bool nesterov = false;        ///< x = x − η (g + μ v): Sutskever et al. (2013)
};

/// v = μ v + g,  x = x − η v
template <class T> class SGD final : public Optimizer<T> {
 public:
  /// Throws where nesterov has no momentum.
  explicit SGD(const ParameterGroups<T>& parameters, const SGDOptions& options = {});

 private:
  void update(Step<T> step) const override;
  SGDOptions options_;
};

/// Options of Adam and AdamW.
struct AdamOptions {
  double learning_rate = 1e-3;  ///< η
  double beta1 = 0.9;           ///< β₁, in [0, 1)
  double beta2 = 0.999;         ///< β₂, in [0, 1)
  double epsilon = 1e-8;        ///< ε
  double weight_decay = 0;      ///< λ
  bool amsgrad = false;         ///< the largest v so far takes the place of v: Reddi et al. (2018)
};

/// m = β₁ m + (1 − β₁) g,  v = β₂ v + (1 − β₂) g²,  x = x − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
/// Kingma and Ba (2015)
template <class T> class Adam : public Optimizer<T> {
 public:
  /// Throws where an option is outside its range.
  explicit Adam(const ParameterGroups<T>& parameters, const AdamOptions& options = {})
      : Adam("adam", parameters, options, false) {}

 protected:
  /// For AdamW: whether the weights decay by themselves instead of through the gradient.
  Adam(const char* name, const ParameterGroups<T>& parameters, const AdamOptions& options, bool decoupled);
  void update(Step<T> step) const override;

 private:
  AdamOptions options_;
  bool decoupled_;
};

/// Adam whose weights decay by themselves: x = x − η λ x first, with g = ∇. Loshchilov and Hutter (2019)
template <class T> class AdamW final : public Adam<T> {
 public:
  /// Throws where an option is outside its range.
  explicit AdamW(const ParameterGroups<T>& parameters, const AdamOptions& options = {.weight_decay = 0.01})
      : Adam<T>("adamw", parameters, options, true) {}
};

/// Options of RMSprop.
struct RMSpropOptions {
  double learning_rate = 0.01;  ///< η
  double alpha = 0.99;          ///< α, in [0, 1)
  double epsilon = 1e-8;        ///< ε
  double momentum = 0;          ///< μ
  double weight_decay = 0;      ///< λ
  bool centred = false;         ///< s − m² instead of s, with m = α m + (1 − α) g: Graves (2013)
};

/// s = α s + (1 − α) g²,  v = μ v + g / (√s + ε),  x = x − η v. Tieleman and Hinton (2012)
template <class T> class RMSprop final : public Optimizer<T> {
 public:
  /// Throws where an option is outside its range.
  explicit RMSprop(const ParameterGroups<T>& parameters, const RMSpropOptions& options = {});

 private:
  void update(Step<T> step) const override;
  RMSpropOptions options_;
};

/// Options of Adagrad.
struct AdagradOptions {
  double learning_rate = 0.01;     ///< η
  double learning_rate_decay = 0;  ///< ζ in η / (1 + (t − 1) ζ), which takes the place of η
  double epsilon = 1e-10;          ///< ε
  double weight_decay = 0;         ///< λ
  double initial = 0;              ///< what s starts at
};

/// s = s + g²,  x = x − η g / (√s + ε). Duchi et al. (2011)
template <class T> class Adagrad final : public Optimizer<T> {
 public:
  /// Throws where an option is outside its range.
  explicit Adagrad(const ParameterGroups<T>& parameters, const AdagradOptions& options = {});

 private:
  void update(Step<T> step) const override;
  AdagradOptions options_;
};

/// Options of Adadelta.
struct AdadeltaOptions {
  double learning_rate = 1;  ///< η
  double rho = 0.9;          ///< ρ, in [0, 1)
  double epsilon = 1e-6;     ///< ε
  double weight_decay = 0;   ///< λ
};

/// s = ρ s + (1 − ρ) g²,  d = g √(u + ε) / √(s + ε),  u = ρ u + (1 − ρ) d²,  x = x − η d. Zeiler (2012)
template <class T> class Adadelta final : public Optimizer<T> {
 public:
  /// Throws where an option is outside its range.
  explicit Adadelta(const ParameterGroups<T>& parameters, const AdadeltaOptions& options = {});

 private:
  void update(Step<T> step) const override;
  AdadeltaOptions options_;
};

}  // namespace nn
}  // namespace unroll

#pragma once

#include <optional>
#include <tuple>

#include "functions/functions.hpp"
#include "kernels/traverse.hpp"
#include "tape.hpp"

namespace UNROLL_PUBLIC unroll {

/// The array of x as a constant, without gaps between its rows.
template <class T>
Variable<T> detach(const Variable<T>& x);

template <class T>
using Handles = std::span<const Variable<T>* const>;

/// The value of an elementwise function.
template <class T>
Shared<Tensor<T>> evaluate(const char* name, Loop<T> loop, const void* function, Handles<T> operands);

/// Adds the value of an elementwise function, summed over the axes along which the adjoint was broadcast. If this is
/// their last use, the operands' memory may become that of the adjoint.
template <class T>
void accumulate(Adjoint<T>& into, Loop<T> loop, const void* function, Handles<T> operands, bool last = false);

/// Calls f(std::integral_constant) for the k-th of n.
template <std::size_t n, class F>
void select_index(std::size_t k, const F& f) {
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (void)((k == index && (f(std::integral_constant<std::size_t, index>{}), true)) || ...);
  }
  (std::make_index_sequence<n>{});
}

template <class T, class F>
class ElementwiseNode final : public Node<T> {
 public:
  static constexpr std::size_t count = F::operands;
  using Indices = std::array<std::uint32_t, count>;

  ElementwiseNode(const Variable<T>& result, const F& f, const Loops<T>& loops, const Indices& indices, Handles<T> x)
      : Node<T>(f.name, result.shape(), indices_), function_(f), loops_(loops), indices_(indices) {
    std::size_t n = 0;
    if constexpr (F::kept == keep::other) {
      // What only the rule of a constant would need is not kept.
      for (; n < 2; ++n)
        if (indices[n] != Node<T>::constant) kept_[n] = *x[1 - n];
    } else {
      if constexpr ((F::kept & keep::result) != 0) kept_[n++] = result;
      for (std::size_t k = 0; k < count; ++k)
        if (F::kept & (keep::first << k)) kept_[n++] = *x[k];
    }
  }

  void pull(std::size_t k, Variable<T>& g, Adjoint<T>& into, bool last) override {
    select_index<count>(k, [&](auto index) { pull<int(index)>(g, into, last); });
  }

 private:
  static constexpr std::size_t keeps = RuleOf<0>::count(F::kept, F::operands) - 1 + (F::kept == keep::other);

  template <int k>
  void pull(Variable<T>& g, Adjoint<T>& into, bool last) {
    using Rule = RuleOf<k>;
    if constexpr (Rule::template none<F>) {
      return;
    } else if constexpr (same<decltype(Rule::of(function_)), const Pass&>) {
      into.pass(g, last);
    } else {
      constexpr std::size_t arguments = Rule::template arguments<F>;
      std::array<const Variable<T>*, arguments> x{&g};
      for (std::size_t i = 1; i < arguments; ++i) x[i] = &kept_[F::kept == keep::other ? k : i - 1];
      if (!Tape<T>::innermost()) return accumulate<T>(into, loops_.rules[k], &function_, x, last);
      std::array<Variable<T>, arguments> values;
      for (std::size_t i = 0; i < arguments; ++i) values[i] = *x[i];
      into += spread<arguments>(Rule::of(function_), values.data());
    }
  }

  [[no_unique_address]] F function_;
  const Loops<T>& loops_;
  Indices indices_;
  std::array<Variable<T>, keeps> kept_;
};

/// An elementwise function of operands that broadcast: evaluated, and recorded if the tape has recorded one of them.
template <class T, class F, class... More>
Variable<T> apply(const F& f, const Loops<T>& loops, const Variable<T>& x, const More&... more) {
  const std::array<const Variable<T>*, F::operands> operands{&x, &more...};
  Shared<Tensor<T>> y = evaluate<T>(f.name, loops.value, &f, operands);
  if constexpr (F::differentiable) {
    if (Tape<T>* tape = Tape<T>::innermost()) {
      std::array<std::uint32_t, F::operands> indices;
      bool any = false;
      for (std::size_t k = 0; k < indices.size(); ++k) {
        indices[k] = loops.rules[k] ? tape->index_of(*operands[k]) : Node<T>::constant;
        any |= indices[k] != Node<T>::constant;
      }
      if (any) return tape->template record<ElementwiseNode<T, F>>(std::move(y), f, loops, indices, operands);
    }
  }
  return Variable<T>(std::move(y));
}

/// An elementwise primitive: operands, value, and a rule for each operand, all of them maths on numbers and Variables
/// alike. A rule is given the adjoint g of the result and then what is kept: `keep::result`, `keep::first`, ...
///
///     elementwise<keep::first>("cube", x, [](auto x) { return x * x * x; }, [](auto g, auto x) { return 3 * g * x * x;
///     })
template <unsigned Keep, class T, class Value, class Rule>
Variable<T> elementwise(const char* name, const Variable<T>& x, Value value, Rule rule) {
  using F = Function<Keep, Value, Rule>;
  static constexpr Loops<T> loops = loops_of<T, Portable, F>();
  return apply<T>(F{name, value, rule}, loops, x);
}

template <unsigned Keep, class T, class Value, class A, class B>
Variable<T> elementwise(const char* name, const Variable<T>& a, const std::type_identity_t<Variable<T>>& b, Value value,
                        A rule_a, B rule_b) {
  using F = Function<Keep, Value, A, B>;
  static constexpr Loops<T> loops = loops_of<T, Portable, F>();
  return apply<T>(F{name, value, rule_a, rule_b}, loops, a, b);
}

template <class T, class... Rules>
class RuleNode final : public Node<T> {
 public:
  using Indices = std::array<std::uint32_t, sizeof...(Rules)>;

  RuleNode(const Variable<T>& result, const char* name, const Indices& indices, Rules&&... rules)
      : Node<T>(name, result.shape(), indices_), indices_(indices) {
    std::size_t k = 0;
    // The rule of a constant is not stored, and so what it captured is not kept.
    std::apply(
        [&](auto&... stored) {
          ((indices[k++] != Node<T>::constant ? void(stored.emplace(std::move(rules))) : void()), ...);
        },
        rules_);
    if constexpr (needs_result) result_ = result;
  }

  void pull(std::size_t k, Variable<T>& g, Adjoint<T>& into, bool last) override {
    select_index<sizeof...(Rules)>(k, [&](auto index) {
      const auto& rule = *std::get<index>(rules_);
      if constexpr (same<decltype(rule), const Pass&>)
        into.pass(g, last);
      else if constexpr (std::is_invocable_v<decltype(rule), const Variable<T>&>)
        this->add(into, index, rule(g));
      else
        this->add(into, index, rule(g, result_));
    });
  }

 private:
  static constexpr bool needs_result = !(std::is_invocable_v<const Rules&, const Variable<T>&> && ...);
  struct Nothing {};

  Indices indices_;
  std::tuple<std::optional<Rules>...> rules_;
  [[no_unique_address]] std::conditional_t<needs_result, Variable<T>, Nothing> result_;
};

/// A primitive: its operands, its value, and for each operand a rule, which takes the adjoint g of the result to what
/// the operand's adjoint gains, in Variable operations; it may take the result too, (g, y).
///
///     primitive("outer", {a, b}, value, [b](auto& g) { return matmul(g, b); }, [a](auto& g) { return matmul(a, g); })
template <class T, std::size_t N, class... Rules>
Variable<T> primitive(const char* name, const Variable<T> (&operands)[N],
                      const std::type_identity_t<Variable<T>>& value, Rules... rules) {
  static_assert(sizeof...(Rules) == N, "a primitive has one rule for each operand");
  Tape<T>* const tape = Tape<T>::innermost();
  if (!tape) return value;
  std::array<std::uint32_t, N> indices;
  bool any = false;
  for (std::size_t k = 0; k < N; ++k) any |= (indices[k] = tape->index_of(operands[k])) != Node<T>::constant;
  if (!any) return value;
  return tape->template record<RuleNode<T, Rules...>>(detach(value).shared(), name, indices, std::move(rules)...);
}

template <class T, class Rule>
class ManyNode final : public Node<T> {
 public:
  ManyNode(const Variable<T>& result, const char* name, std::vector<std::uint32_t> indices, const Rule& rule)
      : Node<T>(name, result.shape(), indices), indices_(std::move(indices)), rule_(rule) {}

  void pull(std::size_t k, Variable<T>& g, Adjoint<T>& into, bool) override { this->add(into, k, rule_(k, g)); }

 private:
  std::vector<std::uint32_t> indices_;
  Rule rule_;
};

/// A primitive of any number of operands with one rule (k, g) for all of them.
template <class T, class Rule>
Variable<T> primitive(const char* name, const std::vector<Variable<T>>& operands,
                      const std::type_identity_t<Variable<T>>& value, const Rule& rule) {
  Tape<T>* const tape = Tape<T>::innermost();
  if (!tape) return value;
  std::vector<std::uint32_t> indices;
  bool any = false;
  for (const Variable<T>& operand : operands)
    any |= (indices.emplace_back(tape->index_of(operand))) != Node<T>::constant;
  if (!any) return value;
  return tape->template record<ManyNode<T, Rule>>(detach(value).shared(), name, std::move(indices), rule);
}

}  // namespace unroll

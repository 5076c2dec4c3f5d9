#pragma once

#include <tuple>
#include <type_traits>

#include "functions/function.hpp"
#include "tape.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// The value of an elementwise function of operands that broadcast.
template <class T>
Shared<Tensor<T>> evaluate(const char* name, Loop<T> loop, const void* function, Handles<T> operands);

/// A function of n Variables, element by element, that has not been computed.
template <class T, class F, int n> struct Elementwise {
  const F& f;
  Loop<T> loop;
  std::array<const Variable<T>*, n> x;

  const Shape& shape() const { return x[0]->shape(); }
  Variable<T> value() const {
    std::array<Variable<T>, n> values;
    for (int k = 0; k < n; ++k) values[k] = *x[k];
    return spread<n>(f, values.data());
  }
  void add_to(Adjoint<T>& into) const { into.add(loop, &f, x); }
};

/// The rule f of an operand of an elementwise function, with the n − 1 Variables that f needs beside g.
template <class T, class F, int n> struct ElementwiseRule final : Rule<T> {
  [[no_unique_address]] F f;
  Loop<T> loop;
  std::array<Variable<T>, n - 1> kept;

  ElementwiseRule(const F& rule, Loop<T> runs) : f(rule), loop(runs) {}
  void pull(const Node<T>&, std::size_t, Variable<T>& g, Adjoint<T>& into) override {
    Elementwise<T, F, n> term{f, loop, {&g}};
    for (int k = 1; k < n; ++k) term.x[k] = &kept[k - 1];
    into += term;
  }
};

/// Gives operand k of a node its rule, if it has one.
template <int k, class T, class F>
void give_rule(Tape<T>& tape, Node<T>& node, const F& f, const Loops<T>& loops, const Shared<Tensor<T>>& y,
               Handles<T> operands) {
  const auto& rule = f.template rule<k>();
  using RuleOf = decltype(plain(rule));
  if constexpr (!same<RuleOf, Pass> && !same<RuleOf, NoRule>) {
    if (node.operands[k] == Node<T>::constant) return;
    auto* const made = tape.template make_rule<ElementwiseRule<T, RuleOf, F::arguments>>(rule, loops.rules[k]);
    std::size_t n = 0;
    if constexpr (F::kept == keep::other) {
      made->kept[0] = *operands[1 - k];
    } else {
      if constexpr ((F::kept & keep::result) != 0) made->kept[n++] = Variable<T>(y, tape.next_slot());
      for (std::size_t i = 0; i < operands.size(); ++i)
        if (F::kept & (keep::first << i)) made->kept[n++] = *operands[i];
    }
    node.rules[k] = made;
  }
}

/// An elementwise function: evaluated, and recorded if the tape has recorded one of the operands.
template <class T, class F, class... More>
Variable<T> apply_loops(const F& f, const Loops<T>& loops, const Variable<T>& x, const More&... more) {
  const std::array<const Variable<T>*, F::operands> operands{&x, &more...};
  Shared<Tensor<T>> y = evaluate<T>(f.name, loops.value, &f.value, operands);
  if constexpr (F::differentiable) {
    if (Tape<T>* const tape = Tape<T>::innermost()) {
      std::array<std::uint32_t, F::operands> indices;
      bool any = false;
      for (std::size_t k = 0; k < indices.size(); ++k) {
        indices[k] = loops.rules[k] ? tape->index_of(*operands[k]) : Node<T>::constant;
        any |= indices[k] != Node<T>::constant;
      }
      if (any) {
        auto node = tape->prepare(f.name, y->shape, std::span(std::as_const(indices)), indices.size());
        [&]<int... k>(std::integer_sequence<int, k...>) { (give_rule<k, T>(*tape, *node, f, loops, y, operands), ...); }
        (std::make_integer_sequence<int, F::operands>());
        return tape->record(std::move(node), std::move(y));
      }
    }
  }
  return Variable<T>(std::move(y));
}

/// The rule f of one operand, f(g) or with the result y f(g, y); or of all, f(k, g) for operand k.
template <class T, class F, bool of_all> struct RuleFrom final : Rule<T> {
  static constexpr bool of_result = !of_all && !std::is_invocable_v<const F&, const Variable<T>&>;
  struct Nothing {};

  F f;
  [[no_unique_address]] std::conditional_t<of_result, Variable<T>, Nothing> y;

  RuleFrom(F&& rule, const Variable<T>& result) : f(std::move(rule)) {
    if constexpr (of_result) y = result;
  }
  void pull(const Node<T>& node, std::size_t k, Variable<T>& g, Adjoint<T>& into) override {
    const auto add = [&]<class Given>(const Given& term) {
      if constexpr (Scalar<Given>) {
        into += full<T>(into.shape(), static_cast<T>(term));
      } else {
        require(term.shape() == into.shape(), node.name, "the rule of operand ", k, " gave shape ", term.shape(),
                "; the operand has ", into.shape());
        into += term;
      }
    };
    if constexpr (of_all)
      add(f(k, std::as_const(g)));
    else if constexpr (of_result)
      add(f(std::as_const(g), std::as_const(y)));
    else
      add(f(std::as_const(g)));
  }
};

}  // namespace detail

/// An elementwise primitive: operands, value, and a rule for each operand, all of them maths on numbers and Variables
/// alike. A rule is given the adjoint g of the result and then what is kept: `keep::result`, `keep::first`, ...
///
///     elementwise<keep::first>("square", x, [](auto x) { return x * x; }, [](auto g, auto x) { return 2 * g * x; })
template <unsigned Keep, class T, class Value, class Rule>
Variable<T> elementwise(const char* name, const Variable<T>& x, Value value, Rule rule) {
  using F = detail::Function<Keep, Value, Rule>;
  static constexpr detail::Loops<T> loops = detail::loops_of<T, detail::Portable, F>();
  return detail::apply_loops<T>(F{name, value, rule}, loops, x);
}

/// The same of two operands, which broadcast, with a rule for each.
template <unsigned Keep, class T, class Value, class A, class B>
Variable<T> elementwise(const char* name, const Variable<T>& a, const std::type_identity_t<Variable<T>>& b, Value value,
                        A rule_a, B rule_b) {
  using F = detail::Function<Keep, Value, A, B>;
  static constexpr detail::Loops<T> loops = detail::loops_of<T, detail::Portable, F>();
  return detail::apply_loops<T>(F{name, value, rule_a, rule_b}, loops, a, b);
}

/// A primitive: its operands, its value, and for each operand a rule, which takes the adjoint g of the result to the
/// term of the operand, a Variable; it may take the result too, (g, y).
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
  auto node = tape->prepare(name, value.shape(), std::span(std::as_const(indices)), N);
  const Variable<T> y(detach(value).shared(), tape->next_slot());
  std::size_t k = 0;
  // The rule of a constant is not stored, and so what it captured is not kept.
  const auto give = [&](auto& rule) {
    using F = std::remove_reference_t<decltype(rule)>;
    const std::size_t operand = k++;
    if constexpr (!std::is_same_v<F, Pass>)
      if (indices[operand] != Node<T>::constant)
        node->rules[operand] = tape->template make_rule<detail::RuleFrom<T, F, false>>(std::move(rule), y);
  };
  (give(rules), ...);
  return tape->record(std::move(node), y.shared());
}

/// A primitive of any number of operands with one rule (k, g) for all of them.
template <class T, class F>
Variable<T> primitive(const char* name, const std::vector<Variable<T>>& operands,
                      const std::type_identity_t<Variable<T>>& value, F rule) {
  Tape<T>* const tape = Tape<T>::innermost();
  if (!tape) return value;
  std::vector<std::uint32_t> indices;
  bool any = false;
  for (const Variable<T>& operand : operands)
    any |= (indices.emplace_back(tape->index_of(operand))) != Node<T>::constant;
  if (!any) return value;
  auto node = tape->prepare(name, value.shape(), std::span(std::as_const(indices)), 1);
  node->rules[0] = tape->template make_rule<detail::RuleFrom<T, F, true>>(std::move(rule), value);
  return tape->record(std::move(node), detach(value).shared());
}

}  // namespace unroll

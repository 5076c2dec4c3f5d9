#pragma once

#include <tuple>
#include <type_traits>

#include "functions/function.hpp"
#include "tape.hpp"

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// A function of Variables, element by element, that has not been computed.
template <class T> struct Elementwise {
  const void* f;
  Loop<T> loop;
  Variable<T> (*recorded)(const void* f, Handles<T> x);
  Handles<T> x;

  const Shape& shape() const { return x[0]->shape(); }
  Variable<T> value() const { return recorded(f, x); }
  void add_to(Adjoint<T>& into) const { into.add(loop, f, x); }
};

/// into += term; compiled once for all functions.
template <class T> void add_term(const Elementwise<T>& term, Adjoint<T>& into);

/// The rule f of an operand of an elementwise function, with the n − 1 Variables that f needs beside g.
template <class T, class F, int n> struct ElementwiseRule final : Rule<T> {
  [[no_unique_address]] F f;
  Loop<T> loop;
  std::array<Variable<T>, n - 1> kept;

  ElementwiseRule(const F& rule, Loop<T> runs) : f(rule), loop(runs) {}
  void pull(const Node<T>&, std::size_t, Variable<T>& g, Adjoint<T>& into) override {
    std::array<const Variable<T>*, n> x{&g};
    for (int k = 1; k < n; ++k) x[k] = &kept[k - 1];
    add_term<T>({&f, loop, recorded, x}, into);
  }
  [[gnu::cold]] static Variable<T> recorded(const void* f, Handles<T> x) {
    std::array<Variable<T>, n> values;
    for (int k = 0; k < n; ++k) values[k] = *x[k];
    return spread<n>(*static_cast<const F*>(f), values.data());
  }
};

/// An elementwise function as it is computed and recorded.
template <class T> struct Description {
  /// A rule in the memory of a tape, and where it has what it keeps.
  struct Made {
    Rule<T>* rule;
    Variable<T>* kept;
  };
  const char* name;
  const void *function, *value;
  unsigned kept;
  Made (*make[3])(Tape<T>& tape, const void* function, Loop<T> loop);  ///< null for a rule that hands g on, or is none
};

template <int operand, class T, class F> constexpr auto maker() {
  using RuleOf = decltype(plain(std::declval<F>().template rule<operand>()));
  std::remove_all_extents_t<decltype(Description<T>::make)> make = nullptr;
  if constexpr (!same<RuleOf, Pass> && !same<RuleOf, NoRule>)
    make = [](Tape<T>& tape, const void* function, Loop<T> loop) -> typename Description<T>::Made {
      const auto& rule = static_cast<const F*>(function)->template rule<operand>();
      auto* const made = tape.template make<ElementwiseRule<T, RuleOf, F::arguments>>(rule, loop);
      return {made, made->kept.data()};
    };
  return make;
}

template <class T, class F> constexpr Description<T> describe(const F& f) {
  return {f.name, &f, &f.value, F::kept, {maker<0, T, F>(), maker<1, T, F>(), maker<2, T, F>()}};
}

/// The value of an elementwise function of operands that broadcast, recorded if the tape has recorded one of them.
template <class T> Variable<T> apply_loops(const Description<T>& f, const Loops<T>& loops, Handles<T> operands);

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
  static_assert(!std::is_void_v<std::invoke_result_t<const Value&, const T&>>, "the value must be returned");
  using F = detail::Function<Keep, Value, Rule>;
  static constexpr detail::Loops<T> loops = detail::loops_of<T, detail::Portable, F>();
  const F f{name, value, rule};
  const std::array operands{&x};
  return detail::apply_loops<T>(detail::describe<T>(f), loops, operands);
}

/// The same of two operands, which broadcast, with a rule for each.
template <unsigned Keep, class T, class Value, class A, class B>
Variable<T> elementwise(const char* name, const Variable<T>& a, const std::type_identity_t<Variable<T>>& b, Value value,
                        A rule_a, B rule_b) {
  static_assert(!std::is_void_v<std::invoke_result_t<const Value&, const T&, const T&>>, "the value must be returned");
  using F = detail::Function<Keep, Value, A, B>;
  static constexpr detail::Loops<T> loops = detail::loops_of<T, detail::Portable, F>();
  const F f{name, value, rule_a, rule_b};
  const std::array operands{&a, &b};
  return detail::apply_loops<T>(detail::describe<T>(f), loops, operands);
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
  auto node = tape->prepare(name, value.shape(), N);
  const Variable<T> y(detach(value).shared(), tape->next_slot());
  std::size_t k = 0;
  // The rule of a constant is not stored, and so what it captured is not kept.
  const auto give = [&](auto& rule) {
    using F = std::remove_reference_t<decltype(rule)>;
    const std::uint32_t index = indices[k++];
    Rule<T>* made = nullptr;
    if constexpr (!std::is_same_v<F, Pass>)
      if (index != Node<T>::constant) made = tape->template make<detail::RuleFrom<T, F, false>>(std::move(rule), y);
    node->add(index, made);
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
  auto node = tape->prepare(name, value.shape(), indices.size());
  Rule<T>* const made = tape->template make<detail::RuleFrom<T, F, true>>(std::move(rule), value);
  for (const std::uint32_t index : indices) node->add(index, made);
  return tape->record(std::move(node), detach(value).shared());
}

}  // namespace unroll

#include "../instantiate.hpp"
#include "../kernels/kernels.hpp"
#include "../primitive.hpp"
#include "ops.hpp"
#include "parts.hpp"

namespace unroll {

using namespace detail;

namespace {

template <class T> Shared<Tensor<T>> evaluate(const Description<T>& f, Loop<T> loop, Handles<T> operands) {
  Inputs<T> in;
  for (const Variable<T>* operand : operands) in.views[in.count++] = operand->tensor().view();
  if (in.dense(operands[0]->shape())) {
    const Tensor<T>& like = operands[0]->tensor();
    Shared<Tensor<T>> result(new Tensor<T>(like.shape, like.layout.run));
    run_dense(loop, f.value, like.layout.run, in, result->buffer.data(), Write::assign);
    return result;
  }
  const Shape shape = in.common_shape(f.name);
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  traverse(shape, loop, f.value, in, result->place(), Write::assign);
  return result;
}

// Puts what a rule needs beside g into its place: of operand k, and with the result y.
template <class T>
void keep_operands(unsigned kept, std::size_t k, Handles<T> operands, const Variable<T>& y, Variable<T>* place) {
  if (kept == keep::other) {
    *place = *operands[1 - k];
    return;
  }
  if (kept & keep::result) *place++ = y;
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (kept & (keep::first << i)) *place++ = *operands[i];
}

}  // namespace

template <class T> [[gnu::noinline]] void detail::add_term(const Elementwise<T>& term, Adjoint<T>& into) {
  into += term;
}

template <class T>
[[gnu::noinline]] Variable<T> detail::apply_loops(const Description<T>& f, const Loops<T>& loops, Handles<T> operands) {
  Shared<Tensor<T>> y = evaluate(f, loops.value, operands);
  Tape<T>* const tape = Tape<T>::innermost();
  if (!tape) return Variable<T>(std::move(y));
  std::array<std::uint32_t, 3> indices;
  bool any = false;
  for (std::size_t k = 0; k < operands.size(); ++k) {
    indices[k] = loops.rules[k] ? tape->index_of(*operands[k]) : Node<T>::constant;
    any |= indices[k] != Node<T>::constant;
  }
  if (!any) return Variable<T>(std::move(y));
  auto node = tape->prepare(f.name, y->shape, operands.size());
  for (std::size_t k = 0; k < operands.size(); ++k) {
    if (!f.make[k] || indices[k] == Node<T>::constant) {
      node->add(indices[k], nullptr);
      continue;
    }
    const auto [rule, kept] = f.make[k](*tape, f.function, loops.rules[k]);
    node->add(indices[k], rule);
    keep_operands(f.kept, k, operands, Variable<T>(y, tape->next_slot()), kept);
  }
  return tape->record(std::move(node), std::move(y));
}

template <const auto& f, class T, class... More> Variable<T> detail::apply(const Variable<T>& x, const More&... more) {
  static constexpr Description<T> description = describe<T>(f);
  const std::array<const Variable<T>*, 1 + sizeof...(More)> operands{&x, &more...};
  return apply_loops<T>(description, vector_loops<T>(f), operands);
}

template <class T> Variable<T> detail::recorded_sum(const Variable<T>& sum, const Variable<T>& x, const Shape& shape) {
  const bool larger = broadcast("adjoint", x.shape(), shape) == x.shape();
  const Variable<T> term = larger ? sum_to(x, shape) : broadcast_to(x, shape);
  return sum.has_value() ? sum + term : term;
}

template <class T> Variable<T> detail::contiguous(const Variable<T>& x) {
  return x.tensor().gapless() ? x : detail::apply<functions::copy>(x);
}

namespace {

// The operation of a function that the library has, for so many operands.
template <const auto& f, class T> constexpr auto operation_of() {
  if constexpr (decltype(plain(f))::operands == 1)
    return &detail::apply<f, T>;
  else if constexpr (decltype(plain(f))::operands == 2)
    return &detail::apply<f, T, Variable<T>>;
  else
    return &detail::apply<f, T, Variable<T>, Variable<T>>;
}

template <class T, const auto&... f> constexpr auto operations_of(functions::List<f...>) {
  return std::tuple(operation_of<f, T>()...);
}

}  // namespace

extern const auto elementwise_operations = for_float_and_double([]<class T>() {
  return std::tuple(operations_of<T>(functions::Vectorised{}), &apply_loops<T>, &add_term<T>, &recorded_sum<T>,
                    &contiguous<T>);
});

}  // namespace unroll

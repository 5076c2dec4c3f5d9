#include "../instantiate.hpp"
#include "../kernels/kernels.hpp"
#include "../primitive.hpp"
#include "ops.hpp"
#include "parts.hpp"

namespace unroll {

using namespace detail;

template <class T>
Shared<Tensor<T>> detail::evaluate(const char* name, Loop<T> loop, const void* function, Handles<T> operands) {
  Inputs<T> in;
  for (const Variable<T>* operand : operands) in.views[in.count++] = operand->tensor().view();
  if (in.dense(operands[0]->shape())) {
    const Tensor<T>& like = operands[0]->tensor();
    Shared<Tensor<T>> result(new Tensor<T>(like.shape, like.layout.run));
    run_dense(loop, function, like.layout.run, in, result->buffer.data(), Write::assign);
    return result;
  }
  const Shape shape = in.common_shape(name);
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  traverse(shape, loop, function, in, result->place(), Write::assign);
  return result;
}

template <const auto& f, class T, class... More> Variable<T> detail::apply(const Variable<T>& x, const More&... more) {
  return apply_loops<T>(f, vector_loops<T>(f), x, more...);
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
  return std::tuple(operations_of<T>(functions::Vectorised{}), &evaluate<T>, &recorded_sum<T>, &contiguous<T>);
});

}  // namespace unroll

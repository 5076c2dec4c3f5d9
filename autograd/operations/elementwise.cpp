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
  return std::tuple{operation_of<f, T>()...};
}

}  // namespace

// What ops.hpp calls is compiled here, since its address is taken.
extern const auto float_operations = operations_of<float>(functions::Vectorised{});
extern const auto double_operations = operations_of<double>(functions::Vectorised{});

template Shared<Tensor<float>> detail::evaluate(const char*, Loop<float>, const void*, Handles<float>);
template Shared<Tensor<double>> detail::evaluate(const char*, Loop<double>, const void*, Handles<double>);
template Variable<float> detail::recorded_sum(const Variable<float>&, const Variable<float>&, const Shape&);
template Variable<double> detail::recorded_sum(const Variable<double>&, const Variable<double>&, const Shape&);
template Variable<float> detail::contiguous(const Variable<float>&);
template Variable<double> detail::contiguous(const Variable<double>&);

}  // namespace unroll

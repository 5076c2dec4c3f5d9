#include "primitive.hpp"

#include <algorithm>

#include "kernels.hpp"

namespace unroll {

namespace {

template <class T>
Shape common_shape(const char* where, Handles<T> operands) {
  Shape shape = operands[0]->shape();
  for (std::size_t k = 1; k < operands.size(); ++k)
    if (!(operands[k]->shape() == shape)) shape = broadcast(where, shape, operands[k]->shape());
  return shape;
}

template <class T>
void run(const Shape& shape, Loop<T> loop, const void* function, Handles<T> operands, const View<T>& out, Write write) {
  const std::size_t size = shape.elements();
  Stream<const T> streams[most_operands];
  bool alike = out.shape == shape && out.run == out.pitch;
  for (std::size_t k = 0; alike && k < operands.size(); ++k) {
    const Tensor<T>& x = operands[k]->tensor();
    alike = x.size() == size && x.contiguous();
    streams[k] = {x.data(), 0, 1};
  }
  if (alike) return loop(function, 1, size, streams, {out.data, 0, 1}, write);
  Strided<const T> in[most_operands];
  for (std::size_t k = 0; k < operands.size(); ++k) in[k] = strided(view(*operands[k]), shape);
  traverse<T>(shape, loop, function, {in, operands.size()}, strided(out, shape), write);
}

}  // namespace

template <class T>
Shared<Tensor<T>> evaluate(const char* name, Loop<T> loop, const void* function, Handles<T> operands) {
  const Shape shape = common_shape(name, operands);
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  run<T>(shape, loop, function, operands, {result->buffer.data(), shape, result->run, result->pitch}, Write::assign);
  return result;
}

template <class T>
void accumulate(Adjoint<T>& into, Loop<T> loop, const void* function, Handles<T> operands) {
  const Shape shape = broadcast("adjoint", common_shape("adjoint", operands), into.shape());
  const auto memory = into.open(shape == into.shape());
  run<T>(shape, loop, function, operands, {memory.data, into.shape(), memory.run, memory.pitch},
         memory.fresh ? Write::assign : Write::add);
}

template Shared<Tensor<float>> evaluate(const char*, Loop<float>, const void*, Handles<float>);
template Shared<Tensor<double>> evaluate(const char*, Loop<double>, const void*, Handles<double>);
template void accumulate(Adjoint<float>&, Loop<float>, const void*, Handles<float>);
template void accumulate(Adjoint<double>&, Loop<double>, const void*, Handles<double>);

}  // namespace unroll

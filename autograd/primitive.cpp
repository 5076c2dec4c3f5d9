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

// The operands one after the other, if all of them have this shape and no gaps.
template <class T>
struct Dense {
  Stream<const T> streams[most_operands];
  bool all = true;

  Dense(const Shape& shape, Handles<T> operands) {
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const Tensor<T>& x = operands[k]->tensor();
      all &= x.contiguous() && x.shape == shape;
      streams[k] = {x.data(), 0, 1};
    }
  }
};

template <class T>
void run(const Shape& shape, Loop<T> loop, const void* function, Handles<T> operands, const View<T>& out, Write write) {
  Strided<const T> in[most_operands];
  for (std::size_t k = 0; k < operands.size(); ++k) in[k] = strided(view(*operands[k]), shape);
  traverse<T>(shape, loop, function, {in, operands.size()}, strided(out, shape), write);
}

}  // namespace

template <class T>
Shared<Tensor<T>> evaluate(const char* name, Loop<T> loop, const void* function, Handles<T> operands) {
  const Dense<T> dense(operands[0]->shape(), operands);
  if (dense.all) {
    Shared<Tensor<T>> result(new Tensor<T>(operands[0]->shape()));
    loop(function, 1, result->run, dense.streams, {result->buffer.data(), 0, 1}, Write::assign);
    return result;
  }
  const Shape shape = common_shape(name, operands);
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  run<T>(shape, loop, function, operands, {result->buffer.data(), shape, result->run, result->pitch}, Write::assign);
  return result;
}

template <class T>
void accumulate(Adjoint<T>& into, Loop<T> loop, const void* function, Handles<T> operands) {
  const Dense<T> dense(into.shape(), operands);
  const Shape shape = dense.all ? into.shape() : broadcast("adjoint", common_shape("adjoint", operands), into.shape());
  const auto memory = into.open(shape == into.shape());
  const Write write = memory.fresh ? Write::assign : Write::add;
  if (dense.all && memory.run == memory.pitch)
    loop(function, 1, shape.elements(), dense.streams, {memory.data, 0, 1}, write);
  else
    run<T>(shape, loop, function, operands, {memory.data, into.shape(), memory.run, memory.pitch}, write);
}

template Shared<Tensor<float>> evaluate(const char*, Loop<float>, const void*, Handles<float>);
template Shared<Tensor<double>> evaluate(const char*, Loop<double>, const void*, Handles<double>);
template void accumulate(Adjoint<float>&, Loop<float>, const void*, Handles<float>);
template void accumulate(Adjoint<double>&, Loop<double>, const void*, Handles<double>);

}  // namespace unroll

#include "../kernels/kernels.hpp"
#include "../primitive.hpp"
#include "ops.hpp"
#include "parts.hpp"

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
    const Tensor<T>& like = operands[0]->tensor();
    Shared<Tensor<T>> result(new Tensor<T>(like.shape, like.run));
    run_loop<T>(loop, function, 1, result->run, {dense.streams, operands.size()}, {result->buffer.data(), 0, 1},
                Write::assign);
    return result;
  }
  const Shape shape = common_shape(name, operands);
  Shared<Tensor<T>> result(new Tensor<T>(shape));
  run<T>(shape, loop, function, operands, {result->buffer.data(), shape, result->run, result->pitch}, Write::assign);
  return result;
}

template <class T>
void accumulate(Adjoint<T>& into, Loop<T> loop, const void* function, Handles<T> operands, bool last) {
  const Dense<T> dense(into.shape(), operands);
  if (last && dense.all && into.takes_memory()) {
    for (const Variable<T>* operand : operands) {
      if (!operand->tensor().unique()) continue;
      Tensor<T>& place = *operand->shared();
      run_loop<T>(loop, function, 1, place.run, {dense.streams, operands.size()}, {place.buffer.data(), 0, 1},
                  Write::assign);
      return into.take(const_cast<Variable<T>&>(*operand));
    }
  }
  const Shape shape = dense.all ? into.shape() : broadcast("adjoint", common_shape("adjoint", operands), into.shape());
  const auto memory = into.open(shape == into.shape());
  const Write write = memory.fresh ? Write::assign : Write::add;
  if (dense.all && memory.run == memory.pitch)
    run_loop<T>(loop, function, 1, shape.elements(), {dense.streams, operands.size()}, {memory.data, 0, 1}, write);
  else
    run<T>(shape, loop, function, operands, {memory.data, into.shape(), memory.run, memory.pitch}, write);
}

namespace {

template <const auto& f, class T, class... More>
Variable<T> vectorised(const Variable<T>& x, const More&... more) {
  return apply<T>(f, vector_loops<T>(f), x, more...);
}

}  // namespace

template <class T>
Variable<T> add(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::add>(a, b);
}

template <class T>
Variable<T> subtract(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::subtract>(a, b);
}

template <class T>
Variable<T> multiply(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::multiply>(a, b);
}

template <class T>
Variable<T> fma(const Variable<T>& a, const Variable<T>& b, const Variable<T>& c) {
  return vectorised<functions::fma>(a, b, c);
}

template <class T>
Variable<T> lerp(const Variable<T>& a, const Variable<T>& b, const Variable<T>& t) {
  return vectorised<functions::lerp>(a, b, t);
}

template <class T>
Variable<T> divide(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::divide>(a, b);
}

template <class T>
Variable<T> negate(const Variable<T>& x) {
  return vectorised<functions::negate>(x);
}

template <class T>
Variable<T> exp(const Variable<T>& x) {
  return vectorised<functions::exp>(x);
}

template <class T>
Variable<T> exp_difference(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::exp_difference>(a, b);
}

template <class T>
Variable<T> scaled_exp(const Variable<T>& w, const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::scaled_exp>(w, a, b);
}

template <class T>
Variable<T> log(const Variable<T>& x) {
  return vectorised<functions::log>(x);
}

template <class T>
Variable<T> tanh(const Variable<T>& x) {
  return vectorised<functions::tanh>(x);
}

template <class T>
Variable<T> scaled_tanh(const Variable<T>& w, const Variable<T>& x) {
  return vectorised<functions::scaled_tanh>(w, x);
}

template <class T>
Variable<T> sigmoid(const Variable<T>& x) {
  return vectorised<functions::sigmoid>(x);
}

template <class T>
Variable<T> silu(const Variable<T>& x) {
  return vectorised<functions::silu>(x);
}

template <class T>
Variable<T> gelu(const Variable<T>& x) {
  return vectorised<functions::gelu>(x);
}

template <class T>
Variable<T> softplus(const Variable<T>& x) {
  return vectorised<functions::softplus>(x);
}

template <class T>
Variable<T> log1p(const Variable<T>& x) {
  return vectorised<functions::log1p>(x);
}

template <class T>
Variable<T> expm1(const Variable<T>& x) {
  return vectorised<functions::expm1>(x);
}

template <class T>
Variable<T> sqrt(const Variable<T>& x) {
  return vectorised<functions::sqrt>(x);
}

template <class T>
Variable<T> abs(const Variable<T>& x) {
  return vectorised<functions::abs>(x);
}

template <class T>
Variable<T> erf(const Variable<T>& x) {
  return vectorised<functions::erf>(x);
}

template <class T>
Variable<T> sin(const Variable<T>& x) {
  return vectorised<functions::sin>(x);
}

template <class T>
Variable<T> cos(const Variable<T>& x) {
  return vectorised<functions::cos>(x);
}

template <class T>
Variable<T> pow(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::pow>(a, b);
}

template <class T>
Variable<T> maximum(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::maximum>(a, b);
}

template <class T>
Variable<T> relu(const Variable<T>& x) {
  return vectorised<functions::relu>(x);
}

template <class T>
Variable<T> where(const Variable<T>& condition, const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::where>(condition, a, b);
}

template <class T>
Variable<T> less(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::less>(a, b);
}

template <class T>
Variable<T> less_equal(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::less_equal>(a, b);
}

template <class T>
Variable<T> equal(const Variable<T>& a, const Variable<T>& b) {
  return vectorised<functions::equal>(a, b);
}

template <class T>
Variable<T> contiguous(const Variable<T>& x) {
  return x.tensor().contiguous() ? x : vectorised<functions::copy>(x);
}

template <class T>
Variable<T> packed_copy(const Variable<T>& x) {
  const Variable<T>* const operand = &x;
  return Variable<T>(evaluate<T>("copy", vector_loops<T>(functions::copy).value, &functions::copy, {&operand, 1}));
}

template Shared<Tensor<float>> evaluate(const char*, Loop<float>, const void*, Handles<float>);
template Shared<Tensor<double>> evaluate(const char*, Loop<double>, const void*, Handles<double>);
template void accumulate(Adjoint<float>&, Loop<float>, const void*, Handles<float>, bool);
template void accumulate(Adjoint<double>&, Loop<double>, const void*, Handles<double>, bool);
template Variable<float> negate(const Variable<float>&);
template Variable<double> negate(const Variable<double>&);
template Variable<float> exp(const Variable<float>&);
template Variable<double> exp(const Variable<double>&);
template Variable<float> log(const Variable<float>&);
template Variable<double> log(const Variable<double>&);
template Variable<float> log1p(const Variable<float>&);
template Variable<double> log1p(const Variable<double>&);
template Variable<float> expm1(const Variable<float>&);
template Variable<double> expm1(const Variable<double>&);
template Variable<float> sqrt(const Variable<float>&);
template Variable<double> sqrt(const Variable<double>&);
template Variable<float> abs(const Variable<float>&);
template Variable<double> abs(const Variable<double>&);
template Variable<float> erf(const Variable<float>&);
template Variable<double> erf(const Variable<double>&);
template Variable<float> sin(const Variable<float>&);
template Variable<double> sin(const Variable<double>&);
template Variable<float> cos(const Variable<float>&);
template Variable<double> cos(const Variable<double>&);
template Variable<float> tanh(const Variable<float>&);
template Variable<double> tanh(const Variable<double>&);
template Variable<float> sigmoid(const Variable<float>&);
template Variable<double> sigmoid(const Variable<double>&);
template Variable<float> silu(const Variable<float>&);
template Variable<double> silu(const Variable<double>&);
template Variable<float> gelu(const Variable<float>&);
template Variable<double> gelu(const Variable<double>&);
template Variable<float> softplus(const Variable<float>&);
template Variable<double> softplus(const Variable<double>&);
template Variable<float> relu(const Variable<float>&);
template Variable<double> relu(const Variable<double>&);
template Variable<float> contiguous(const Variable<float>&);
template Variable<double> contiguous(const Variable<double>&);
template Variable<float> packed_copy(const Variable<float>&);
template Variable<double> packed_copy(const Variable<double>&);
template Variable<float> add(const Variable<float>&, const Variable<float>&);
template Variable<double> add(const Variable<double>&, const Variable<double>&);
template Variable<float> subtract(const Variable<float>&, const Variable<float>&);
template Variable<double> subtract(const Variable<double>&, const Variable<double>&);
template Variable<float> multiply(const Variable<float>&, const Variable<float>&);
template Variable<double> multiply(const Variable<double>&, const Variable<double>&);
template Variable<float> divide(const Variable<float>&, const Variable<float>&);
template Variable<double> divide(const Variable<double>&, const Variable<double>&);
template Variable<float> maximum(const Variable<float>&, const Variable<float>&);
template Variable<double> maximum(const Variable<double>&, const Variable<double>&);
template Variable<float> pow(const Variable<float>&, const Variable<float>&);
template Variable<double> pow(const Variable<double>&, const Variable<double>&);
template Variable<float> less(const Variable<float>&, const Variable<float>&);
template Variable<double> less(const Variable<double>&, const Variable<double>&);
template Variable<float> less_equal(const Variable<float>&, const Variable<float>&);
template Variable<double> less_equal(const Variable<double>&, const Variable<double>&);
template Variable<float> equal(const Variable<float>&, const Variable<float>&);
template Variable<double> equal(const Variable<double>&, const Variable<double>&);
template Variable<float> exp_difference(const Variable<float>&, const Variable<float>&);
template Variable<double> exp_difference(const Variable<double>&, const Variable<double>&);
template Variable<float> scaled_tanh(const Variable<float>&, const Variable<float>&);
template Variable<double> scaled_tanh(const Variable<double>&, const Variable<double>&);
template Variable<float> fma(const Variable<float>&, const Variable<float>&, const Variable<float>&);
template Variable<double> fma(const Variable<double>&, const Variable<double>&, const Variable<double>&);
template Variable<float> lerp(const Variable<float>&, const Variable<float>&, const Variable<float>&);
template Variable<double> lerp(const Variable<double>&, const Variable<double>&, const Variable<double>&);
template Variable<float> where(const Variable<float>&, const Variable<float>&, const Variable<float>&);
template Variable<double> where(const Variable<double>&, const Variable<double>&, const Variable<double>&);
template Variable<float> scaled_exp(const Variable<float>&, const Variable<float>&, const Variable<float>&);
template Variable<double> scaled_exp(const Variable<double>&, const Variable<double>&, const Variable<double>&);

}  // namespace unroll

#include "kernels.hpp"
#include "ops.hpp"
#include "parts.hpp"
#include "primitive.hpp"

namespace unroll {

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
Variable<T> sigmoid(const Variable<T>& x) {
  return vectorised<functions::sigmoid>(x);
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

template <class T>
struct Instances {
  using Unary = Variable<T> (*)(const Variable<T>&);
  using Binary = Variable<T> (*)(const Variable<T>&, const Variable<T>&);
  static constexpr Unary unary[] = {negate, exp, log, tanh, sigmoid, softplus, log1p,      expm1,
                                    sqrt,   abs, erf, sin,  cos,     relu,     contiguous, packed_copy};
  static constexpr Binary binary[] = {add, subtract, multiply, divide,     exp_difference,
                                      pow, maximum,  less,     less_equal, equal};
  static constexpr auto scaled = &scaled_exp<T>;
  static constexpr auto selected = &where<T>;
};
template struct Instances<float>;
template struct Instances<double>;

}  // namespace unroll

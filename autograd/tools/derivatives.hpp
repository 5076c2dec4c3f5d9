#pragma once

#include <functional>
#include <vector>

#include "../parameter.hpp"

namespace UNROLL_PUBLIC unroll {

/// A function of one array.
template <class T> using Map = detail::Returning<Variable<T>, const Variable<T>&>;
/// A function of several arrays.
template <class T> using MapOfMany = detail::Returning<Variable<T>, const std::vector<Variable<T>>&>;

namespace detail {

/// f as a function of several arrays, of which it takes the first.
template <class T> MapOfMany<T> of_many(const Map<T>& f) {
  return [f](const std::vector<Variable<T>>& xs) { return f(xs[0]); };
}

}  // namespace detail

/// ∂f_i/∂x_j of f(x) of any shape by each of several arrays, by one sweep for each element of f.   shape: that of f,
/// then that of x
template <class T = double>
std::vector<Array<T>> jacobian(const std::type_identity_t<MapOfMany<T>>& f, const std::vector<Array<T>>& xs);
/// The same of one array.
template <class T = double> Array<T> jacobian(const std::type_identity_t<Map<T>>& f, const Array<T>& x) {
  return jacobian<T>(detail::of_many<T>(f), std::vector{x})[0];
}

/// ∂²f/∂x_i∂x_j of a scalar f of several arrays: block (i, j) is by xs[i] and then xs[j].     shape: that of xs[i],
/// then that of xs[j]; throws where f is no scalar
template <class T = double>
std::vector<std::vector<Array<T>>> hessian(const std::type_identity_t<MapOfMany<T>>& f,
                                           const std::vector<Array<T>>& xs);
/// The same of one array.
template <class T = double> Array<T> hessian(const std::type_identity_t<Map<T>>& f, const Array<T>& x) {
  return hessian<T>(detail::of_many<T>(f), std::vector{x})[0][0];
}

///@{
/// H v of a scalar f(x), by two sweeps. Pearlmutter (1994)     shapes: v, result: that of x; throws where v has
/// another, or f is no scalar
template <class T = double>
std::vector<Array<T>> hessian_vector(const std::type_identity_t<MapOfMany<T>>& f, const std::vector<Array<T>>& xs,
                                     const std::vector<Array<T>>& vs);
template <class T = double>
Array<T> hessian_vector(const std::type_identity_t<Map<T>>& f, const Array<T>& x,
                        const std::type_identity_t<Array<T>>& v) {
  return hessian_vector<T>(detail::of_many<T>(f), std::vector{x}, std::vector{v})[0];
}
///@}
/// The same of a scalar f() that depends on parameters: all those of a model, say. A parameter that f does not use gets
/// zeros, a frozen one throws.
template <class T = double>
std::vector<Array<T>> hessian_vector(const std::type_identity_t<detail::Returning<Variable<T>>>& f,
                                     const std::vector<Parameter<T>>& parameters, const std::vector<Array<T>>& vs);

///@{
/// J v of f(x) of any shape, by two sweeps.  shapes: v: that of x; result: that of f; throws where v has another
template <class T = double>
Array<T> jacobian_vector(const std::type_identity_t<MapOfMany<T>>& f, const std::vector<Array<T>>& xs,
                         const std::vector<Array<T>>& vs);
template <class T = double>
Array<T> jacobian_vector(const std::type_identity_t<Map<T>>& f, const Array<T>& x,
                         const std::type_identity_t<Array<T>>& v) {
  return jacobian_vector<T>(detail::of_many<T>(f), std::vector{x}, std::vector{v});
}
///@}

}  // namespace unroll

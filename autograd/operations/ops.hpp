// The operations on Variables. Axes may be negative: -1 is the last one. Operands broadcast as in NumPy: shapes are
// aligned at their last axes, and a size of 1 repeats. Axes that are not there or given twice throw, and so do shapes
// that do not fit, as said beside them. Elementwise operations of several operands take numbers and xtensor expressions
// beside a Variable, and so does matmul.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include "../functions/functions.hpp"
#include "../parameter.hpp"
#include "../scope.hpp"

namespace UNROLL_PUBLIC unroll {

namespace detail {

template <class T> T element_of(const Variable<T>*);  // only for decltype: the T of a Variable or Parameter

/// A Variable or Parameter.
template <class X>
concept VariableLike = requires(const std::decay_t<X>* x) {
  element_of(x);
};

/// A Variable, a number or an xtensor expression.
template <class X>
concept Operand = VariableLike<X> || Scalar<X> || Expression<X>;

/// An operand beside others, not all of them without a Variable.
template <class X, class... Others>
concept OperandWith = Operand<X> &&(Operand<Others>&&...) && (VariableLike<X> || (VariableLike<Others> || ...));

template <class X> struct ElementOf : std::false_type {};
template <VariableLike X> struct ElementOf<X> : std::true_type {
  using T = decltype(element_of(static_cast<const std::decay_t<X>*>(nullptr)));
};

/// An operand as a Variable with the element type of those that are Variables already.
template <class... All, class X> decltype(auto) as_variable(const X& x) {
  using T = typename std::disjunction<ElementOf<All>...>::T;  // of the first that is a Variable
  if constexpr (std::derived_from<X, Variable<T>>)
    return static_cast<const Variable<T>&>(x);
  else
    return Variable<T>(x);
}

/// Whether all are Variables of the same T.
template <class... X>
concept SameVariables = (VariableLike<X> && ...) &&
                        (std::same_as<typename ElementOf<X>::T, typename std::disjunction<ElementOf<X>...>::T> && ...);

/// All operands as such Variables, for an operation that is made of others: throws in its name where they do not
/// broadcast.
template <class... X> auto operands(const char* where, const X&... x) {
  const std::array all{as_variable<X...>(x)...};
  Shape shape;
  for (const auto& operand : all) shape = broadcast(where, shape, operand.shape());
  return all;
}

/// An elementwise function of the library, by its kernels.
template <const auto& f, class T, class... More> Variable<T> apply(const Variable<T>& x, const More&... more);

/// The same of any operands.
template <const auto& f, class... X> auto combine(const X&... x) { return apply<f>(as_variable<X...>(x)...); }
}  // namespace detail

// Elementwise: the result has the shape to which the operands broadcast; they throw where they do not. A value is
// within 4 units in the last place of the exact one, up to overflow and down to the smallest subnormal number, and as
// in the C++ library for zeros, infinities and NaN. What has several steps rounds at each: fma, lerp, a difference in
// an exponent, silu and gelu where σ(x) and Φ(x) are subnormal. Derivatives follow from the rules in functions.hpp,
// with their limits where a product would be ∞ · 0; those of tanh and sigmoid come from the rounded value y, and so are
// exact to the last place of 1. A NaN is never lost.

/// y = a + b
template <class A, detail::OperandWith<A> B> auto add(A&& a, B&& b) {
  return detail::combine<detail::functions::add>(a, b);
}
/// y = a − b
template <class A, detail::OperandWith<A> B> auto subtract(A&& a, B&& b) {
  return detail::combine<detail::functions::subtract>(a, b);
}
/// y = a ⊙ b
template <class A, detail::OperandWith<A> B> auto multiply(A&& a, B&& b) {
  return detail::combine<detail::functions::multiply>(a, b);
}
/// y = a ⊙ b + c
template <class A, class B, detail::OperandWith<A, B> C> auto fma(A&& a, B&& b, C&& c) {
  return detail::combine<detail::functions::fma>(a, b, c);
}
/// y = a + t ⊙ (b − a)
template <class A, class B, detail::OperandWith<A, B> C> auto lerp(A&& a, B&& b, C&& t) {
  return detail::combine<detail::functions::lerp>(a, b, t);
}
/// y = a / b
template <class A, detail::OperandWith<A> B> auto divide(A&& a, B&& b) {
  return detail::combine<detail::functions::divide>(a, b);
}
/// y = −x
template <class T> Variable<T> negate(const Variable<T>& x) { return detail::apply<detail::functions::negate>(x); }
/// y = eˣ
template <class T> Variable<T> exp(const Variable<T>& x) { return detail::apply<detail::functions::exp>(x); }
/// y = ln x; ln 0 = −∞, and NaN below
template <class T> Variable<T> log(const Variable<T>& x) { return detail::apply<detail::functions::log>(x); }
/// y = tanh x
template <class T> Variable<T> tanh(const Variable<T>& x) { return detail::apply<detail::functions::tanh>(x); }
/// y = σ(x) = 1 / (1 + e⁻ˣ)
template <class T> Variable<T> sigmoid(const Variable<T>& x) { return detail::apply<detail::functions::sigmoid>(x); }
/// y = ln(1 + eˣ)
template <class T> Variable<T> softplus(const Variable<T>& x) { return detail::apply<detail::functions::softplus>(x); }
/// y = ln σ(x)
template <class T> Variable<T> log_sigmoid(const Variable<T>& x) { return -softplus(-x); }
/// y = ln(1 + x), exact for small x
template <class T> Variable<T> log1p(const Variable<T>& x) { return detail::apply<detail::functions::log1p>(x); }
/// y = eˣ − 1, exact for small x
template <class T> Variable<T> expm1(const Variable<T>& x) { return detail::apply<detail::functions::expm1>(x); }
/// y = √x; NaN below 0
template <class T> Variable<T> sqrt(const Variable<T>& x) { return detail::apply<detail::functions::sqrt>(x); }
/// y = 1 / √x
template <class T> Variable<T> rsqrt(const Variable<T>& x) { return 1 / sqrt(x); }
/// y = 1 / x
template <class T> Variable<T> reciprocal(const Variable<T>& x) { return 1 / x; }
/// y = aᵇ; the derivative by b is 0 where a is, but −∞ there for b < 0
template <class A, detail::OperandWith<A> B> auto pow(A&& a, B&& b) {
  return detail::combine<detail::functions::pow>(a, b);
}
/// y = |x|; its derivative at 0 is 0
template <class T> Variable<T> abs(const Variable<T>& x) { return detail::apply<detail::functions::abs>(x); }
/// y = erf x = 2/√π ∫₀ˣ e^(−t²) dt
template <class T> Variable<T> erf(const Variable<T>& x) { return detail::apply<detail::functions::erf>(x); }
/// y = sin x, in radians
template <class T> Variable<T> sin(const Variable<T>& x) { return detail::apply<detail::functions::sin>(x); }
/// y = cos x, in radians
template <class T> Variable<T> cos(const Variable<T>& x) { return detail::apply<detail::functions::cos>(x); }
/// y = x σ(x)                                    Elfwing et al. (2018)
template <class T> Variable<T> silu(const Variable<T>& x) { return detail::apply<detail::functions::silu>(x); }
/// y = x Φ(x), Φ the normal distribution function    Hendrycks and Gimpel (2016)
template <class T> Variable<T> gelu(const Variable<T>& x) { return detail::apply<detail::functions::gelu>(x); }
/// y = max(a, b); equal ones share the gradient evenly; NaN if one is
template <class A, detail::OperandWith<A> B> auto maximum(A&& a, B&& b) {
  return detail::combine<detail::functions::maximum>(a, b);
}
/// y = min(a, b); equal ones share the gradient evenly; NaN if one is
template <class A, detail::OperandWith<A> B> auto minimum(A&& a, B&& b) {
  const auto [x, y] = detail::operands("minimum", a, b);
  return -maximum(-x, -y);
}
/// y = x within [low, high], else the nearer bound; its derivative is 1 at the bounds and 0 beyond. Throws unless
/// low ≤ high.
template <class T> Variable<T> clamp(const Variable<T>& x, double low, double high) {
  require(low <= high, "clamp", "from ", low, " to ", high, "; the former must not be larger");
  return where(x < low, low, where(x > high, high, x));
}
/// y = max(x, 0); its derivative at 0 is 0
template <class T> Variable<T> relu(const Variable<T>& x) { return detail::apply<detail::functions::relu>(x); }
/// y = a where the condition is not 0, else b; what is not selected may be NaN or infinite, and gets gradient 0. The
/// condition is constant. An operation before that is not finite for an element that is not selected makes NaN of that
/// 0, as √ does of 0 · ∞: select what goes into it as well, where(x > 0, sqrt(where(x > 0, x, 1)), 0).
template <class A, class B, detail::OperandWith<A, B> C> auto where(A&& condition, B&& a, C&& b) {
  return detail::combine<detail::functions::where>(condition, a, b);
}
/// 1 where a < b, else 0; constant
template <class A, detail::OperandWith<A> B> auto less(A&& a, B&& b) {
  return detail::combine<detail::functions::less>(a, b);
}
/// 1 where a ≤ b, else 0; constant
template <class A, detail::OperandWith<A> B> auto less_equal(A&& a, B&& b) {
  return detail::combine<detail::functions::less_equal>(a, b);
}
/// 1 where a = b, else 0; constant
template <class A, detail::OperandWith<A> B> auto equal(A&& a, B&& b) {
  return detail::combine<detail::functions::equal>(a, b);
}
/// 1 where a ≠ b, else 0; constant
template <class A, detail::OperandWith<A> B> auto not_equal(A&& a, B&& b) {
  const auto [x, y] = detail::operands("not_equal", a, b);
  return 1 - equal(x, y);
}
/// 1 where x is 0, else 0; constant. Here and below, what is not 0 is true, NaN as well.
template <class T> Variable<T> logical_not(const Variable<T>& x) { return equal(x, 0); }
/// 1 where neither a nor b is 0, else 0; constant
template <class A, detail::OperandWith<A> B> auto logical_and(A&& a, B&& b) {
  const auto [x, y] = detail::operands("logical_and", a, b);
  return not_equal(x, 0) * not_equal(y, 0);
}
/// 1 where a or b is not 0, else 0; constant
template <class A, detail::OperandWith<A> B> auto logical_or(A&& a, B&& b) {
  const auto [x, y] = detail::operands("logical_or", a, b);
  return maximum(not_equal(x, 0), not_equal(y, 0));
}
/// y = e^(a − b)
template <class A, detail::OperandWith<A> B> auto exp_difference(A&& a, B&& b) {
  return detail::combine<detail::functions::exp_difference>(a, b);
}
/// y = w ⊙ tanh x; the hyperbolic tangent is not kept for the sweep but computed again
template <class A, detail::OperandWith<A> B> auto scaled_tanh(A&& w, B&& x) {
  return detail::combine<detail::functions::scaled_tanh>(w, x);
}
/// y = w ⊙ e^(a − b)
template <class A, class B, detail::OperandWith<A, B> C> auto scaled_exp(A&& w, B&& a, C&& b) {
  return detail::combine<detail::functions::scaled_exp>(w, a, b);
}
/// y = 1 where x > 0, −1 where x < 0, else x itself: 0 or NaN; constant
template <class T> Variable<T> sign(const Variable<T>& x) {
  const Variable<T> at = detach(x);
  return where(at > 0, 1, where(at < 0, -1, at));
}
/// y = x² , one multiplication
template <class T> Variable<T> square(const Variable<T>& x) { return multiply(x, x); }

///@{
/// Element by element.
template <class A, detail::OperandWith<A> B> auto operator+(A&& a, B&& b) { return add(a, b); }
template <class A, detail::OperandWith<A> B> auto operator-(A&& a, B&& b) { return subtract(a, b); }
template <class A, detail::OperandWith<A> B> auto operator*(A&& a, B&& b) { return multiply(a, b); }
template <class A, detail::OperandWith<A> B> auto operator/(A&& a, B&& b) { return divide(a, b); }
template <class A, detail::OperandWith<A> B> auto operator<(A&& a, B&& b) { return less(a, b); }
template <class A, detail::OperandWith<A> B> auto operator<=(A&& a, B&& b) { return less_equal(a, b); }
template <class A, detail::OperandWith<A> B> auto operator==(A&& a, B&& b) { return equal(a, b); }
template <class A, detail::OperandWith<A> B> auto operator!=(A&& a, B&& b) { return not_equal(a, b); }
template <class A, detail::OperandWith<A> B> auto operator>(A&& a, B&& b) {
  const auto [x, y] = detail::operands("greater", a, b);
  return less(y, x);
}
template <class A, detail::OperandWith<A> B> auto operator>=(A&& a, B&& b) {
  const auto [x, y] = detail::operands("greater_equal", a, b);
  return less_equal(y, x);
}
/// Element by element, so both sides are computed: where(x > 0 && x < 2, x, 0).
template <class A, detail::OperandWith<A> B> auto operator&&(A&& a, B&& b) { return logical_and(a, b); }
/// Element by element, so both sides are computed.
template <class A, detail::OperandWith<A> B> auto operator||(A&& a, B&& b) { return logical_or(a, b); }
template <detail::VariableLike X> auto operator!(const X& x) { return logical_not(detail::as_variable<X>(x)); }
template <detail::VariableLike X> auto operator-(const X& x) { return negate(detail::as_variable<X>(x)); }
///@}

///@{
/// a becomes a handle to the result, which is recorded as that of any operation; other handles to a stay what they are.
/// Throws for a Parameter.
template <class T, detail::OperandWith<Variable<T>> B> Variable<T>& operator+=(Variable<T>& a, B&& b) {
  return a = add(a, b);
}
template <class T, detail::OperandWith<Variable<T>> B> Variable<T>& operator-=(Variable<T>& a, B&& b) {
  return a = subtract(a, b);
}
template <class T, detail::OperandWith<Variable<T>> B> Variable<T>& operator*=(Variable<T>& a, B&& b) {
  return a = multiply(a, b);
}
template <class T, detail::OperandWith<Variable<T>> B> Variable<T>& operator/=(Variable<T>& a, B&& b) {
  return a = divide(a, b);
}
///@}

// What rules that choose are written with (functions.hpp), as it is there for numbers and for vectors of them.

/// where(condition, a, b)
template <class T> Variable<T> select(const Variable<T>& condition, const Variable<T>& a, const Variable<T>& b) {
  detail::operands("select", condition, a, b);
  return where(condition, a, b);
}
/// x, which a rule divides by
template <class T> const Variable<T>& nonzero(const Variable<T>& x) { return x; }
/// sigmoid(x)
template <class T> Variable<T> logistic(const Variable<T>& x) { return sigmoid(x); }

// Matrix product

/// Which operands of matmul are transposed.
struct Transposed {
  bool a = false;  ///< aᵀ b
  bool b = false;  ///< a bᵀ
};

/// While it lives, this thread multiplies by the same parameters again and again, and products keep what they make of
/// them.
class RepeatedProducts {
 public:
  /// Whether there is one on this thread.
  static bool here() { return Innermost<RepeatedProducts>::object(); }

 private:
  Innermost<RepeatedProducts> place_{this};
};

/// y = a b. Vectors are rows on the left and columns on the right; leading axes are batches, which broadcast.
/// shape: (..., m, k) (..., k, n) → (..., m, n). The last two axes of a or b are exchanged on request, without a copy.
/// Throws where the inner sizes k differ, an operand has no axes, a vector is to be transposed, or batches do not fit.
template <class T> Variable<T> matmul(const Variable<T>& a, const Variable<T>& b, Transposed transposed = {});
/// The same of a Variable and an xtensor expression.
template <class A, detail::OperandWith<A> B>
requires(!detail::SameVariables<A, B>) auto matmul(A&& a, B&& b, Transposed transposed = {}) {
  return matmul(detail::as_variable<A, B>(a), detail::as_variable<A, B>(b), transposed);
}
/// y = x Wᵀ + b        shapes: (..., k) (n, k) → (..., n), to which b must broadcast; an empty handle for b stands for
/// none. Throws where the sizes k differ.
template <class T> Variable<T> linear(const Variable<T>& x, const Variable<T>& weight, const Variable<T>& bias = {});
/// The same of Variables and xtensor expressions.
template <class X, class W, detail::OperandWith<X, W> B>
requires(!detail::SameVariables<X, W, B>) auto linear(X&& x, W&& weight, B&& bias) {
  return linear(detail::as_variable<X, W, B>(x), detail::as_variable<X, W, B>(weight),
                detail::as_variable<X, W, B>(bias));
}

// Reductions: of terms of one sign, a sum of floats is within 10⁻⁶ of the exact one for 10⁷ of them, and so are means,
// norms, dot products, and what backward() adds up for a parameter or another value. gradient(), which records what it
// does, adds up the uses of a value one by one. A sum that the type cannot hold is ±∞, and what is made of it, a mean
// or a variance, is no better; a norm is right wherever it is a number. The shape of a result is that of x without the
// axes, or, where they are kept, with 1 in their places; what has a single axis leaves x its shape.

/// An integer type, but not bool.
template <class I>
concept Integer = std::integral<I> && !std::same_as<I, bool>;

/// One axis of an array; a negative one is counted from the end. No other number can be meant: max(x, 0.0) does not
/// compile.
struct Axis {
  /// What is larger than `most` becomes it.
  template <Integer I>
  constexpr Axis(I axis) : value(std::cmp_greater(axis, most) ? most : static_cast<std::int64_t>(axis)) {}
  /// Prints it as a number.
  friend std::ostream& operator<<(std::ostream& out, Axis axis) { return out << axis.value; }
  static constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();  ///< an axis of no array
  std::int64_t value;                                                             ///< as it was given
};

/// Some axes of an array, or all.
class Axes {
 public:
  Axes() = default;
  ///@{
  /// One axis, or some; an empty vector is none.
  Axes(Axis axis) : axes_{axis}, all_(false) {}
  template <Integer I> Axes(I axis) : Axes(Axis(axis)) {}
  Axes(std::initializer_list<Axis> axes) : axes_(axes), all_(false) {}
  template <Integer I> Axes(const std::vector<I>& axes) : axes_(axes.begin(), axes.end()), all_(false) {}
  ///@}
  /// No axes: x itself is the sum over them.
  static Axes none() { return Axes(std::vector<int>{}); }

  /// The shape with these axes of size 1.
  Shape kept(const char* where, const Shape& shape) const { return reduced(where, shape, true); }
  /// The shape without these axes.
  Shape dropped(const char* where, const Shape& shape) const { return reduced(where, shape, false); }

 private:
  Shape reduced(const char* where, const Shape& shape, bool keep) const;
  std::vector<Axis> axes_;
  bool all_ = true;
};

/// The axis counted from the front; throws if an array, or what `of` says, has none such.
std::size_t normal_axis(const char* where, Axis axis, std::size_t rank, const char* of = "an array");

/// Whether axes that are reduced stay, with size 1; true or false, but no number: in variance(x, -1, 1) it might be
/// meant for a correction.
struct Keep {
  ///@{
  /// Whether they stay.
  template <std::same_as<bool> B> constexpr Keep(B keep) : value(keep) {}
  constexpr operator bool() const { return value; }
  bool value;
  ///@}
};

/// y = Σx over the axes; 0 over nothing. `keep` leaves them with size 1.
template <class T> Variable<T> sum(const Variable<T>& x, const Axes& axes = {}, Keep keep = false);
/// y = Σx / n over the axes; throws over nothing.
template <class T> Variable<T> mean(const Variable<T>& x, const Axes& axes = {}, Keep keep = false);
/// y = max x over the axes; equal maxima share the gradient evenly; NaN if there is one; throws over nothing.
template <class T> Variable<T> max(const Variable<T>& x, const Axes& axes = {}, Keep keep = false);
/// The larger of two is maximum(a, b), the smaller is minimum(a, b); max and min reduce one array over its axes.
template <class T, class B>
requires(!std::convertible_to<B, Axes>) Variable<T> max(const Variable<T>& a, const B& b)
= delete;
template <class T, class B>
requires(!std::convertible_to<B, Axes>) Variable<T> min(const Variable<T>& a, const B& b)
= delete;
/// y = min x over the axes, as max.
template <class T> Variable<T> min(const Variable<T>& x, const Axes& axes = {}, Keep keep = false);
/// y = Πx over the axes; 1 over nothing. Its derivatives are right where elements are 0.
template <class T> Variable<T> prod(const Variable<T>& x, const Axes& axes = {}, Keep keep = false);
/// y = Σ(x − mean x)² / (n − correction) over the axes; throws where that is not positive.
template <class T>
Variable<T> variance(const Variable<T>& x, const Axes& axes = {}, Keep keep = false, std::size_t correction = 0);
/// y = √Σx² over the axes; its derivative at 0 is 0
template <class T> Variable<T> norm(const Variable<T>& x, const Axes& axes = {}, Keep keep = false);
/// y_k = Σ_{i ≤ k} x_i along an axis
template <class T> Variable<T> cumulative_sum(const Variable<T>& x, Axis axis = -1);
/// y_k = Π_{i ≤ k} x_i along an axis; its derivatives are right where elements are 0.
template <class T> Variable<T> cumulative_prod(const Variable<T>& x, Axis axis = -1);
/// y = ln Σeˣ over the axes, without overflow; −∞ over nothing.
template <class T> Variable<T> logsumexp(const Variable<T>& x, const Axes& axes = {}, Keep keep = false);
/// y = ln Σe^(x − shift) over the axes along which the shift is repeated: with the largest x as shift, exact however
/// large x is.   shape: that of the shift, which must broadcast to x
template <class T> Variable<T> logsumexp_above(const Variable<T>& x, const std::type_identity_t<Variable<T>>& shift);
/// y = eˣ / Σeˣ along an axis
template <class T> Variable<T> softmax(const Variable<T>& x, Axis axis = -1);
/// softmax over those elements whose mask, a constant, is not 0. The others, which may hold anything, get 0, all of
/// them if there are no such elements.   shape: as x, to which the mask must broadcast
template <class T>
Variable<T> masked_softmax(const Variable<T>& x, const std::type_identity_t<Variable<T>>& mask, Axis axis = -1);
/// y = x − ln Σeˣ along an axis
template <class T> Variable<T> log_softmax(const Variable<T>& x, Axis axis = -1);
/// x summed over the axes along which `shape` would have to be broadcast to x; throws where it does not broadcast.
template <class T> Variable<T> sum_to(const Variable<T>& x, const Shape& shape);

// Shape

/// A shape in which one size may be -1: what the others leave.
class Sizes {
 public:
  /// A size, or -1.
  struct Size {
    std::int64_t value;  ///< as it was given
    /// What is larger than Axis::most becomes it.
    template <Integer I> Size(I size) : value(Axis(size).value) {}
  };
  ///@{
  /// These sizes, one for each axis.
  Sizes(const Shape& shape) : Sizes(std::vector<Size>(shape.begin(), shape.end())) {}
  Sizes(std::initializer_list<Size> sizes) : sizes_(sizes) {}
  Sizes(std::vector<Size> sizes) : sizes_(std::move(sizes)) {}
  ///@}
  /// The shape of an array of this many elements; throws where a size is negative but for one -1, or that has no size.
  Shape of(std::size_t elements) const;

 private:
  std::vector<Size> sizes_;
};

/// x with another shape, without a copy where rows stay whole; throws where it has not as many elements.
template <class T> Variable<T> reshape(const Variable<T>& x, const Sizes& shape);
/// x with its axes in another order: y.shape()[k] = x.shape()[order[k]]; without one, reversed. Throws unless each axis
/// is given once.
template <class T> Variable<T> transpose(const Variable<T>& x, const std::vector<int>& order = {});
/// x repeated along axes of size 1 and new leading axes; throws where it does not broadcast to this shape.
template <class T> Variable<T> broadcast_to(const Variable<T>& x, const Shape& shape);
/// The part of x with begin ≤ index < end along an axis, without a copy where rows stay whole; negative indices count
/// from the end. With a step, every step-th index of that, the first one first. Throws where it does not lie within the
/// axis, or the step is 0.
template <class T>
Variable<T> slice(const Variable<T>& x, Axis axis, std::int64_t begin, std::int64_t end, std::size_t step = 1);
/// The part of x at an index of an axis, without that axis; a negative index counts from the end. Throws where it is
/// not there. x[i] is select(x, 0, i).
template <class T> Variable<T> select(const Variable<T>& x, Axis axis, std::int64_t index);
template <class T> Variable<T> Variable<T>::operator[](std::int64_t index) const { return select(*this, 0, index); }
/// x without these axes, which must have size 1.
template <class T> Variable<T> squeeze(const Variable<T>& x, const Axes& axes);
/// x with a new axis of size 1: unsqueeze(x, -1) has it last.
template <class T> Variable<T> unsqueeze(const Variable<T>& x, Axis axis);
/// x with two of its axes exchanged.
template <class T> Variable<T> swap_axes(const Variable<T>& x, Axis a, Axis b);
/// x cut into parts of these sizes along an axis; throws where they do not add up to the axis.
template <class T>
std::vector<Variable<T>> split(const Variable<T>& x, const std::vector<std::size_t>& sizes, Axis axis = -1);
/// x cut into n equal parts along an axis: auto [i, f, g, o] = split<4>(x); throws where n does not divide the axis.
template <std::size_t n, class T>
requires(n > 0) std::array<Variable<T>, n> split(const Variable<T>& x, Axis axis = -1) {
  const std::size_t size = x.shape()[normal_axis("split", axis, x.shape().size())];
  require(size % n == 0, "split", "the axis has size ", size, "; it must be a multiple of ", n);
  std::array<Variable<T>, n> parts;
  const auto part = static_cast<std::int64_t>(size / n);
  for (std::size_t k = 0; k < n; ++k) parts[k] = slice(x, axis, std::int64_t(k) * part, std::int64_t(k + 1) * part);
  return parts;
}
/// The parts of x at each index of an axis, without that axis.
template <class T> std::vector<Variable<T>> unstack(const Variable<T>& x, Axis axis = 0);
///@{
/// Arrays one after the other along an axis: concatenate({x, y}), and concatenate<float>({x, Array<float>{1, 2}}) of
/// Variables and xtensor expressions. Throws where there are none, or their other sizes differ.
template <class T> Variable<T> concatenate(const std::vector<Variable<T>>& xs, Axis axis = 0);
template <class T> Variable<T> concatenate(std::initializer_list<Variable<T>> xs, Axis axis = 0) {
  return concatenate(std::vector<Variable<T>>(xs), axis);
}
///@}
///@{
/// Arrays of one shape along a new axis: stack({x, y}, -1) has it last. Throws where there are none, or shapes differ.
template <class T> Variable<T> stack(const std::vector<Variable<T>>& xs, Axis axis = 0);
template <class T> Variable<T> stack(std::initializer_list<Variable<T>> xs, Axis axis = 0) {
  return stack(std::vector<Variable<T>>(xs), axis);
}
///@}
/// x with so many elements {before, after} it along each axis; throws unless there is a pair for each.
template <class T>
Variable<T> pad(const Variable<T>& x, const std::vector<std::pair<std::size_t, std::size_t>>& widths, T value = 0);
/// x in reverse order along the axes.   shape: as x
template <class T> Variable<T> flip(const Variable<T>& x, const Axes& axes);

// Selection

/// The rows of x with these indices.  shape: (n, ...) with indices of shape s → s + (...); errors name `where`, that of
/// an index outside [0, n) for one
template <class T> Variable<T> take(const Variable<T>& x, const Indices& indices, const char* where = "take");
/// Zeros of shape (count, ...) with row i of g added at indices[i]: what `take` is the derivative of.
/// shape: s + (...) with indices of shape s → (count, ...); throws for an index outside [0, count)
template <class T> Variable<T> scatter(const Variable<T>& g, const Indices& indices, std::size_t count);
/// y[..., i, ...] = x[..., indices[..., i, ...], ...]: elements of x by index along an axis.
/// shape: that of the indices, which equals that of x except along the axis; throws for an index outside of it
template <class T> Variable<T> take_along(const Variable<T>& x, const Indices& indices, Axis axis = -1);
/// Zeros of a shape with the elements of g, one for each index, added where take_along would take them; throws where it
/// would.
template <class T>
Variable<T> scatter_along(const Variable<T>& g, const Indices& indices, Axis axis, const Shape& shape);

/// 1 at each index along a new last axis of size `count`, else 0; constant. An index outside [0, count) throws.
template <class T> Variable<T> one_hot(const Indices& indices, std::size_t count);

/// What top_k finds.
template <class T> struct TopK {
  Variable<T> values;  ///< recorded, as take_along would take them
  Indices indices;     ///< along the axis
};
/// The k largest elements along an axis, the largest first, of equal ones the first one first; NaN is the largest.
/// shapes: that of x, with size k along the axis; throws where the axis is shorter
template <class T> TopK<T> top_k(const Variable<T>& x, std::size_t k, Axis axis = -1);
/// The index of the largest element along an axis, which goes: the first of equal ones; NaN is the largest. Throws over
/// nothing.
template <class T> Indices argmax(const Variable<T>& x, Axis axis = -1);
/// The same of the smallest element, and of NaN before all others.
template <class T> Indices argmin(const Variable<T>& x, Axis axis = -1);

///@{
/// Integers of a range or list in this shape: indices(tokens), indices({5}, {1, 1}), indices(std::vector{7, 8}).
/// Throws where they do not fill it.
template <std::ranges::input_range R>
requires Integer<std::ranges::range_value_t<R>> Indices indices(const R& values, const Sizes& shape = {-1}) {
  std::vector<std::int64_t> all;
  for (const auto value : values) all.push_back(static_cast<std::int64_t>(value));
  const Shape sizes = shape.of(all.size());
  require(sizes.elements() == all.size(), "indices", all.size(), " values for the shape ", sizes,
          "; they must be as many");
  Indices result = Indices::from_shape(xt::dynamic_shape<std::size_t>(sizes.begin(), sizes.end()));
  std::ranges::copy(all, result.begin());
  return result;
}
inline Indices indices(std::initializer_list<std::int64_t> values, const Sizes& shape = {-1}) {
  return indices(std::span(values.begin(), values.size()), shape);
}
///@}
/// The rows of x with these indices, as take(x, indices) of a Variable.
Indices take(const Indices& x, const Indices& indices);

}  // namespace unroll

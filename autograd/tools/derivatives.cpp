#include "derivatives.hpp"

#include "../instantiate.hpp"
#include "../operations/ops.hpp"
#include "../tape.hpp"

namespace unroll {

namespace {

template <class T> using Many = std::vector<Variable<T>>;

// A tape within no other one, and its inputs.
template <class T> struct Recording {
  const Innermost<Tape<T>> alone{nullptr};
  Tape<T> tape;
  Many<T> xs;

  explicit Recording(const std::vector<Array<T>>& arrays) {
    for (const Array<T>& x : arrays) xs.push_back(tape.watch(x));
  }
};

// The derivatives of y by xs; a constant is an input as well, on which no other one depends.
template <class T>
Many<T> slopes(Tape<T>& tape, const Variable<T>& y, const Many<T>& xs, const Variable<T>& cotangent = {}) {
  return tape.gradient(tape.index_of(y) == Node<T>::constant ? tape.watch(y) : y, xs, cotangent);
}

// Σ ⟨x, v⟩
template <class T> Variable<T> contracted(const char* where, const Many<T>& xs, const std::vector<Array<T>>& vs) {
  require(xs.size() == vs.size(), where, vs.size(), " vectors for ", xs.size(), " arrays; each needs one");
  Variable<T> total = 0;
  for (std::size_t k = 0; k < xs.size(); ++k) {
    require(Shape(vs[k].shape()) == xs[k].shape(), where, "a vector of shape ", Shape(vs[k].shape()),
            " for an array of shape ", xs[k].shape(), "; they must be equal");
    total = total + sum(xs[k] * vs[k]);
  }
  return total;
}

template <class T> void require_scalar(const char* where, const Variable<T>& y) {
  require(y.size() == 1, where, "f has shape ", y.shape(), "; it must be a scalar");
}

template <class T> std::vector<Array<T>> values(const Many<T>& xs) {
  std::vector<Array<T>> result;
  for (const Variable<T>& x : xs) result.push_back(x.value());
  return result;
}

template <class T> std::vector<Array<T>> rows(Tape<T>& tape, const Variable<T>& y, const Many<T>& xs) {
  std::vector<Many<T>> found(xs.size());
  const std::size_t size = tape.size();
  for (std::size_t k = 0; k < y.size(); ++k) {
    Array<T> unit = zeros<T>(y.shape()).value();
    unit.storage()[k] = 1;
    const Many<T> row = slopes<T>(tape, y, xs, unit);
    for (std::size_t i = 0; i < xs.size(); ++i) found[i].push_back(reshape(detach(row[i]), {-1}));
    tape.roll_back(size);
  }
  std::vector<Array<T>> result;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    Shape shape = y.shape();
    for (std::size_t n : xs[i].shape()) shape.push_back(n);
    result.push_back(found[i].empty() ? zeros<T>(shape).value() : reshape(concatenate(found[i]), shape).value());
  }
  return result;
}

template <class T>
std::vector<Array<T>> hessian_times(Tape<T>& tape, const Variable<T>& y, const Many<T>& xs,
                                    const std::vector<Array<T>>& vs) {
  require_scalar("hessian_vector", y);
  return values(slopes(tape, contracted("hessian_vector", slopes(tape, y, xs), vs), xs));
}

}  // namespace

template <class T>
std::vector<Array<T>> jacobian(const std::type_identity_t<MapOfMany<T>>& f, const std::vector<Array<T>>& xs) {
  Recording<T> on(xs);
  return rows(on.tape, f(on.xs), on.xs);
}

template <class T>
std::vector<std::vector<Array<T>>> hessian(const std::type_identity_t<MapOfMany<T>>& f,
                                           const std::vector<Array<T>>& xs) {
  Recording<T> on(xs);
  const Variable<T> y = f(on.xs);
  require_scalar("hessian", y);
  std::vector<std::vector<Array<T>>> blocks;
  for (const Variable<T>& slope : slopes(on.tape, y, on.xs)) blocks.push_back(rows(on.tape, slope, on.xs));
  return blocks;
}

template <class T>
std::vector<Array<T>> hessian_vector(const std::type_identity_t<MapOfMany<T>>& f, const std::vector<Array<T>>& xs,
                                     const std::vector<Array<T>>& vs) {
  Recording<T> on(xs);
  return hessian_times(on.tape, f(on.xs), on.xs, vs);
}

template <class T>
std::vector<Array<T>> hessian_vector(const std::type_identity_t<detail::Returning<Variable<T>>>& f,
                                     const std::vector<Parameter<T>>& parameters, const std::vector<Array<T>>& vs) {
  Recording<T> on({});
  for (const Parameter<T>& parameter : parameters)
    require(on.tape.index_of(parameter) != Node<T>::constant, "hessian_vector", "parameter '", parameter.name(),
            "' is frozen; thaw it or leave it out");
  return hessian_times(on.tape, f(), Many<T>(parameters.begin(), parameters.end()), vs);
}

template <class T>
Array<T> jacobian_vector(const std::type_identity_t<MapOfMany<T>>& f, const std::vector<Array<T>>& xs,
                         const std::vector<Array<T>>& vs) {
  Recording<T> on(xs);
  const Variable<T> y = f(on.xs);
  // ⟨Jᵀ u, v⟩ is linear in u, with slope J v.
  const Variable<T> u = on.tape.watch(zeros<T>(y.shape()));
  return slopes(on.tape, contracted("jacobian_vector", slopes(on.tape, y, on.xs, u), vs), {u})[0].value();
}

template <class Result, class... Given> using Overload = Result (*)(const Given&...);

extern const auto derivatives = detail::for_float_and_double([]<class T>() {
  using All = std::vector<Array<T>>;
  return std::tuple(Overload<All, MapOfMany<T>, All>(jacobian), Overload<std::vector<All>, MapOfMany<T>, All>(hessian),
                    Overload<All, MapOfMany<T>, All, All>(hessian_vector),
                    Overload<All, detail::Returning<Variable<T>>, std::vector<Parameter<T>>, All>(hessian_vector),
                    Overload<Array<T>, MapOfMany<T>, All, All>(jacobian_vector));
});

}  // namespace unroll

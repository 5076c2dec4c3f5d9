#include "draws.hpp"

#include "../instantiate.hpp"
#include "../random.hpp"
#include "../tape.hpp"

namespace unroll {

namespace {

template <class T> Random& stream(const char* where) {
  const Tape<T>* const tape = Tape<T>::innermost();
  require(tape && tape->random(), where,
          "there are no random numbers; record on a tape that has some: Tape<T> tape(random)");
  return *tape->random();
}

}  // namespace

template <class T> Variable<T> normal_like(const Variable<T>& x, double mean, double deviation) {
  return stream<T>("normal_like").template normal<T>(x.shape(), mean, deviation);
}

template <class T> Variable<T> uniform_like(const Variable<T>& x, double low, double high) {
  return stream<T>("uniform_like").template uniform<T>(x.shape(), low, high);
}

template <class T> Variable<T> bernoulli(const Variable<T>& p) {
  for (const T each : p.value())
    require(0 <= each && each <= 1, "bernoulli", "a probability of ", each, "; it must be in [0, 1]");
  return stream<T>("bernoulli").template uniform<double>(p.shape()) < p.value();
}

template <class T> Indices categorical(const Variable<T>& logits, Axis axis) {
  const Array<double> u = stream<T>("categorical").template uniform<double>(logits.shape());
  return argmax(detach(logits) - xt::log(-xt::log(u)), axis);
}

extern const auto draws_of_tape = for_float_and_double(
    []<class T>() { return std::tuple(&normal_like<T>, &uniform_like<T>, &bernoulli<T>, &categorical<T>); });

}  // namespace unroll

#include "pooling.hpp"

#include "../../autograd/instantiate.hpp"
#include "packing.hpp"

namespace unroll::nn {

namespace {

template <class T> Packing packed(const char* where, const Variable<T>& x, const Indices& lengths) {
  require(x.shape().size() == 3, where, "x has shape ", x.shape(), "; it must be (time, batch, size)");
  return Packing(x.shape()[0], x.shape()[1], lengths);
}

}  // namespace

template <class T> Variable<T> last_step(const Variable<T>& x, const Indices& lengths) {
  const Scope scope("last_step");
  const Packing packing = packed("last_step", x, lengths);
  const Variable<T> none = zeros<T>({packing.batch(), x.shape()[2]});
  return packing.final_state(split(packing.pack(x), packing.sizes(), 0), none, false);
}

template <class T> Variable<T> mean_over_time(const Variable<T>& x, const Indices& lengths) {
  const Scope scope("mean_over_time");
  const Packing packing = packed("mean_over_time", x, lengths);
  const Variable<T> count = unsqueeze(Variable<T>(lengths), -1);
  return sum(packing.unpack(packing.pack(x)), 0) / where(count > 0, count, 1);
}

template <class T> Variable<T> both_ends(const Variable<T>& h) {
  const Scope scope("both_ends");
  require(h.shape().size() == 3 && h.shape()[0] >= 2 && h.shape()[0] % 2 == 0, "both_ends", "h has shape ", h.shape(),
          "; it must be (layers × 2, batch, hidden)");
  return concatenate({h[-2], h[-1]}, -1);
}

extern const auto poolings = unroll::detail::for_float_and_double(
    []<class T>() { return std::tuple(&last_step<T>, &mean_over_time<T>, &both_ends<T>); });

}  // namespace unroll::nn

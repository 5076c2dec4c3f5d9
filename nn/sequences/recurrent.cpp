#include "recurrent.hpp"

namespace unroll::nn {

template class Recurrent<ElmanCell<float>>;
template class Recurrent<ElmanCell<double>>;
template class Recurrent<LSTMCell<float>>;
template class Recurrent<LSTMCell<double>>;
template class Recurrent<GRUCell<float>>;
template class Recurrent<GRUCell<double>>;

}  // namespace unroll::nn

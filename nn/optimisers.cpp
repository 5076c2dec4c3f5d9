#include "nn/optimisers.hpp"

#include <algorithm>
#include <set>

namespace unroll::nn {

namespace {

template <class T>
void require_finite(const char* where, const Gradients<T>& gradients) {
  for (const auto& entry : gradients.entries()) {
    const auto& g = entry.gradient.value().storage();
    const auto bad = std::find_if(g.begin(), g.end(), [](T x) { return !std::isfinite(x); });
    if (bad == g.end()) continue;
    const auto& identity = entry.of.tensor().identity;
    fail(where, "the gradient of ", identity ? "'" + identity->name + "'" : "a watched variable", " holds ", *bad,
         "; it must be finite");
  }
}

void require_not_negative(const char* where, const char* what, double given) {
  require(given >= 0 && std::isfinite(given), where, what, " is ", given, "; it must be 0 or more, and finite");
}

void require_mean_weight(const char* where, const char* what, double given) {
  require(0 <= given && given < 1, where, what, " is ", given, "; it must be in [0, 1)");
}

}  // namespace

template <class T>
double clip_norm(Gradients<T>& gradients, double most) {
  require(most >= 0, "clip_norm", "a limit of ", most, "; it must be 0 or more");
  const double norm = gradients.norm();
  if (!std::isfinite(norm)) require_finite("clip_norm", gradients);
  if (norm > most) gradients *= most / (norm + 1e-6);
  return norm;
}

template <class T>
Optimizer<T>::Optimizer(std::vector<Parameter<T>> parameters, double rate)
    : learning_rate(rate), parameters_(std::move(parameters)) {
  require(!parameters_.empty(), "optimizer", "there are no parameters; there must be at least one");
  std::set<const void*> known;
  for (const Parameter<T>& parameter : parameters_)
    require(known.insert(parameter.shared().get()).second, "optimizer", "parameter '", parameter.name(),
            "' is given twice; parameters() of one module has each once");
}

template <class T>
void Optimizer<T>::step(const Gradients<T>& gradients) {
  require_not_negative("step", "the learning rate", learning_rate);
  require_finite("step", gradients);
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    Parameter<T>& parameter = parameters_[k];
    if (parameter.frozen() || !gradients.contains(parameter)) continue;
    Array<T> x = parameter.value();
    update(k, x, gradients[parameter]);
    parameter.assign(std::move(x));
  }
}

template <class T>
std::vector<Array<T>> Optimizer<T>::zeros_like_parameters() const {
  std::vector<Array<T>> result;
  for (const Parameter<T>& parameter : parameters_) result.push_back(xt::zeros_like(parameter.value()));
  return result;
}

template <class T>
SGD<T>::SGD(std::vector<Parameter<T>> parameters, const SGDOptions& options)
    : Optimizer<T>(std::move(parameters), options.learning_rate), options_(options) {
  require_not_negative("sgd", "the learning rate", options.learning_rate);
  require_not_negative("sgd", "momentum", options.momentum);
  require_not_negative("sgd", "weight_decay", options.weight_decay);
  if (options.momentum != 0) velocity_ = this->zeros_like_parameters();
}

template <class T>
void SGD<T>::update(std::size_t k, Array<T>& x, const Array<T>& g) {
  const T rate = T(this->learning_rate), decay = T(options_.weight_decay), momentum = T(options_.momentum);
  T* const p = x.data();
  const T* const d = g.data();
  T* const v = velocity_.empty() ? nullptr : velocity_[k].data();
  for (std::size_t i = 0; i < x.size(); ++i) {
    T move = d[i] + decay * p[i];
    if (v) move = v[i] = momentum * v[i] + move;
    p[i] -= rate * move;
  }
}

template <class T>
Adam<T>::Adam(std::vector<Parameter<T>> parameters, const AdamOptions& options)
    : Optimizer<T>(std::move(parameters), options.learning_rate),
      options_(options),
      mean_(this->zeros_like_parameters()),
      square_(this->zeros_like_parameters()),
      steps_(mean_.size()) {
  require_not_negative("adam", "the learning rate", options.learning_rate);
  require_mean_weight("adam", "beta1", options.beta1);
  require_mean_weight("adam", "beta2", options.beta2);
  require_not_negative("adam", "epsilon", options.epsilon);
  require_not_negative("adam", "weight_decay", options.weight_decay);
}

template <class T>
void Adam<T>::update(std::size_t k, Array<T>& x, const Array<T>& g) {
  const double t = double(++steps_[k]), rate = this->learning_rate;
  const T beta1 = T(options_.beta1), beta2 = T(options_.beta2), epsilon = T(options_.epsilon);
  const T decay = T(decoupled_ ? 0 : options_.weight_decay),
          keep = T(decoupled_ ? 1 - rate * options_.weight_decay : 1);
  const T size = T(rate / (1 - std::pow(options_.beta1, t)));
  const T scale = T(1 / std::sqrt(1 - std::pow(options_.beta2, t)));
  T *const p = x.data(), *const m = mean_[k].data(), *const v = square_[k].data();
  const T* const d = g.data();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const T slope = d[i] + decay * p[i];
    m[i] = beta1 * m[i] + (1 - beta1) * slope;
    v[i] = beta2 * v[i] + (1 - beta2) * slope * slope;
    p[i] = keep * p[i] - size * m[i] / (std::sqrt(v[i]) * scale + epsilon);
  }
}

template <class T>
AdamW<T>::AdamW(std::vector<Parameter<T>> parameters, const AdamOptions& options)
    : Adam<T>(std::move(parameters), options) {
  this->decoupled_ = true;
}

template double clip_norm(Gradients<float>&, double);
template double clip_norm(Gradients<double>&, double);
template class Optimizer<float>;
template class Optimizer<double>;
template class SGD<float>;
template class SGD<double>;
template class Adam<float>;
template class Adam<double>;
template class AdamW<float>;
template class AdamW<double>;

}  // namespace unroll::nn

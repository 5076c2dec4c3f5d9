#include "optimizers.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace unroll::nn {

template <class T>
Optimizer<T>::Optimizer(const char* name, const ParameterGroups<T>& groups, double rate, double weight_decay,
                        const std::vector<bool>& kept, bool rests)
    : learning_rate(rate), name_(name), rests_(rests) {
  detail::require_not_negative<T>(name, "the learning rate", rate);
  detail::require_not_negative<T>(name, "weight_decay", weight_decay);
  std::set<const void*> known;
  for (const ParameterGroup<T>& group : groups) {
    const double decay = group.weight_decay.value_or(weight_decay);
    detail::require_not_negative<T>("optimizer", "the learning rate factor of a group", group.learning_rate_factor);
    detail::require_not_negative<T>("optimizer", "the weight_decay of a group", decay);
    for (const Parameter<T>& parameter : group.parameters) {
      require(known.insert(parameter.shared().get()).second, "optimizer", "parameter '", parameter.name(),
              "' is given twice; parameters() of one module has each once");
      Member& member = members_.emplace_back(Member{parameter, group.learning_rate_factor, decay, {}});
      for (const bool keep : kept)
        member.memory.push_back(keep ? Array<T>(xt::zeros_like(parameter.value())) : Array<T>::from_shape({0}));
    }
  }
  require(!members_.empty(), "optimizer", "there are no parameters; there must be at least one");
}

template <class T> void Optimizer<T>::step(const Gradients<T>& gradients) {
  detail::require_not_negative<T>("step", "the learning rate", learning_rate);
  bool any = false, trained = false;
  for (const Member& member : members_) {
    detail::require_not_negative<T>("step", "the learning rate of a group",
                                    learning_rate * member.learning_rate_factor);
    any = any || gradients.find(member.parameter);
    trained |= !member.parameter.frozen();
  }
  require_finite("step", gradients);
  require(any || !trained, "step", gradients.entries().size(),
          " gradients, none of them by a parameter of this optimizer; make it from the parameters of the model that is "
          "swept");
  for (Member& member : members_) {
    Parameter<T>& parameter = member.parameter;
    if (parameter.frozen() || !gradients.contains(parameter)) continue;
    const auto& entry = *gradients.find(parameter);
    const bool by_rows = entry.of_rows() && rests_ && member.weight_decay == 0;
    const Array<T>& g = by_rows ? entry.gradient.value() : gradients[parameter];
    parameter.update([&](std::span<T> x) {
      update({learning_rate * member.learning_rate_factor, member.weight_decay, double(++member.steps), x, g,
              by_rows ? &entry.rows : nullptr, member.memory});
    });
  }
}

namespace {

// The denominator of a step: where it is 0, so is what it divides, or nearly.
template <class T> T nonzero(T x) { return x > 0 ? x : T(1); }

}  // namespace

template <class T>
SGD<T>::SGD(const ParameterGroups<T>& parameters, const SGDOptions& options)
    : Optimizer<T>("sgd", parameters, options.learning_rate, options.weight_decay, {options.momentum != 0},
                   options.momentum == 0),
      options_(options) {
  detail::require_not_negative<T>("sgd", "momentum", options.momentum);
  require(options.momentum > 0 || !options.nesterov, "sgd", "nesterov without momentum; set momentum");
}

template <class T> void SGD<T>::update(Step<T> step) const {
  const T rate = T(step.learning_rate), momentum = T(options_.momentum);
  const bool nesterov = options_.nesterov;
  if (momentum == 0) return each<0>(step, [=](T& x, T g) { x -= rate * g; });
  each<1>(step, [=](T& x, T g, T& v) {
    v = momentum * v + g;
    x -= rate * (nesterov ? g + momentum * v : v);
  });
}

template <class T>
Adam<T>::Adam(const char* name, const ParameterGroups<T>& parameters, const AdamOptions& options, bool decoupled)
    : Optimizer<T>(name, parameters, options.learning_rate, options.weight_decay, {true, true, options.amsgrad}),
      options_(options),
      decoupled_(decoupled) {
  detail::require_mean_weight(name, "beta1", options.beta1);
  detail::require_mean_weight(name, "beta2", options.beta2);
  detail::require_not_negative<T>(name, "epsilon", options.epsilon);
}

template <class T> void Adam<T>::update(Step<T> step) const {
  const T beta1 = T(options_.beta1), beta2 = T(options_.beta2), epsilon = T(options_.epsilon);
  const T share1 = T(1 - options_.beta1), share2 = T(1 - options_.beta2);
  const T rate = T(step.learning_rate / (1 - std::pow(options_.beta1, step.count)));
  const T scale = T(1 / std::sqrt(1 - std::pow(options_.beta2, step.count)));
  const T keep = T(decoupled_ ? 1 - step.learning_rate * std::exchange(step.weight_decay, 0) : 1);
  const auto rule = [=](T& x, T g, T& m, T& v, T& most) {
    m = beta1 * m + share1 * g;
    v = beta2 * v + share2 * g * g;
    most = std::max(most, v);
    x = keep * x - rate * m / nonzero(std::sqrt(most) * scale + epsilon);
  };
  each<3>(step, rule, decoupled_ || step.weight_decay != 0);
}

template <class T>
RMSprop<T>::RMSprop(const ParameterGroups<T>& parameters, const RMSpropOptions& options)
    : Optimizer<T>("rmsprop", parameters, options.learning_rate, options.weight_decay,
                   {true, options.centred, options.momentum != 0}),
      options_(options) {
  detail::require_mean_weight("rmsprop", "alpha", options.alpha);
  detail::require_not_negative<T>("rmsprop", "epsilon", options.epsilon);
  detail::require_not_negative<T>("rmsprop", "momentum", options.momentum);
}

template <class T> void RMSprop<T>::update(Step<T> step) const {
  const T rate = T(step.learning_rate), alpha = T(options_.alpha), epsilon = T(options_.epsilon);
  const T momentum = T(options_.momentum), share = T(1 - options_.alpha);
  // Centred, s is the average of (g − m)² about the new m, which s − m² is too, but for what cancels there.
  const T of_mean = options_.centred ? share : T(0), of_square = options_.centred ? alpha * share : share;
  each<3>(step, [=](T& x, T g, T& s, T& m, T& v) {
    s = alpha * s + of_square * (g - m) * (g - m);
    m = alpha * m + of_mean * g;
    v = momentum * v + g / nonzero(std::sqrt(s) + epsilon);
    x -= rate * v;
  });
}

template <class T>
Adagrad<T>::Adagrad(const ParameterGroups<T>& parameters, const AdagradOptions& options)
    : Optimizer<T>("adagrad", parameters, options.learning_rate, options.weight_decay, {true}, options.initial == 0),
      options_(options) {
  detail::require_not_negative<T>("adagrad", "learning_rate_decay", options.learning_rate_decay);
  detail::require_not_negative<T>("adagrad", "epsilon", options.epsilon);
  detail::require_not_negative<T>("adagrad", "initial", options.initial);
}

template <class T> void Adagrad<T>::update(Step<T> step) const {
  const T rate = T(step.learning_rate / (1 + (step.count - 1) * options_.learning_rate_decay));
  const T epsilon = T(options_.epsilon), initial = T(step.count == 1 ? options_.initial : 0);
  each<1>(step, [=](T& x, T g, T& s) {
    s += initial + g * g;
    x -= rate * g / nonzero(std::sqrt(s) + epsilon);
  });
}

template <class T>
Adadelta<T>::Adadelta(const ParameterGroups<T>& parameters, const AdadeltaOptions& options)
    : Optimizer<T>("adadelta", parameters, options.learning_rate, options.weight_decay, {true, true}),
      options_(options) {
  detail::require_mean_weight("adadelta", "rho", options.rho);
  detail::require_not_negative<T>("adadelta", "epsilon", options.epsilon);
}

template <class T> void Adadelta<T>::update(Step<T> step) const {
  const T rate = T(step.learning_rate), rho = T(options_.rho), epsilon = T(options_.epsilon);
  const T share = T(1 - options_.rho);
  each<2>(step, [=](T& x, T g, T& s, T& u) {
    s = rho * s + share * g * g;
    const T d = g * std::sqrt(u + epsilon) / nonzero(std::sqrt(s + epsilon));
    u = rho * u + share * d * d;
    x -= rate * d;
  });
}

template class Optimizer<float>;
template class Optimizer<double>;
template class SGD<float>;
template class SGD<double>;
template class Adam<float>;
template class Adam<double>;
template class RMSprop<float>;
template class RMSprop<double>;
template class Adagrad<float>;
template class Adagrad<double>;
template class Adadelta<float>;
template class Adadelta<double>;

}  // namespace unroll::nn

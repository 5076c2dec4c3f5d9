#include "nn/optimiser.hpp"

#include <set>

namespace unroll::nn {

template <class T>
Optimizer<T>::Optimizer(const char* name, const ParameterGroups<T>& groups, double rate, double weight_decay,
                        const std::vector<bool>& kept, bool rests)
    : learning_rate(rate), name_(name), rests_(rests) {
  require_not_negative<T>(name, "the learning rate", rate);
  require_not_negative<T>(name, "weight_decay", weight_decay);
  std::set<const void*> known;
  for (const ParameterGroup<T>& group : groups) {
    const double decay = group.weight_decay.value_or(weight_decay);
    require_not_negative<T>("optimizer", "the learning rate factor of a group", group.learning_rate_factor);
    require_not_negative<T>("optimizer", "the weight_decay of a group", decay);
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

template <class T>
void Optimizer<T>::step(const Gradients<T>& gradients) {
  require_not_negative<T>("step", "the learning rate", learning_rate);
  bool any = false, trained = false;
  for (const Member& member : members_) {
    require_not_negative<T>("step", "the learning rate of a group", learning_rate * member.learning_rate_factor);
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

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace unroll::nn

#pragma once

#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

namespace unroll::examples {

/// Networks of a kind that differ by their start values and learn side by side; where one of them is wrong, the others
/// may be right. Hansen and Salamon (1990)
template <class Network> struct Ensemble : nn::Module<float> {
  std::vector<Network> members;

  /// make() → a network; the parameters of one alone have the names that it gave them.
  template <class Make> Ensemble(std::size_t count, const Make& make) {
    members.reserve(count);
    for (std::size_t k = 0; k < count; ++k)
      for (auto [name, parameter] : members.emplace_back(make()).named_parameters())
        add(count == 1 ? name : std::to_string(k) + "." + name, parameter);
  }
  /// The mean of f(member) over the members, whose losses make theirs.
  template <class F> Variable<float> mean_of(const F& f) const {
    Variable<float> sum = f(members[0]);
    for (std::size_t k = 1; k < members.size(); ++k) sum = sum + f(members[k]);
    return members.size() > 1 ? sum / float(members.size()) : sum;
  }
  /// The scores of the members, which are made comparable first.
  template <class... Inputs> Variable<float> operator()(const Inputs&... inputs) const {
    return mean_of([&](const Network& one) { return log_softmax(one(inputs...)); });
  }
};

}  // namespace unroll::examples

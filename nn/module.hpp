#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../autograd/operations/ops.hpp"
#include "../autograd/variable.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// What has parameters: layers, and models made of them. Registration holds handles, so a module can be moved; a copy
/// would share its parameters, so it is only made by clone().
template <class T> class Module {
 public:
  using value_type = T;  ///< float or double
  /// Parameters and their names.
  using Named = std::vector<std::pair<std::string, Parameter<T>>>;

  Module() = default;
  Module(Module&&) noexcept = default;
  /// Throws, except for clone().
  Module(const Module& other);
  /// Throws where a module that lives has registered this one: it would go on with the parameters that were here.
  Module& operator=(Module&& other);

  /// All parameters under their dotted names, in the order of registration; tied ones under each of their names.
  /// An Error for a module that was moved from.
  const Named& named_parameters() const;
  /// All parameters, each once.
  std::vector<Parameter<T>> parameters() const;
  /// Appends those that are not there yet.
  void append_to(std::vector<Parameter<T>>& parameters) const;
  /// Registers a parameter, which takes this name unless it has been registered here already. Throws where the name is
  /// in use.
  void add(const std::string& name, Parameter<T>& parameter);
  /// Makes a parameter with these values first.
  void add(const std::string& name, Parameter<T>& parameter, Array<T> values);
  /// Registers the parameters of a child as name.parameter; throws where such a name is in use.
  void add(const std::string& name, const Module& child);
  /// Takes over the values of a model with the same names and shapes, in float or double. Throws, before anything
  /// changes, where names or shapes differ, or a finite double is beyond the largest float.
  template <class U> void copy_from(const Module<U>& other);

 private:
  void add_named(const std::string& name, Parameter<T> parameter);
  Named named_;
  std::shared_ptr<void> self_ = std::make_shared<char>();  // held by the modules that have registered this one, too
  std::vector<std::shared_ptr<void>> children_;
};

/// The parameters of several modules, each once, for one optimizer: nn::Adam<float> adam(nn::parameters(encoder,
/// decoder))
template <class T, std::derived_from<Module<T>>... More>
std::vector<Parameter<T>> parameters(const Module<T>& first, const More&... more) {
  std::vector<Parameter<T>> all = first.parameters();
  (more.append_to(all), ...);
  return all;
}

/// A model of its own with the same values: ties within it stay ties.
template <class Model> Model clone(const Model& model) {
  const Cloning cloning;
  return Model(model);
}

/// The same model with these variables in place of its parameters, in the order of parameters(), so that what it
/// computes is differentiated by whatever they were computed from: a step of gradient descent, a hypernetwork. Copies
/// no values; ties stay ties. It cannot be trained itself. Throws unless each parameter has a variable of its shape.
///
///     const auto stepped = nn::with(model, weights);      // weights[k] = weights[k] − η ∂loss/∂weights[k]
///     const auto slopes = tape.gradient(loss(stepped), weights);
template <class Model>
Model with(const Model& model, const std::vector<Variable<typename Model::value_type>>& variables) {
  const Cloning replacing(model.parameters(), variables);
  return Model(model);
}

}  // namespace nn
}  // namespace unroll

#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../../autograd/random.hpp"
#include "../files/safetensors.hpp"
#include "optimizers.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// All that a training consists of at one moment, in one file: what is registered here is written, and brought back to
/// exactly what it was. It refers to what is registered, which must live as long.
///
///     nn::Checkpoint checkpoint;
///     checkpoint.fix("hidden", "256");          // what must be the same in a training that goes on from the file
///     checkpoint.add("model", model);
///     checkpoint.add("optimizer", optimizer);
///     checkpoint.add("random", random);
///     checkpoint.add("epoch", epoch);
///     checkpoint.save("run.safetensors");       // and later, in another process: checkpoint.load("run.safetensors")
class Checkpoint {
 public:
  Checkpoint();

  ///@{
  /// What the file has under this name, a model's parameters as name.parameter; throws where a name is in use.
  template <class T> void add(const std::string& name, const Module<T>& model);
  /// What has a state of its own: anything with visit_state(f), which calls f(name, value). Its name(), if it has one,
  /// as an optimizer does, must be the same in a file to load.
  template <class State>
  requires requires(State& state) {
    state.visit_state([](const std::string&, auto&) {});
  }
  void add(const std::string& name, State& state) {
    if constexpr (requires { state.name(); }) fix(name, state.name());
    state.visit_state([&](const std::string& inner, auto& value) { add(name + "." + inner, value); });
  }
  void add(const std::string& name, Random& random);
  void add(const std::string& name, std::size_t& number);
  void add(const std::string& name, double& number);
  /// A list may have another length when it is loaded, an array may not.
  void add(const std::string& name, std::vector<std::size_t>& numbers);
  void add(const std::string& name, std::vector<double>& numbers);
  template <class T> void add(const std::string& name, Array<T>& array);
  ///@}
  /// A value that does not change, and must be the same in a file to load; throws where the name has another.
  void fix(const std::string& name, const std::string& value);
  /// A value that is written as well, but may be another in a file to load.
  void note(const std::string& name, const std::string& value);

  /// Writes the file, atomically; equal trainings give equal files. An Error leaves an old file as it was.
  void save(const std::string& path) const;
  /// An Error that names the first difference, before anything changes, for a file of another training, and for one
  /// without a checksum, as earlier versions wrote them.
  void load(const std::string& path);

 private:
  struct Entry {
    std::string name;
    bool any_length;
    std::function<StoredTensor()> get;
    /// Makes what can then be put in place without fail.
    std::function<std::function<void()>(const StoredTensor&)> set;
  };
  void require_not_moved() const;
  void add_entry(Entry entry);
  template <class Value> void add_value(const std::string& name, Value& value, bool any_length = false);

  std::vector<std::pair<std::string, std::string>> fixed_;
  Metadata notes_;
  std::vector<Entry> entries_;
};

}  // namespace nn
}  // namespace unroll

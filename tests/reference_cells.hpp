// Recurrent layers, one sequence, one step and one unit at a time: the cells that come with the library, and what runs
// them.
#pragma once

#include <map>

#include "layer_table.hpp"

namespace unroll {

using Vector = std::vector<double>;

// The weights of one cell.
struct Weights {
  std::map<std::string, Array<double>> all;
  std::string suffix;

  const Array<double>& at(const std::string& name) const { return all.at(name + suffix); }
};

// The state of a cell after one step, for inputs x and a state.
using Step = std::function<std::vector<Vector>(const Weights&, const Vector&, const std::vector<Vector>&)>;

// The equations of the cells, with all their options.
Step elman(double (*g)(double));
Step gru(bool reset_after);
Step lstm(const nn::LSTMOptions& options);

// What a stack of layers is made of.
struct Stack {
  std::size_t input, layers, directions;
  std::vector<double> zoneout;
  bool residual;
  Weights weights;
};

// The output of a stack, and its final states.
std::vector<Array<double>> run_naively(Stack stack, const Step& step, const Array<double>& x, const Indices& lengths,
                                       const std::vector<Array<double>>& initial);

enum class Initial { zero, given, learned };

// A recurrent layer on padded sequences, with random weights and initial states.
template <class Layer>
auto recurrent(Extent sizes, typename Layer::Options options, const Step& step, Initial kind = Initial::given) {
  using T = typename Layer::T;
  Random random(11);
  options.input = 2;
  options.hidden = 3;
  options.learned_initial = kind == Initial::learned;
  const auto layer = std::make_shared<Layer>(options, random);
  std::vector<Parameter<T>> parameters = layer->parameters();
  for (Parameter<T>& parameter : parameters) parameter.assign(random.normal<T>(parameter.shape(), 0, 0.7));
  const Parameter<T> x(padded<T>(sizes, options.input, random), "x");
  parameters.push_back(x);
  const Indices lengths = lengths_of(sizes);
  constexpr std::size_t states = std::tuple_size_v<typename Layer::State>;
  std::optional<typename Layer::State> initial;
  const std::size_t cells = layer->cells().size();
  std::vector<Array<double>> start;
  for (std::size_t n = 0; n < states; ++n) {
    std::size_t width = options.hidden;
    if constexpr (requires { options.cell.projection; })
      if (n == 0 && options.cell.projection) width = options.cell.projection;
    start.push_back(zero_array({cells, sizes.batch, width}));
    if (kind == Initial::given) {
      const Parameter<T> h(random.normal<T>({cells, sizes.batch, width}), "initial " + std::to_string(n));
      if (n == 0) initial.emplace();
      (*initial)[n] = h;
      parameters.push_back(h);
      start[n] = h.value();
    }
    const auto& named = layer->named_parameters();
    for (std::size_t k = 0; kind == Initial::learned && k < start[n].size(); ++k) {
      const std::size_t cell = k / (sizes.batch * width);
      start[n].flat(k) = named[named.size() - (cells - cell) * states + n].second.value()(k % width);
    }
  }
  return Subject<T>{parameters,
                    [=] {
                      const auto [output, state] = (*layer)(x, lengths, initial);
                      std::vector<Variable<T>> all(state.begin(), state.end());
                      all.insert(all.begin(), output);
                      return all;
                    },
                    [=] {
                      Stack stack{options.input,
                                  options.layers,
                                  options.bidirectional ? 2u : 1u,
                                  {options.zoneout.begin(), options.zoneout.end()},
                                  options.residual,
                                  {}};
                      for (const auto& [name, parameter] : layer->named_parameters())
                        stack.weights.all[name] = parameter.value();
                      return run_naively(std::move(stack), step, xt::cast<double>(x.value()), lengths, start);
                    }};
}

}  // namespace unroll

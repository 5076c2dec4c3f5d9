#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <unroll/nn/nn.hpp>
#include <variant>
#include <vector>

inline const std::vector<std::string> cells{"lstm", "gru", "rnn"};

struct NetworkOptions {
  std::string cell = "lstm";  ///< one of `cells`
  std::size_t input = 0;      ///< size of what it reads, an embedding in most cases; 0 for that of a layer
  std::size_t hidden = 0, layers = 1;
  bool bidirectional = false;
  double dropout = 0;

  std::size_t embedding() const { return input ? input : hidden; }
};

/// Adds these options, all but the directions: --embedding is the input.
void add_network_options(CLI::App& app, NetworkOptions& options);

/// A recurrent layer whose cell is chosen while the program runs.
class Network : public unroll::nn::Module<float> {
 public:
  using State = std::vector<unroll::Variable<float>>;
  struct Result {
    unroll::Variable<float> output;
    State state;
  };

  Network(const NetworkOptions& options, unroll::Random& random);

  /// As nn::Recurrent is called; an empty state is one of zeros.
  Result operator()(const unroll::Variable<float>& x, const std::optional<unroll::Indices>& lengths = {},
                    const State& initial = {}) const;
  /// How many arrays the state has.
  std::size_t states() const;

 private:
  using Layer = std::variant<unroll::nn::RNN<float>, unroll::nn::LSTM<float>, unroll::nn::GRU<float>>;
  static Layer make(const NetworkOptions& options, unroll::Random& random);
  Layer layer_;
};

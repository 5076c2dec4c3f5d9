#pragma once

#include <nn/nn.hpp>
#include <string>
#include <variant>
#include <vector>

struct NetworkOptions {
  std::string cell = "lstm";  ///< or "gru" or "rnn"
  std::size_t input = 0, hidden = 0, layers = 1;
  bool bidirectional = false;
  double dropout = 0;
};

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

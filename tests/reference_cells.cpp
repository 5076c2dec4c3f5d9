#include "reference_cells.hpp"

#include <cmath>
#include <utility>

namespace unroll {

namespace {

// Rows begin to end of W v + b, or of LN(W v) ⊙ gain + b with layer norm.
Vector part(const Weights& w, const std::string& kind, const Vector& v, std::size_t begin, std::size_t end) {
  Vector y;
  for (std::size_t row = begin; row < end; ++row) {
    double sum = 0;
    for (std::size_t k = 0; k < v.size(); ++k) sum += w.at("weight_" + kind)(row, k) * v[k];
    y.push_back(sum);
  }
  const bool normalised = w.all.contains("norm_" + kind + w.suffix), biased = w.all.contains("bias_" + kind + w.suffix);
  if (normalised) {
    double mean = 0, variance = 0;
    for (const double element : y) mean += element / double(y.size());
    for (const double element : y) variance += std::pow(element - mean, 2) / double(y.size());
    for (double& element : y) element = (element - mean) / std::sqrt(variance + 1e-5);
  }
  for (std::size_t k = 0; k < y.size(); ++k)
    y[k] = (normalised ? w.at("norm_" + kind)(begin + k) : 1) * y[k] + (biased ? w.at("bias_" + kind)(begin + k) : 0);
  return y;
}

}  // namespace

Step elman(double (*g)(double)) {
  return [g](const Weights& w, const Vector& x, const std::vector<Vector>& state) {
    Vector h = part(w, "ih", x, 0, state[0].size());
    const Vector of_h = part(w, "hh", state[0], 0, h.size());
    for (std::size_t j = 0; j < h.size(); ++j) h[j] = g(h[j] + of_h[j]);
    return std::vector<Vector>{h};
  };
}

Step gru(bool reset_after) {
  return [reset_after](const Weights& w, const Vector& x, const std::vector<Vector>& state) {
    const Vector& h = state[0];
    const std::size_t n = h.size();
    const Vector of_x = part(w, "ih", x, 0, 3 * n), gates = part(w, "hh", h, 0, (reset_after ? 3 : 2) * n);
    Vector reset = h, next = h;
    for (std::size_t j = 0; j < n; ++j) reset[j] *= sigma(of_x[j] + gates[j]);
    const Vector of_reset = reset_after ? Vector() : part(w, "hh", reset, 2 * n, 3 * n);
    for (std::size_t j = 0; j < n; ++j) {
      const double of_h = reset_after ? sigma(of_x[j] + gates[j]) * gates[2 * n + j] : of_reset[j];
      const double z = sigma(of_x[n + j] + gates[n + j]);
      next[j] = (1 - z) * std::tanh(of_x[2 * n + j] + of_h) + z * h[j];
    }
    return std::vector<Vector>{next};
  };
}

Step lstm(const nn::LSTMOptions& options) {
  return [options](const Weights& w, const Vector& x, const std::vector<Vector>& state) {
    const Vector& c = state[1];
    const std::size_t n = c.size(), gates = options.coupled ? 3 : 4;
    Vector a = part(w, "ih", x, 0, gates * n);
    const Vector of_h = part(w, "hh", state[0], 0, gates * n);
    for (std::size_t k = 0; k < a.size(); ++k) a[k] += of_h[k];
    const auto gate = [&](const std::string& letter, std::size_t k, const Vector& seen, std::size_t j) {
      return sigma(a[k * n + j] + (options.peepholes ? w.at("peephole_" + letter)(j) * seen[j] : 0));
    };
    Vector next(n), h(n);
    for (std::size_t j = 0; j < n; ++j) {
      const double f = gate("f", gates - 3, c, j), i = options.coupled ? 1 - f : gate("i", 0, c, j);
      next[j] = f * c[j] + i * std::tanh(a[(gates - 2) * n + j]);
    }
    // LN(c') is that of the identity times c'.
    Vector shown = next;
    if (options.layer_norm) {
      Weights of_c{w.all, w.suffix};
      of_c.all["weight_c" + w.suffix] = Array<double>(xt::eye<double>(n));
      shown = part(of_c, "c", next, 0, n);
    }
    for (std::size_t j = 0; j < n; ++j) h[j] = gate("o", gates - 1, next, j) * std::tanh(shown[j]);
    return std::vector<Vector>{options.projection ? part(w, "hr", h, 0, options.projection) : h, next};
  };
}

std::vector<Array<double>> run_naively(Stack stack, const Step& step, const Array<double>& x, const Indices& lengths,
                                       const std::vector<Array<double>>& initial) {
  const std::size_t batch = x.shape(1), hidden = initial[0].shape(2), directions = stack.directions;
  Array<double> output = zero_array({x.shape(0), batch, directions * hidden});
  std::vector<Array<double>> final = initial;
  for (std::size_t b = 0; b < batch; ++b) {
    const auto length = static_cast<std::size_t>(lengths(b));
    std::vector<Vector> rows(length);
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t k = 0; k < stack.input; ++k) rows[t].push_back(x(t, b, k));
    for (std::size_t cell = 0; cell < stack.layers * directions;) {
      std::vector<Vector> next(length);
      for (std::size_t direction = 0; direction < directions; ++direction, ++cell) {
        stack.weights.suffix = "_l" + std::to_string(cell / directions) + (direction ? "_reverse" : "");
        std::vector<Vector> state(initial.size());
        for (std::size_t n = 0; n < state.size(); ++n)
          for (std::size_t j = 0; j < initial[n].shape(2); ++j) state[n].push_back(initial[n](cell, b, j));
        for (std::size_t k = 0; k < length; ++k) {
          const std::size_t t = direction ? length - 1 - k : k;
          const std::vector<Vector> before = std::exchange(state, step(stack.weights, rows[t], state));
          for (std::size_t n = 0; n < state.size(); ++n)
            for (std::size_t j = 0; j < state[n].size(); ++j)
              state[n][j] += stack.zoneout[n] * (before[n][j] - state[n][j]);
          next[t].insert(next[t].end(), state[0].begin(), state[0].end());
        }
        for (std::size_t n = 0; n < state.size(); ++n)
          for (std::size_t j = 0; j < state[n].size(); ++j) final[n](cell, b, j) = state[n][j];
      }
      const bool residual = stack.residual && cell > directions;
      for (std::size_t t = 0; t < length && residual; ++t)
        for (std::size_t k = 0; k < next[t].size(); ++k) next[t][k] += rows[t][k];
      rows = next;
    }
    for (std::size_t t = 0; t < length; ++t)
      for (std::size_t k = 0; k < directions * hidden; ++k) output(t, b, k) = rows[t][k];
  }
  final.insert(final.begin(), output);
  return final;
}

}  // namespace unroll

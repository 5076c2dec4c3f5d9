// libtorch WORKLOAD STEPS THREADS [T=..] [B=..] [I=..] [H=..] [V=..]: the workloads of bench.cpp in LibTorch, with the
// same arithmetic in a step and the same line of JSON.
#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>

#include "arguments.hpp"

namespace {

using torch::Tensor;
using torch::nn::functional::cross_entropy;

struct Workload {
  std::vector<Tensor> parameters;
  std::function<Tensor()> loss;
  std::function<double()> predict = nullptr;
};

template <class... Modules> std::vector<Tensor> parameters_of(const Modules&... modules) {
  std::vector<Tensor> all;
  const auto append = [&](const auto& module) {
    for (const Tensor& parameter : module->parameters()) all.push_back(parameter);
  };
  (append(modules), ...);
  return all;
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

// LibTorch counts in signed numbers.
long size(const Given& given, const char* key, long otherwise) { return long(get(given, key, std::size_t(otherwise))); }

// Scores for each class at every step, from vectors (embedded words if `words`) through a recurrent layer.
template <class Layer, class Options>
Workload predicted(const Given& given, long time, long batch, Options options, long classes, bool words) {
  const long T = size(given, "T", time), B = size(given, "B", batch), C = size(given, "V", classes);
  const bool one_size = words && options.input_size() == options.hidden_size();
  options.input_size(size(given, one_size ? "H" : "I", options.input_size()));
  options.hidden_size(size(given, "H", options.hidden_size()));
  const long output = options.hidden_size() * (options.bidirectional() ? 2 : 1);
  Layer layer(options);
  torch::nn::Linear scores(output, C);
  torch::nn::Embedding table(words ? C : 1, options.input_size());
  const Tensor labels = torch::randint(C, {T * B}), tokens = torch::randint(C, {T, B}),
               vectors = torch::randn({words ? 1 : T, B, options.input_size()});
  auto parameters = parameters_of(layer, scores);
  if (words) parameters.push_back(table->weight);
  return {parameters, [=]() mutable {
            const Tensor y = std::get<0>(layer(words ? table(tokens) : vectors));
            return cross_entropy(scores(y.reshape({T * B, output})), labels);
          }};
}

Workload pooled(const Given& given) {
  const long T = size(given, "T", 100), B = size(given, "B", 16), I = size(given, "I", 32), H = size(given, "H", 64),
             C = size(given, "V", 2);
  torch::nn::RNN layer(torch::nn::RNNOptions(I, H));
  torch::nn::Linear scores(H, C);
  const Tensor x = torch::randn({T, B, I}), labels = torch::randint(C, {B});
  return {parameters_of(layer, scores),
          [=]() mutable { return cross_entropy(scores(std::get<0>(layer(x)).mean(0)), labels); }};
}

Workload core(const Given& given) {
  const long I = size(given, "I", 256);
  torch::nn::LSTM layer(I, size(given, "H", 256));
  const Tensor x = torch::randn({size(given, "T", 50), size(given, "B", 64), I});
  return {layer->parameters(), [=]() mutable { return std::get<0>(layer(x)).sum(); }};
}

Workload own_cell(const Given& given) {
  const long T = size(given, "T", 50), B = size(given, "B", 64), I = size(given, "I", 256), H = size(given, "H", 256);
  const auto weight = [&](at::IntArrayRef shape) {
    return (torch::randn(shape) / std::sqrt(double(H))).set_requires_grad(true);
  };
  const Tensor W = weight({I, 4 * H}), U = weight({H, 4 * H}), b = weight({4 * H}), x = torch::randn({T, B, I});
  return {{W, U, b}, [=] {
            Tensor h = torch::zeros({B, H}), c = h, sum = torch::zeros({});
            for (const Tensor& step : x.unbind(0)) {
              const auto gates = torch::addmm(torch::addmm(b, step, W), h, U).chunk(4, 1);
              c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[2].tanh();
              h = gates[3].sigmoid() * c.tanh();
              sum = sum + h.sum();
            }
            return sum;
          }};
}

Workload chain(const Given& given) {
  const Tensor p = torch::full({1, 16}, 1e-3).set_requires_grad(true), one = torch::full({1, 16}, 1e-3);
  return {{p}, [=, n = get(given, "T", 1000)] {
            Tensor y = p;
            for (std::size_t k = 0; k < n; ++k) y = y + one;
            return y.sum();
          }};
}

Workload streamed(const Given& given) {
  const long H = size(given, "H", 200), C = size(given, "V", 10000);
  torch::nn::Embedding table(C, H);
  torch::nn::LSTM layer(torch::nn::LSTMOptions(H, H).num_layers(2));
  torch::nn::Linear scores(H, C);
  const Tensor start = torch::zeros({2, 1, H});
  return {{}, {}, [=, word = torch::zeros({1, 1}, torch::kLong), state = std::make_tuple(start, start)]() mutable {
            const c10::InferenceMode constant;
            const auto [output, next] = layer(table(word), state);
            const Tensor y = scores(output);
            state = next;
            word = y.argmax(-1);
            return y.max().item<double>();
          }};
}

using torch::nn::GRU, torch::nn::GRUOptions, torch::nn::LSTM, torch::nn::LSTMOptions;

const std::map<std::string, Workload (*)(const Given&)> workloads{
    {"W1",
     [](const Given& s) { return predicted<LSTM>(s, 25, 32, LSTMOptions(100, 128).bidirectional(true), 17, false); }},
    {"W2", [](const Given& s) { return predicted<LSTM>(s, 20, 20, LSTMOptions(200, 200).num_layers(2), 10000, true); }},
    {"W3", [](const Given& s) { return predicted<LSTM>(s, 35, 20, LSTMOptions(650, 650).num_layers(2), 10000, true); }},
    {"W4", [](const Given& s) { return predicted<GRU>(s, 100, 1, GRUOptions(64, 128), 64, true); }},
    {"W5", pooled},
    {"W6", core},
    {"W7", own_cell},
    {"CHAR", [](const Given& s) { return predicted<LSTM>(s, 64, 64, LSTMOptions(256, 256).num_layers(2), 65, true); }},
    {"STREAM", streamed},
    {"OPS", chain},
};

}  // namespace

int main(int count, char** words) {
  const Arguments arguments(count, words);
  if (!arguments.steps || !workloads.count(arguments.workload)) {
    std::cerr << "usage: libtorch W1|...|W7|CHAR|STREAM|OPS STEPS THREADS [T=] [B=] [I=] [H=] [V=]\n";
    return 2;
  }
  const int steps = int(arguments.steps), warm = std::max(2, steps / 10);
  torch::set_num_threads(int(arguments.threads));
  const double start = peak_megabytes();
  const Workload workload = workloads.at(arguments.workload)(arguments.sizes);
  std::vector<double> times;
  double loss = 0;
  for (int step = 0; step < warm + steps; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    if (workload.predict) {
      loss = workload.predict();
    } else {
      const Tensor y = workload.loss();
      y.backward();
      loss = y.item<double>();
      const torch::NoGradGuard constant;
      for (Tensor parameter : workload.parameters) {
        if (!parameter.grad().defined()) continue;
        parameter.sub_(parameter.grad(), 1e-6);
        parameter.mutable_grad().reset();
      }
    }
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
    if (step >= warm) times.push_back(time.count());
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"workload\": \"%s\", \"ms\": %.4f, \"rss_mb\": %.1f, \"rss0_mb\": %.1f, \"loss\": %.5f}\n",
              arguments.workload.c_str(), times[times.size() / 2], peak_megabytes(), start, loss);
}

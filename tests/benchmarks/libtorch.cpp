// libtorch WORKLOAD STEPS THREADS: the workloads of bench.cpp in LibTorch, with the same arithmetic in a step and the
// same line of JSON.
#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>

namespace {

using torch::Tensor;
using torch::nn::functional::cross_entropy;

struct Workload {
  std::vector<Tensor> parameters;
  std::function<Tensor()> loss;
  std::function<double()> predict = nullptr;
};

template <class... Modules>
std::vector<Tensor> parameters_of(const Modules&... modules) {
  std::vector<Tensor> all;
  const auto append = [&](const auto& module) {
    for (const Tensor& parameter : module->parameters()) all.push_back(parameter);
  };
  (append(modules), ...);
  return all;
}

// Scores for each class at every step, from vectors (embedded words if `words`) through a recurrent layer.
template <class Layer>
Workload predicted(Layer layer, long time, long batch, long input, long output, long classes, bool words) {
  torch::nn::Linear scores(output, classes);
  torch::nn::Embedding table(words ? classes : 1, input);
  const Tensor labels = torch::randint(classes, {time * batch}), tokens = torch::randint(classes, {time, batch}),
               vectors = torch::randn({time, batch, input});
  auto parameters = parameters_of(layer, scores);
  if (words) parameters.push_back(table->weight);
  return {parameters, [=]() mutable {
            const Tensor y = std::get<0>(layer(words ? table(tokens) : vectors));
            return cross_entropy(scores(y.reshape({time * batch, output})), labels);
          }};
}

Workload pooled() {
  torch::nn::RNN layer(torch::nn::RNNOptions(32, 64));
  torch::nn::Linear scores(64, 2);
  const Tensor x = torch::randn({100, 16, 32}), labels = torch::randint(2, {16});
  return {parameters_of(layer, scores),
          [=]() mutable { return cross_entropy(scores(std::get<0>(layer(x)).mean(0)), labels); }};
}

Workload core() {
  torch::nn::LSTM layer(256, 256);
  const Tensor x = torch::randn({50, 64, 256});
  return {layer->parameters(), [=]() mutable { return std::get<0>(layer(x)).sum(); }};
}

Workload own_cell() {
  const auto weight = [](at::IntArrayRef shape) { return (torch::randn(shape) / 16).set_requires_grad(true); };
  const Tensor W = weight({256, 1024}), U = weight({256, 1024}), b = weight({1024}), x = torch::randn({50, 64, 256});
  return {{W, U, b}, [=] {
            Tensor h = torch::zeros({64, 256}), c = h, sum = torch::zeros({});
            for (const Tensor& step : x.unbind(0)) {
              const auto gates = torch::addmm(torch::addmm(b, step, W), h, U).chunk(4, 1);
              c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[2].tanh();
              h = gates[3].sigmoid() * c.tanh();
              sum = sum + h.sum();
            }
            return sum;
          }};
}

Workload chain() {
  const Tensor p = torch::full({1, 16}, 1e-3).set_requires_grad(true), one = torch::full({1, 16}, 1e-3);
  return {{p}, [=] {
            Tensor y = p;
            for (int k = 0; k < 1000; ++k) y = y + one;
            return y.sum();
          }};
}

Workload streamed() {
  torch::nn::Embedding table(10000, 200);
  torch::nn::LSTM layer(torch::nn::LSTMOptions(200, 200).num_layers(2));
  torch::nn::Linear scores(200, 10000);
  const Tensor start = torch::zeros({2, 1, 200});
  return {{}, {}, [=, word = torch::zeros({1, 1}, torch::kLong), state = std::make_tuple(start, start)]() mutable {
            const c10::InferenceMode constant;
            const auto [output, next] = layer(table(word), state);
            const Tensor y = scores(output);
            state = next;
            word = y.argmax(-1);
            return y.max().item<double>();
          }};
}

const std::map<std::string, Workload (*)()> workloads{
    {"W1",
     [] {
       const torch::nn::LSTM layer(torch::nn::LSTMOptions(100, 128).bidirectional(true));
       return predicted(layer, 25, 32, 100, 256, 17, false);
     }},
    {"W2",
     [] {
       const torch::nn::LSTM layer(torch::nn::LSTMOptions(200, 200).num_layers(2));
       return predicted(layer, 20, 20, 200, 200, 10000, true);
     }},
    {"W3",
     [] {
       const torch::nn::LSTM layer(torch::nn::LSTMOptions(650, 650).num_layers(2));
       return predicted(layer, 35, 20, 650, 650, 10000, true);
     }},
    {"W4", [] { return predicted(torch::nn::GRU(64, 128), 100, 1, 64, 128, 64, true); }},
    {"W5", pooled},
    {"W6", core},
    {"W7", own_cell},
    {"STREAM", streamed},
    {"OPS", chain},
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 4 || !workloads.count(arguments[1])) {
    std::cerr << "usage: libtorch W1|...|W7|STREAM|OPS STEPS THREADS\n";
    return 2;
  }
  const int steps = std::stoi(arguments[2]), warm = std::max(2, steps / 10);
  torch::set_num_threads(std::stoi(arguments[3]));
  const Workload workload = workloads.at(arguments[1])();
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
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"workload\": \"%s\", \"ms\": %.4f, \"rss_mb\": %.1f, \"loss\": %.5f}\n", arguments[1],
              times[times.size() / 2], double(usage.ru_maxrss) / 1024, loss);
}

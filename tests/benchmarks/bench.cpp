// bench WORKLOAD STEPS THREADS [T=..] [B=..] [I=..] [H=..] [V=..] [S=..]: times training steps in float32. A step is
// the forward pass, the loss, the sweep and an SGD update. Prints one line of JSON; ms is the median of a step's times,
// allocations are those of a step, faults are pages touched for the first time once the first steps are over.
// S > 1: the batch of W1, W4, W5 or CHAR in S shares for nn::parallel_gradients, on this many threads.
//   W1   tagger: bidirectional LSTM of 128, batch 32, 25 steps, input 100, 17 classes at every step
//   W2   language model: embedding of 10000 words, 2-layer LSTM of 200, batch 20, 20 steps
//   W3   the same with 650 units and 35 steps
//   W4   online character GRU of 128: batch 1, 100 steps, embedding 64, 64 classes
//   W5   Elman network of 64, input 32, batch 16, 100 steps, mean over time, 2 classes
//   W6   LSTM of 256, input 256, batch 64, 50 steps, sum of the outputs
//   W7   W6 with a cell as a user writes it
//   CHAR  character language model: embedding of 65 characters, 2-layer LSTM of 256, batch 64, 64 steps
//   STREAM  the model of W2 without a tape, batch 1: a step is one word, the next one is that with the highest score
//   OPS  a chain of T = 1000 additions of 1×16 arrays, and its sweep
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <new>
#include <optional>
#include <unroll/nn/nn.hpp>

#include "arguments.hpp"

using namespace unroll;

namespace {

std::atomic<long> allocations{0};

}  // namespace

// Counts; the other forms of new and delete end here.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using V = Variable<float>;

rusage usage() {
  rusage result{};
  getrusage(RUSAGE_SELF, &result);
  return result;
}

double peak_megabytes() { return double(usage().ru_maxrss) / 1024; }

struct Workload {
  std::vector<Parameter<float>> parameters;
  std::function<V(std::size_t)> loss;   // of a share of the batch
  std::function<float()> predict = {};  // a step of a workload that does not train
};

Indices labels(const Shape& shape, std::size_t classes, Random& random) {
  Indices result = Indices::from_shape(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
  for (std::int64_t& label : result) label = static_cast<std::int64_t>(random.below(classes));
  return result;
}

// A recurrent layer over words or vectors, and a score for each class at every step.
template <class Layer> struct Model : nn::Module<float> {
  std::optional<nn::Embedding<float>> words;
  Layer layer;
  nn::Linear<float> scores;

  Model(std::size_t count, const typename Layer::Options& options, std::size_t classes, Random& random)
      : layer(options, random),
        scores({.input = options.hidden * (options.bidirectional ? 2 : 1), .output = classes}, random) {
    if (count) add("words", words.emplace(nn::EmbeddingOptions{.count = count, .size = options.input}, random));
    add("layer", layer);
    add("scores", scores);
  }
};

template <class Layer>
Workload predicted(const Given& given, std::size_t time, std::size_t batch, typename Layer::Options options,
                   std::size_t classes, bool words) {
  Random random(1);
  const std::size_t S = get(given, "S", 1), C = get(given, "V", classes);
  const std::size_t T = get(given, "T", time), B = get(given, "B", batch) / S;
  options.input = get(given, words && options.input == options.hidden ? "H" : "I", options.input);
  options.hidden = get(given, "H", options.hidden);
  const auto model = std::make_shared<Model<Layer>>(words ? C : 0, options, C, random);
  std::vector<Indices> tokens, y;
  std::vector<V> x;
  for (std::size_t share = 0; share < S; ++share) {
    y.push_back(labels({T, B}, C, random));
    tokens.push_back(words ? labels({T, B}, C, random) : Indices());
    x.push_back(words ? V(0) : V(random.normal<float>({T, B, options.input})));
  }
  return {model->parameters(), [=](std::size_t share) {
            const V input = model->words ? (*model->words)(tokens[share]) : x[share];
            return nn::cross_entropy(model->scores(model->layer(input).output), y[share]) / float(S);
          }};
}

Workload pooled(const Given& given) {
  Random random(1);
  const std::size_t S = get(given, "S", 1), T = get(given, "T", 100), B = get(given, "B", 16) / S,
                    C = get(given, "V", 2);
  const nn::RNN<float>::Options options{.input = get(given, "I", 32), .hidden = get(given, "H", 64)};
  const auto model = std::make_shared<Model<nn::RNN<float>>>(0, options, C, random);
  std::vector<V> x;
  std::vector<Indices> y;
  for (std::size_t share = 0; share < S; ++share) {
    x.push_back(random.normal<float>({T, B, options.input}));
    y.push_back(labels({B}, C, random));
  }
  return {model->parameters(), [=](std::size_t share) {
            return nn::cross_entropy(model->scores(mean(model->layer(x[share]).output, 0)), y[share]) / float(S);
          }};
}

// An LSTM as a user writes it.
struct OwnCell : nn::Module<float> {
  using State = std::array<V, 2>;
  Parameter<float> W, U, b;

  OwnCell(const nn::CellSizes& sizes, Random& random) {
    add("W", W, nn::uniform_by_fan_in<float>({4 * sizes.hidden, sizes.input}, sizes.hidden, random));
    add("U", U, nn::uniform_by_fan_in<float>({4 * sizes.hidden, sizes.hidden}, sizes.hidden, random));
    add("b", b, nn::uniform_by_fan_in<float>({4 * sizes.hidden}, sizes.hidden, random));
  }
  V input(const V& x) const { return linear(x, W, b); }
  State step(const V& projected, const State& state) const {
    const auto [i, f, g, o] = split<4>(linear(state[0], U, projected));
    const V c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g);
    return {sigmoid(o) * tanh(c), c};
  }
};

template <class Layer> Workload core(const Given& given) {
  Random random(1);
  const std::size_t T = get(given, "T", 50), B = get(given, "B", 64);
  const typename Layer::Options options{.input = get(given, "I", 256), .hidden = get(given, "H", 256)};
  const auto layer = std::make_shared<Layer>(options, random);
  const V x = random.normal<float>({T, B, options.input});
  return {layer->parameters(), [=](std::size_t) { return sum((*layer)(x).output); }};
}

Workload chain(const Given& given) {
  const Parameter<float> p(full<float>({1, 16}, 1e-3f).value(), "p");
  const V one = full<float>({1, 16}, 1e-3f);
  return {{p}, [=, n = get(given, "T", 1000)](std::size_t) {
            V y = p;
            for (std::size_t k = 0; k < n; ++k) y = y + one;
            return sum(y);
          }};
}

Workload streamed(const Given& given) {
  Random random(1);
  const std::size_t H = get(given, "H", 200), C = get(given, "V", 10000);
  const nn::LSTM<float>::Options options{.input = H, .hidden = H, .layers = 2};
  const auto model = std::make_shared<Model<nn::LSTM<float>>>(C, options, C, random);
  return {{}, {}, [=, word = labels({1, 1}, C, random), state = std::optional<std::array<V, 2>>()]() mutable {
            const auto result = model->layer((*model->words)(word), {}, state);
            const V scores = model->scores(result.output);
            state = result.state;
            word = argmax(scores, -1);
            return max(scores).item();
          }};
}

const std::map<std::string, std::function<Workload(const Given&)>> workloads{
    {"W1",
     [](const Given& s) {
       return predicted<nn::LSTM<float>>(s, 25, 32, {.input = 100, .hidden = 128, .bidirectional = true}, 17, false);
     }},
    {"W2",
     [](const Given& s) {
       return predicted<nn::LSTM<float>>(s, 20, 20, {.input = 200, .hidden = 200, .layers = 2}, 10000, true);
     }},
    {"W3",
     [](const Given& s) {
       return predicted<nn::LSTM<float>>(s, 35, 20, {.input = 650, .hidden = 650, .layers = 2}, 10000, true);
     }},
    {"W4", [](const Given& s) { return predicted<nn::GRU<float>>(s, 100, 1, {.input = 64, .hidden = 128}, 64, true); }},
    {"W5", pooled},
    {"W6", core<nn::LSTM<float>>},
    {"W7", core<nn::Recurrent<OwnCell>>},
    {"CHAR",
     [](const Given& s) {
       return predicted<nn::LSTM<float>>(s, 64, 64, {.input = 256, .hidden = 256, .layers = 2}, 65, true);
     }},
    {"STREAM", streamed},
    {"OPS", chain},
};

}  // namespace

int main(int count, char** words) {
  const Arguments arguments(count, words);
  const auto& [name, steps, threads, given] = arguments;
  if (!steps || !workloads.contains(name)) {
    std::cerr << "usage: bench W1|...|W7|CHAR|STREAM|OPS STEPS THREADS [T=] [B=] [I=] [H=] [V=] [S=]\n";
    return 2;
  }
  const std::size_t shares = get(given, "S", 1);
  const std::size_t warm = std::max<std::size_t>(2, steps / 10);
  const double start = peak_megabytes();
  const Workload workload = workloads.at(name)(given);
  std::optional<nn::SGD<float>> optimizer;
  if (workload.loss) optimizer.emplace(workload.parameters, nn::SGDOptions{.learning_rate = 1e-6});
  std::vector<double> times;
  times.reserve(steps);
  float loss = 0;
  long allocated = 0, faults = 0;
  for (std::size_t step = 0; step < warm + steps; ++step) {
    if (step == warm) {
      allocated = allocations;
      faults = usage().ru_minflt;
    }
    const auto begin = std::chrono::steady_clock::now();
    if (!optimizer) {
      loss = workload.predict();
    } else {
      const auto result = nn::parallel_gradients(shares, workload.loss, {.threads = threads});
      optimizer->step(result.gradients);
      loss = result.loss;
    }
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
    if (step >= warm) times.push_back(time.count());
  }
  allocated = (allocations - allocated) / long(steps);
  faults = usage().ru_minflt - faults;
  std::sort(times.begin(), times.end());
  std::printf(
      "{\"workload\": \"%s\", \"ms\": %.4f, \"rss_mb\": %.1f, \"rss0_mb\": %.1f, \"loss\": %.5f, \"allocations\": %ld, "
      "\"faults\": %ld}\n",
      name.c_str(), times[times.size() / 2], peak_megabytes(), start, double(loss), allocated, faults);
}

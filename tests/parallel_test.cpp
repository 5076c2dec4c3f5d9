// Work that is shared out among threads: large arrays, and one model.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <unroll/autograd/kernels/threads.hpp>
#include <unroll/nn/nn.hpp>
#include <utility>

#include "support.hpp"

using namespace unroll;

namespace {

struct Model : nn::Module<double> {
  nn::Embedding<double> words;
  nn::GRU<double> gru;
  nn::Linear<double> scores;

  explicit Model(Random& random)
      : words({.count = 11, .size = 3}, random),
        gru({.input = 3, .hidden = 4, .layers = 2, .dropout = 0.3}, random),
        scores({.input = 4, .output = 3}, random) {
    add("words", words);
    add("gru", gru);
    add("scores", scores);
  }
};

const Indices tokens[]{{{1, 4}, {2, 3}}, {{1, 7}, {9, 1}}, {{5, 5}, {0, 2}}}, labels{{0, 1}, {2, 0}};

auto loss_of(const Model& model) {
  return [&](std::size_t share) {
    return nn::cross_entropy(model.scores(model.gru(model.words(tokens[share])).output), labels);
  };
}

}  // namespace

TEST_CASE("large arrays give the same on one thread and on several, and so do their gradients") {
  using V = Variable<float>;
  Random random(1);
  const V x = random.normal<float>({300, 1000}), row = random.normal<float>({1000});
  const Parameter<float> b(random.normal<float>({1000, 300}));
  struct Case {
    double tolerance;  // OpenBLAS may add up in another order at the edge of a part
    std::function<V(const V&)> f;
  };
  const Case cases[]{
      {1e-4, [](const V& x) { return matmul(x, x, {.a = true}); }},
      {1e-4, [](const V& x) { return matmul(x, x, {.b = true}); }},
      {1e-4, [](const V& x) { return matmul(slice(x, 1, 1, 990), slice(x, 1, 11, 1000), {.b = true}); }},
      {0, [&](const V& x) { return matmul(x, V(b)); }},
      {0, [&](const V& x) { return tanh(x) * row; }},
      {0, [](const V& x) { return 2 * slice(x, 1, 5, 999); }},
      {0, [&](const V& x) { return transpose(x) * b; }},
      {0, [](const V& x) { return softmax(x); }},
      {0, [](const V& x) { return sum(x, 0) * sum(x, 0); }},
      {0, [](const V& x) { return max(x, 1); }},
  };
  for (const auto& [tolerance, f] : cases) {
    const auto run = [&, &f = f] {
      Tape<float> tape;
      const V watched = tape.watch(x), y = f(watched);
      return std::pair(y.value(), tape.backward(mean(y * y))[watched]);
    };
    const auto together = run();
    const detail::SingleThreaded alone;
    const auto one = run();
    CHECK(difference(one.first, together.first) <= tolerance);
    CHECK(difference(one.second, together.second) <= tolerance);
  }
}

TEST_CASE("parallel_gradients has the same bits for any number of threads, with dropout, and adds up its shares") {
  Random random(3);
  const Model model(random);
  const auto run = [&](std::size_t threads) {
    Random stream(17);
    return nn::parallel_gradients(3, loss_of(model), {.threads = threads, .random = &stream});
  };
  const auto alone = run(1);
  for (const std::size_t threads : {2, 3, 5, 0, 2}) {
    const auto together = run(threads);
    CHECK(together.loss == alone.loss);
    for (const Parameter<double>& p : model.parameters()) CHECK(together.gradients[p] == alone.gradients[p]);
  }

  Gradients<double> sum;
  double loss = 0;
  for (std::size_t share = 0; share < 3; ++share) {
    Tape<double> tape;
    const auto y = loss_of(model)(share);
    loss += y.item();
    sum += tape.backward(y);
  }
  const auto plain = nn::parallel_gradients(3, loss_of(model));
  CHECK(plain.loss == doctest::Approx(loss).epsilon(1e-14));
  for (const Parameter<double>& p : model.parameters()) CHECK(difference(plain.gradients[p], sum[p]) < 1e-14);
}

TEST_CASE("the gradients of a table stay those of its rows when they are added") {
  Random random(3);
  const Model model(random);
  const auto both = nn::parallel_gradients(2, loss_of(model));
  const auto* const entry = both.gradients.find(model.words.weight);
  REQUIRE(entry);
  CHECK(entry->rows == Indices{1, 2, 3, 4, 7, 9});
  CHECK(entry->gradient.shape() == Shape{6, 3});
}

TEST_CASE("what a share throws first, by its number, is thrown after all have ended") {
  std::atomic<int> ended{0};
  const auto share = [&](std::size_t k) -> Variable<double> {
    ++ended;
    require(k != 2 && k != 5, "share", "number ", k);
    return Variable<double>(1.0);
  };
  CHECK(error_of([&] { in_parallel(7, 3, [&](std::size_t k) { share(k); }); }) == "share: number 2");
  CHECK(ended == 7);
  Random random(1);
  const auto before = random.state();
  CHECK(error_of([&] { nn::parallel_gradients(7, share, {.threads = 3, .random = &random}); }) ==
        "backward: the loss was not recorded on this tape; make it with tape.watch() or use a Parameter");
  CHECK(random.state() == before);
}

TEST_CASE("in_parallel calls each number once, inside of itself too") {
  std::atomic<std::size_t> sum{0};
  for (int round = 0; round < 200; ++round)
    in_parallel(10, 4, [&](std::size_t k) { in_parallel(k, 2, [&](std::size_t inner) { sum += inner + 1; }); });
  CHECK(sum == 200 * 165);
  in_parallel(0, 2, [&](std::size_t) { sum = 0; });
  CHECK(sum == 200 * 165);
}

namespace {

// Runs f(0), f(1), ... on threads of their own at the same time; how many of them did not hold.
int failures(int threads, const std::function<bool(int)>& f) {
  std::atomic<int> count{0};
  std::vector<std::thread> running;
  for (int k = 0; k < threads; ++k) running.emplace_back([&, k] { count += !f(k); });
  for (std::thread& thread : running) thread.join();
  return count;
}

}  // namespace

TEST_CASE("a model is saved, copied and read while other threads sweep over it") {
  Random random(3);
  const Model model(random);
  const Directory directory;
  const auto norm = [&](std::size_t share) {
    Tape<double> tape;
    return tape.backward(loss_of(model)(share)).norm();
  };
  const double expected[] = {norm(0), norm(1)};
  const auto same = [&](const nn::Module<double>& other) {
    for (std::size_t k = 0; k < model.parameters().size(); ++k)
      if (difference(other.parameters()[k], model.parameters()[k]) != 0) return false;
    return true;
  };
  CHECK(failures(5, [&](int k) {
          bool good = true;
          for (int round = 0; round < 20; ++round) {
            if (k < 2) {
              good &= norm(std::size_t(k)) == expected[k];
            } else if (k == 2) {
              nn::save_safetensors(directory.file("model.safetensors"), model);
            } else if (k == 3) {
              good &= same(nn::clone(model));
            } else {
              const auto gradients = nn::parallel_gradients(3, loss_of(model), {.threads = 2});
              good &= gradients.gradients.contains(model.words.weight);
            }
          }
          return good;
        }) == 0);
  Model loaded(random);
  nn::load_safetensors(directory.file("model.safetensors"), loaded);
  CHECK(same(loaded));
}

TEST_CASE("threads that are the first to read a value, a weight's panels or the gradient of a table find the same") {
  Random random(4);
  const Model model(random);
  for (int round = 0; round < 20; ++round) {
    const Parameter<double> weight(random.normal<double>({40, 50}));
    const Variable<double> x = random.normal<double>({6, 40}), y = 2 * x, expected = matmul(x, detach(weight));
    const auto gradients = nn::parallel_gradients(1, loss_of(model)).gradients;
    const auto holds = [&](int) {
      const RepeatedProducts repeated;
      return y.value()(5, 39) == 2 * x.value()(5, 39) && difference(matmul(x, weight), expected) < 1e-13 &&
             gradients[model.words.weight].shape(0) == 11;
    };
    CHECK(failures(4, holds) == 0);
  }
}

TEST_CASE("several threads share out their large arrays at the same time") {
  const Variable<double> x = Random(5).normal<double>({300, 1000});
  const auto spread = tanh(x) * sum(x, 0), product = matmul(x, x, {.b = true});
  CHECK(failures(3, [&](int) {
          return difference(tanh(x) * sum(x, 0), spread) == 0 &&
                 difference(matmul(x, x, {.b = true}), product) <= 1e-12;
        }) == 0);
}

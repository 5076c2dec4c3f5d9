// floor WORKLOAD STEPS THREADS [T=..] [B=..] [I=..] [H=..] [V=..]: how long the matrix products of a training step of
// bench.cpp take by themselves. Each kind of product runs in the layout in which it is fastest here, even where an
// engine would have to rearrange a matrix for that: a step that calls this BLAS takes longer. Prints one line of JSON;
// ms is the median.
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <new>
#include <vector>

#include "arguments.hpp"

namespace {

using Size = std::size_t;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Aligned like an engine's arrays: gemv and small products are slower otherwise.
std::shared_ptr<float[]> aligned(Size size) {
  const auto memory = static_cast<float*>(std::aligned_alloc(64, (size / 16 + 1) * 64));
  if (!memory) throw std::bad_alloc();
  std::fill_n(memory, size, 0.01f);
  return {memory, std::free};
}

struct Layout {
  CBLAS_ORDER order = CblasRowMajor;
  CBLAS_TRANSPOSE left = CblasNoTrans, right = CblasNoTrans;
  bool vector = false;  // one row, through gemv
};

// The products y = x W of one kind in a step, m × k by k × n: x and y are others each time, like activations, W is the
// same, like a weight.
struct Products {
  Size m, n, k, count;
  std::shared_ptr<float[]> x = aligned(count * m * k), W = aligned(k * n), y = aligned(count * m * n);
  Layout fastest = {};

  double run(const Layout& in) {
    const auto start = Clock::now();
    const auto stride = [&](CBLAS_TRANSPOSE stored, Size rows, Size columns) {
      return (in.order == CblasRowMajor) == (stored == CblasNoTrans) ? columns : rows;
    };
    const bool flip = in.right == CblasNoTrans;  // gemv has the matrix on the left
    for (Size i = 0; i < count; ++i) {
      if (in.vector)
        cblas_sgemv(in.order, flip ? CblasTrans : CblasNoTrans, flip ? k : n, flip ? n : k, 1, W.get(),
                    stride(in.right, k, n), &x[i * m * k], 1, 0, &y[i * m * n], 1);
      else
        cblas_sgemm(in.order, in.left, in.right, m, n, k, 1, &x[i * m * k], stride(in.left, m, k), W.get(),
                    stride(in.right, k, n), 0, &y[i * m * n], stride(CblasNoTrans, m, n));
    }
    return milliseconds_since(start);
  }

  // Tries the layouts in turn, so that a machine that slows down slows them all.
  void choose_layout() {
    double lowest = 1e300;
    const auto start = Clock::now();
    do {
      for (const auto order : {CblasRowMajor, CblasColMajor})
        for (const auto left : {CblasNoTrans, CblasTrans})
          for (const auto right : {CblasNoTrans, CblasTrans})
            for (const bool vector : {false, m == 1}) {
              const Layout layout{order, left, right, vector};
              const double milliseconds = run(layout);
              if (milliseconds < lowest) lowest = milliseconds, fastest = layout;
            }
    } while (milliseconds_since(start) < 200);
  }
};

struct Workload {
  Size T, B, I, H, V, gates, layers = 1, directions = 1;
  bool words = false, pooled = false;

  std::vector<Products> products(const Given& given) const {
    const Size t = get(given, "T", T), b = get(given, "B", B), h = get(given, "H", H), c = V ? get(given, "V", V) : 0;
    const Size vectors = get(given, words && I == H ? "H" : "I", I), output = directions * h,
               scored = pooled ? b : t * b;
    std::vector<Products> all;
    const auto add = [&](Size m, Size n, Size k, Size count = 1) {
      if (k && count) all.push_back({m, n, k, count});
    };
    for (Size layer = 0; layer < layers; ++layer) {
      const Size input = layer ? output : vectors;
      for (Size direction = 0; direction < directions; ++direction) {
        add(t * b, gates * h, input);
        add(b, gates * h, h, t - 1);  // the first state is zero
        add(b, h, gates * h, t - 1);
        add(gates * h, input, t * b);
        add(gates * h, h, (t - 1) * b);
        if (layer || words) add(t * b, input, gates * h);
      }
    }
    if (c) add(scored, c, output), add(scored, output, c), add(c, output, scored);
    return all;
  }
};

const std::map<std::string, Workload> workloads{
    {"W1", {.T = 25, .B = 32, .I = 100, .H = 128, .V = 17, .gates = 4, .directions = 2}},
    {"W2", {.T = 20, .B = 20, .I = 200, .H = 200, .V = 10000, .gates = 4, .layers = 2, .words = true}},
    {"W3", {.T = 35, .B = 20, .I = 650, .H = 650, .V = 10000, .gates = 4, .layers = 2, .words = true}},
    {"W4", {.T = 100, .B = 1, .I = 64, .H = 128, .V = 64, .gates = 3, .words = true}},
    {"W5", {.T = 100, .B = 16, .I = 32, .H = 64, .V = 2, .gates = 1, .pooled = true}},
    {"W6", {.T = 50, .B = 64, .I = 256, .H = 256, .V = 0, .gates = 4}},
    {"W7", {.T = 50, .B = 64, .I = 256, .H = 256, .V = 0, .gates = 4}},
    {"CHAR", {.T = 64, .B = 64, .I = 256, .H = 256, .V = 65, .gates = 4, .layers = 2, .words = true}},
};

}  // namespace

int main(int count, char** words) {
  const Arguments arguments(count, words);
  if (!arguments.steps || !workloads.count(arguments.workload)) {
    std::cerr << "usage: floor W1|...|W7|CHAR STEPS THREADS [T=] [B=] [I=] [H=] [V=]\n";
    return 2;
  }
  openblas_set_num_threads(int(arguments.threads));
  std::vector<Products> products = workloads.at(arguments.workload).products(arguments.sizes);
  for (Products& kind : products) kind.choose_layout();
  std::vector<double> times(arguments.steps);
  for (double& time : times)
    for (Products& kind : products) time += kind.run(kind.fastest);
  std::sort(times.begin(), times.end());
  std::printf("{\"workload\": \"%s\", \"ms\": %.4f}\n", arguments.workload.c_str(), times[times.size() / 2]);
}

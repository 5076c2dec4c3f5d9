// floor WORKLOAD STEPS THREADS [T=..] [B=..] [I=..] [H=..] [V=..]: times what a training step of bench.cpp has to leave
// to BLAS, and nothing else. Each kind of product runs in the layout that is fastest for it here, although an engine
// cannot have them all at once: nothing on top of this BLAS is faster. Prints one line of JSON; ms is the median.
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>

#include "arguments.hpp"

namespace {

using Size = std::size_t;

// `times` products a step, each of rows × inner and inner × columns. The right operand is the same in all of them, as a
// weight is; the left one and the result are new each time, as activations are.
struct Product {
  Size rows, columns, inner, times;
  std::vector<float> left = std::vector<float>(times * rows * inner, 0.01f);
  std::vector<float> right = std::vector<float>(inner * columns, 0.01f);
  std::vector<float> result = std::vector<float>(times * rows * columns);
  unsigned layout = 0;  // bits: left operand, right operand, result transposed; 8 and 9: matrix-vector products

  void multiply(const float* x, float* y) const {
    const int m = int(rows), n = int(columns), k = int(inner);
    const float* const W = right.data();
    if (layout == 8) return cblas_sgemv(CblasRowMajor, CblasTrans, k, n, 1, W, n, x, 1, 0, y, 1);
    if (layout == 9) return cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, 1, W, k, x, 1, 0, y, 1);
    const bool a = layout & 1, b = layout & 2, c = layout & 4;
    cblas_sgemm(c ? CblasColMajor : CblasRowMajor, a ? CblasTrans : CblasNoTrans, b ? CblasTrans : CblasNoTrans, m, n,
                k, 1, x, a != c ? m : k, W, b != c ? k : n, 0, y, c ? m : n);
  }

  double milliseconds() {
    const auto begin = std::chrono::steady_clock::now();
    for (Size k = 0; k < times; ++k) multiply(&left[k * rows * inner], &result[k * rows * columns]);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  }

  void choose_layout() {
    double lowest = 1e300;
    unsigned fastest = 0;
    for (layout = 0; layout < (rows == 1 ? 10 : 8); ++layout) {
      double spent = 0;
      for (int trial = 0; trial < 5 && spent < 100; ++trial) {
        const double time = milliseconds();
        spent += time;
        if (time < lowest) lowest = time, fastest = layout;
      }
    }
    layout = fastest;
  }
};

struct Workload {
  Size T, B, I, H, V, gates, layers = 1, directions = 1;
  bool words = false, pooled = false;

  std::vector<Product> products(const Given& given) const {
    const Size t = get(given, "T", T), b = get(given, "B", B), h = get(given, "H", H),
               classes = V ? get(given, "V", V) : 0;
    const Size vectors = get(given, words && I == H ? "H" : "I", I);
    std::vector<Product> result;
    const auto add = [&](Size rows, Size columns, Size inner, Size times = 1) {
      if (inner > 0 && times > 0) result.push_back({rows, columns, inner, times});
    };
    for (Size layer = 0; layer < layers; ++layer) {
      for (Size direction = 0; direction < directions; ++direction) {
        const Size input = layer ? directions * h : vectors;
        add(t * b, gates * h, input);
        add(b, gates * h, h, t - 1);  // the first step starts from zeros
        add(b, h, gates * h, t - 1);
        add(gates * h, input, t * b);
        add(gates * h, h, (t - 1) * b);
        if (layer || words) add(t * b, input, gates * h);
      }
    }
    const Size rows = pooled ? b : t * b;
    if (classes) {
      add(rows, classes, directions * h);
      add(rows, directions * h, classes);
      add(classes, directions * h, rows);
    }
    return result;
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
  std::vector<Product> products = workloads.at(arguments.workload).products(arguments.sizes);
  for (Product& product : products) product.choose_layout();
  std::vector<double> times(arguments.steps);
  for (double& time : times)
    for (Product& product : products) time += product.milliseconds();
  std::sort(times.begin(), times.end());
  std::printf("{\"workload\": \"%s\", \"ms\": %.4f}\n", arguments.workload.c_str(), times[times.size() / 2]);
}

#include "gradients_over_time.hpp"

#include <utility>

#include "format.hpp"

namespace {

constexpr std::pair<const char*, Curve Measured::*> norms[] = {{"before", &Measured::before},
                                                               {"after", &Measured::after}};

std::vector<Measured> of_length(const std::vector<Measured>& all, std::size_t time) {
  std::vector<Measured> result;
  for (const Measured& one : all)
    if (one.time == time) result.push_back(one);
  return result;
}

std::string at(const char* letter, std::size_t value) { return formatted("%s = %zu", letter, value); }

void print_norms(std::ostream& out, const std::vector<Measured>& all, std::size_t time) {
  constexpr std::size_t columns = 6;
  const auto index = [&](std::size_t column) { return column * (time - 1) / (columns - 1); };
  out << "\nNorm of ∂loss/∂h_t at T = " << time << formatted("\n%-28s", "");
  for (std::size_t k = 0; k < columns; ++k) out << formatted("%10s", at("t", index(k) + 1).c_str());
  for (const auto& [when, curve] : norms) {
    const char* first = when;
    for (const Measured& one : of_length(all, time)) {
      if ((one.*curve).y.empty()) continue;  // a model that was loaded and not trained has no time before
      out << formatted("\n%-8s%-20s", std::exchange(first, ""), one.model.c_str());
      for (std::size_t k = 0; k < columns; ++k) out << formatted("%10.0e", (one.*curve).y[index(k)]);
    }
  }
  out << std::endl;
}

void print_errors(std::ostream& out, const std::vector<Measured>& all, const std::vector<std::size_t>& lengths) {
  // The variance of the sum of two numbers from [0, 1] is 1/6.
  out << "\nMean squared error on new sequences; that of always answering 1 is 0.167" << formatted("\n%-28s", "");
  for (const std::size_t time : lengths) out << formatted("  %-16s", at("T", time).c_str());
  const std::size_t models = all.size() / lengths.size();
  for (std::size_t k = 0; k < all.size(); ++k) {
    const Measured& one = all[k % lengths.size() * models + k / lengths.size()];
    if (k % lengths.size() == 0) out << formatted("\n        %-20s", one.model.c_str());
    out << formatted("  %.4f  %-8s", one.test_error, one.test_error < 0.01 ? "learned" : "");
  }
  out << std::endl;
}

}  // namespace

void print(std::ostream& out, const std::vector<Measured>& all, const std::vector<std::size_t>& lengths) {
  print_norms(out, all, lengths.back());
  print_errors(out, all, lengths);
}

std::vector<Panel> panels_of(const std::vector<Measured>& all, std::size_t time) {
  std::vector<Panel> panels;
  const auto add = [&](const std::string& title, const char* x, const char* y, Curve Measured::*curve) {
    Panel& panel = panels.emplace_back(Panel{title + ", " + at("T", time), x, y, {}, true});
    for (const Measured& one : of_length(all, time))
      panel.curves.push_back({one.model, (one.*curve).x, (one.*curve).y});
  };
  add("Gradients before training", "t", "‖∂loss/∂hₜ‖", &Measured::before);
  add("Gradients after training", "t", "‖∂loss/∂hₜ‖", &Measured::after);
  add("Adding problem", "training step", "mean squared error", &Measured::errors);
  return panels;
}

#include "confusion.hpp"

#include <algorithm>
#include <unroll/nn/text/utf8.hpp>

#include "text.hpp"

namespace unroll::examples {

namespace {

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

Confusion::Confusion(const std::vector<std::string>& classes)
    : classes_(classes), counts_(xt::zeros<double>({classes.size(), classes.size()})) {}

void Confusion::count(std::size_t right, std::size_t given) { ++counts_(right, given); }

auto Confusion::scores(std::size_t k) const -> Scores {
  double count = 0, given = 0;
  for (std::size_t other = 0; other < classes_.size(); ++other) {
    count += counts_(k, other);
    given += counts_(other, k);
  }
  const double right = counts_(k, k);
  return {right, count, share(right, given), share(right, count), share(2 * right, given + count)};
}

double Confusion::accuracy() const {
  double right = 0, all = 0;
  for (std::size_t k = 0; k < classes_.size(); ++k) right += scores(k).right, all += scores(k).count;
  return share(right, all);
}

double Confusion::macro_f1() const {
  double sum = 0, occur = 0;
  for (std::size_t k = 0; k < classes_.size(); ++k) sum += scores(k).f1, occur += scores(k).count > 0;
  return share(sum, occur);
}

std::pair<std::string, double> Confusion::most_frequent() const {
  std::size_t most = 0;
  double all = 0;
  for (std::size_t k = 0; k < classes_.size(); ++k) {
    all += scores(k).count;
    if (scores(k).count > scores(most).count) most = k;
  }
  return {classes_[most], share(scores(most).count, all)};
}

void Confusion::print(std::ostream& out, const std::string& what) const {
  std::size_t width = 6;
  for (const std::string& name : classes_) width = std::max(width, nn::characters(name).size());
  const auto padded = [&](const std::string& text) {
    return text + std::string(width - nn::characters(text).size(), ' ');
  };
  out << padded("class") << formatted(" %7s  precision  recall     F1\n", what.c_str());
  for (std::size_t k = 0; k < classes_.size(); ++k) {
    const auto [right, count, precision, recall, f1] = scores(k);
    out << padded(classes_[k])
        << formatted(" %7.0f %10.2f %7.2f %6.2f\n", count, 100 * precision, 100 * recall, 100 * f1);
  }
}

void Confusion::draw(const std::string& path) const {
  Array<double> shares = counts_;
  for (std::size_t i = 0; i < classes_.size(); ++i)
    for (std::size_t j = 0; j < classes_.size(); ++j) shares(i, j) *= 100 / std::max(scores(i).count, 1.0);
  examples::draw(path, {"Predictions of each true class: counts, coloured by their share", "predicted", "true",
                        classes_, classes_, shares, counts_});
}

}  // namespace unroll::examples

#include "gradient_check.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <limits>
#include <numeric>
#include <ostream>
#include <sstream>

#include "../operations/ops.hpp"
#include "../random.hpp"
#include "../tape.hpp"

namespace unroll {

using detail::text_of;

namespace {

using Gradient = std::vector<Variable<double>>;  // by each parameter
using Parameters = std::vector<Parameter<double>>;
using Function = detail::Returning<Variable<double>>;

constexpr const char* here = "gradient_check";
constexpr double infinity = std::numeric_limits<double>::infinity();

// f on a fresh tape, with the same random numbers each time.
struct Evaluation {
  Random random;
  Tape<double> tape{random};
  Variable<double> y;

  Evaluation(const Function& f, const Parameters& parameters, std::uint64_t seed) : random(seed) {
    // All are recorded, whether f needs them or not, and so is what depends on none of them.
    for (const auto& parameter : parameters) tape.index_of(parameter);
    y = f();
    require(y.size() == 1, here, "f has shape ", y.shape(),
            "; it must be a scalar - contract it with a fixed random array");
    if (tape.index_of(y) == Node<double>::constant) y = tape.watch(y);
  }
};

// An entry of a parameter, or a direction in which it moves.
struct Place {
  std::size_t parameter, number;
  Random random;  // of the direction
  bool kink = false;
};

// The line along which an entry of a parameter moves, or all of them. In the end the parameter is as it was.
class Line {
 public:
  Line(const Parameter<double>& parameter, const Place& place, bool along_direction)
      : parameter_(parameter), start_(parameter.value()), first_(along_direction ? 0 : place.number) {
    if (along_direction) {
      step_ = Random(place.random).normal<double>(parameter.shape());
      step_ /= std::sqrt(along(step_));
    } else if (const double size = std::abs(start_.data()[first_]); std::isfinite(size)) {
      length_ = std::max(1.0, size);
    }
  }
  Line(const Line&) = delete;
  ~Line() { parameter_.assign(std::move(start_)); }

  void move_to(double distance) {
    Array<double> moved = start_;
    for (std::size_t k = 0; k < step_.size(); ++k) moved.data()[first_ + k] += distance * step_.data()[k];
    parameter_.assign(std::move(moved));
  }
  // The derivative along the line.
  double along(const Array<double>& gradient) const {
    return std::inner_product(step_.storage().begin(), step_.storage().end(), gradient.data() + first_, 0.0);
  }
  // The distance on which a function may be expected to change.
  double length() const { return length_; }

 private:
  Parameter<double> parameter_;
  Array<double> start_;
  std::size_t first_;         // of the entries that move,
  Array<double> step_ = {1};  // by so much each for a distance of 1
  double length_ = 1;
};

// A derivative by five points at distance h, and what casts doubt on it: of the order of the tolerance where the
// function is smooth on these points.
struct Estimate {
  double derivative;
  double gap;  // from the derivative on the left to that on the right, each by three points: −h³ f⁗ / 2 if f is smooth
  double change;  // from the estimate with a step of 4 h: 8.5 h⁴ f⁽⁵⁾ if f is smooth
  bool kink = false;

  double doubt() const {
    const double sum = std::abs(gap) + std::abs(change) / 3;
    return std::isfinite(sum) ? sum : infinity;
  }
  bool within(double tolerance, double difference) const {
    return std::abs(difference) <= tolerance * (1 + std::abs(derivative));
  }
};

template <class F> Estimate five_points(const F& f, double middle, double h, double previous) {
  const double left = f(-h), right = f(h), far_left = f(-2 * h), far_right = f(2 * h);
  const double derivative = (8 * (right - left) - (far_right - far_left)) / (12 * h);
  return {derivative, (4 * (right + left) - (far_right + far_left) - 6 * middle) / (2 * h), derivative - previous};
}

// Whether the same doubt remains at every step, and in three steps in a row it is multiplied by about this ratio.
bool remains(const std::array<Estimate, 6>& estimates, double Estimate::*doubt, double ratio, double tolerance) {
  for (const Estimate& estimate : estimates)
    if (estimate.within(tolerance, estimate.*doubt)) return false;
  const auto follows = [&](std::size_t k) {
    const double found = estimates[k + 1].*doubt / (estimates[k].*doubt);
    return ratio / 4 < found && found < 2 * ratio;
  };
  // A kink so near that the smallest step may just pass it leaves the three steps before that as witnesses.
  return follows(3) && (follows(2) || follows(4));
}

// The derivative of f at 0 by differences with ever smaller steps, until one agrees with the expected value. That value
// is asked for nothing else, so whether the point lies at a kink depends on f alone.
template <class F> Estimate differentiate(const F& f, double middle, double length, double expected, double tolerance) {
  std::array<Estimate, 6> estimates;
  double h = std::exp2(std::ceil(std::log2(length)) - 10);  // a power of 2, so that steps are hardly rounded
  double previous = infinity;
  for (Estimate& estimate : estimates) {
    estimate = five_points(f, middle, h, previous);
    previous = estimate.derivative;
    if (estimate.within(tolerance, estimate.gap) && estimate.within(tolerance, expected - previous)) return estimate;
    h /= 4;
  }
  // Steps are divided by 4. The gap at a kink stays, and the change at a jump of the second derivative goes down by 4.
  // Where f is smooth they go down by 64 and 256, and what comes from rounding goes up by 4 with random signs.
  Estimate best = *std::ranges::min_element(estimates, {}, &Estimate::doubt);
  best.kink =
      remains(estimates, &Estimate::gap, 1, tolerance) || remains(estimates, &Estimate::change, 0.25, tolerance);
  return best;
}

// Without the sign of a NaN.
std::string digits(double x, int count) {
  return text_of(std::showpoint, std::setprecision(count), std::isnan(x) ? std::abs(x) : x);
}

class Check {
 public:
  Check(const Function& f, const Parameters& parameters, const GradientCheckOptions& options)
      : f_(f), parameters_(parameters), options_(options) {
    report_.along_directions = options.directions > 0;
    Random random = Random(options.seed).split();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const std::size_t size = parameters[p].size();
      const std::size_t places = size > 0 && options.directions > 0 ? options.directions : size;
      require(places <= places_.max_size() - places_.size(), here, places,
              " directions; there is no memory for so many");
      places_.reserve(places_.size() + places);
      for (std::size_t k = 0; k < places; ++k) places_.push_back({p, k, random.split()});
      cotangent_.push_back(random.normal<double>(parameters[p].shape()));
      const std::string& name = parameters[p].name();
      report_.checked.push_back({name.empty() ? "parameter " + std::to_string(p) : name});
      report_.parameters += size > 0;
    }
    require(!places_.empty(), here, "there are no parameters, or they have no entries; there must be some to check");
  }

  GradientReport run() {
    const double once = value(), again = value();
    require(once == again || (std::isnan(once) && std::isnan(again)), here, "f gave ", digits(once, 17), " and then ",
            digits(again, 17),
            " for the same parameters; it must be deterministic - draw from the random stream of the tape");
    if (!std::isfinite(once)) {
      report_.failure = "f is " + digits(once, 5) + " at the given parameters; it must be finite";
      return report_;
    }
    std::vector<Gradient> first{swept_gradient()}, second;
    if (options_.order == 2) {
      Evaluation at = evaluation();
      first.push_back(at.tape.gradient(at.y, parameters_));
      second.push_back(at.tape.gradient(contraction(first[1]), parameters_));
    }
    compare(1, first, [&] { return value(); });
    if (report_.disagreements == 0 && options_.order == 2)
      compare(2, second, [&] { return contraction(swept_gradient()).item(); });
    conclude();
    return report_;
  }

 private:
  Evaluation evaluation() const { return {f_, parameters_, options_.seed}; }

  double value() const { return evaluation().y.item(); }

  // ∇f by the sweep that frees what it passes.
  Gradient swept_gradient() const {
    Evaluation at = evaluation();
    const Gradients<double> gradients = at.tape.backward(at.y);
    Gradient result;
    for (const auto& parameter : parameters_) result.push_back(gradients[parameter]);
    return result;
  }

  // ⟨gradient, v⟩
  Variable<double> contraction(const Gradient& gradient) const {
    Variable<double> total = 0.0;
    for (std::size_t p = 0; p < gradient.size(); ++p) total = total + sum(gradient[p] * cotangent_[p]);
    return total;
  }

  // Compares gradients of `function` by the tape with its differences at every place that is not known as a kink. What
  // is not finite is no kink's fault.
  void compare(int order, const std::vector<Gradient>& gradients, const std::function<double()>& function) {
    const double middle = function();
    for (Place& place : places_) {
      Line line(parameters_[place.parameter], place, report_.along_directions);
      std::vector<double> tape;
      for (const Gradient& gradient : gradients) tape.push_back(line.along(gradient[place.parameter].value()));
      const bool finite = std::ranges::all_of(tape, [](double x) { return std::isfinite(x); });
      if (finite && place.kink) continue;
      const auto f = [&](double distance) {
        line.move_to(distance);
        return function();
      };
      const Estimate estimate = differentiate(f, middle, line.length(), tape[0], options_.tolerance);
      place.kink = finite && estimate.kink;
      if (place.kink) continue;
      for (const double derivative : tape) add(order, place, derivative, estimate.derivative);
    }
  }

  void add(int order, const Place& place, double tape, double differences) {
    double error = std::abs(tape - differences) / (1 + std::abs(differences));
    if (!std::isfinite(error)) error = infinity;
    report_.disagreements += error > options_.tolerance;
    double& largest = report_.checked[place.parameter].error;
    largest = std::max(largest, error);
    if (error > report_.worst.error) report_.worst = {name(place), order, tape, differences, error};
  }

  std::string name(const Place& place) const {
    const std::string& parameter = report_.checked[place.parameter].name;
    if (report_.along_directions) return parameter + " along direction " + std::to_string(place.number);
    const Shape& shape = parameters_[place.parameter].shape();
    std::string index;
    for (const std::size_t k : shape.position(place.number)) index += (index.empty() ? "(" : ", ") + std::to_string(k);
    return parameter + (index.empty() ? index : index + ")");
  }

  void conclude() {
    report_.kinks = static_cast<std::size_t>(std::ranges::count_if(places_, &Place::kink));
    report_.entries = places_.size() - report_.kinks;
    for (const Place& place : places_) report_.checked[place.parameter].entries += !place.kink;
    const bool too_many = double(report_.kinks) > options_.kinks * double(places_.size());
    if (report_.disagreements > 0)
      report_.failure = disagreement(report_.worst);
    else if (report_.entries == 0 || too_many)
      report_.failure = too_many_kinks();
    std::erase_if(report_.checked, [](const auto& parameter) { return parameter.entries == 0; });
  }

  std::string disagreement(const GradientReport::Entry& entry) const {
    double relative =
        std::abs(entry.tape - entry.differences) / std::max(std::abs(entry.tape), std::abs(entry.differences));
    if (!std::isfinite(relative)) relative = infinity;
    // As many digits as it takes to see the difference.
    const int count = relative < 1 ? std::max(5, 2 - static_cast<int>(std::floor(std::log10(relative)))) : 5;
    return text_of(entry.name, entry.order == 2 ? ", order 2" : "", ": tape ", digits(entry.tape, count),
                   ", differences ", digits(entry.differences, count), " (relative error ", std::scientific,
                   std::setprecision(1), relative, std::defaultfloat, std::setprecision(6), ", tolerance ",
                   options_.tolerance, ')');
  }

  std::string too_many_kinks() const {
    const std::string found =
        text_of(report_.kinks, " of ", places_.size(), report_.along_directions ? " directions" : " entries",
                " lie at a kink, such as ", name(*std::ranges::find_if(places_, &Place::kink)));
    if (report_.entries == 0) return found + "; nothing was compared - move the parameters";
    return text_of(found, "; at most ", 100 * options_.kinks, " % may - move the parameters or raise options.kinks");
  }

  const Function& f_;
  const Parameters& parameters_;
  const GradientCheckOptions& options_;
  std::vector<Place> places_;
  Gradient cotangent_;  // v
  GradientReport report_;
};

// 1,234,567 entries
std::string counted(std::size_t n, const std::string& one, const std::string& many) {
  std::string text = std::to_string(n);
  for (std::size_t end = text.size(); end > 3; end -= 3) text.insert(end - 3, ",");
  return text + ' ' + (n == 1 ? one : many);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const GradientReport& report) {
  out << here << ": ";
  if (!report) return out << (report.failure.empty() ? "nothing was compared" : report.failure);
  return out << text_of(report.along_directions ? counted(report.entries, "direction", "directions")
                                                : counted(report.entries, "entry", "entries"),
                        " of ", counted(report.parameters, "parameter", "parameters"),
                        report.entries == 1 ? " agrees" : " agree", ", largest error ", std::scientific,
                        std::setprecision(1), report.worst.error, " at ", report.worst.name, ", ",
                        counted(report.kinks, "kink", "kinks"), ", ", std::fixed, std::setprecision(2), report.seconds,
                        " s");
}

void print_table(std::ostream& out, const GradientReport& report) {
  std::size_t widest = 9;
  for (const auto& parameter : report.checked) widest = std::max(widest, parameter.name.size());
  const auto row = [&](const std::string& name, const auto& entries, const auto& error) {
    out << text_of(std::left, std::setw(static_cast<int>(widest)), name, std::right, std::setw(10), entries,
                   std::scientific, std::setprecision(1), std::setw(15), error, '\n');
  };
  row("parameter", "entries", "largest error");
  for (const auto& [name, entries, error] : report.checked) row(name, entries, error);
  out << report << '\n';
}

GradientReport gradient_check(const detail::Returning<Variable<double>>& f,
                              const std::vector<Parameter<double>>& parameters, const GradientCheckOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  require(options.order == 1 || options.order == 2, here, "order ", options.order, "; it must be 1 or 2");
  require(options.tolerance > 0 && std::isfinite(options.tolerance), here, "tolerance ", options.tolerance,
          "; it must be positive and finite");
  require(0 <= options.kinks && options.kinks <= 1, here, "a share of kinks of ", options.kinks,
          "; it must be in [0, 1]");
  for (const auto& parameter : parameters)
    require(!parameter.frozen(), here, "parameter '", parameter.name(),
            "' is frozen; thaw it with freeze(false) or leave it out");
  const Innermost<Tape<double>> alone(nullptr);  // a tape around this one needs none of it
  GradientReport report = Check(f, parameters, options).run();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

GradientReport gradient_check(const detail::Returning<Variable<double>, const std::vector<Variable<double>>&>& f,
                              const std::vector<Array<double>>& inputs, const GradientCheckOptions& options) {
  std::vector<Parameter<double>> parameters;
  for (std::size_t k = 0; k < inputs.size(); ++k) parameters.emplace_back(inputs[k], "input " + std::to_string(k));
  const std::vector<Variable<double>> variables(parameters.begin(), parameters.end());
  return gradient_check([&] { return f(variables); }, parameters, options);
}

}  // namespace unroll

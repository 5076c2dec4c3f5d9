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

namespace {

using Arrays = std::vector<Array<double>>;
using Parameters = std::vector<Parameter<double>>;

constexpr const char* here = "gradient_check";
constexpr double infinity = std::numeric_limits<double>::infinity();

// The function under test, on a fresh tape with the same random numbers at each call.
class Subject {
 public:
  Subject(const std::function<Variable<double>()>& f, const Parameters& parameters, std::uint64_t seed)
      : f_(f), parameters_(parameters), seed_(seed) {}

  double value() const {
    Random random(seed_);
    Tape<double> tape(random);
    return scalar().item();
  }

  // ∇f by the fused sweep.
  Arrays gradient() const {
    Random random(seed_);
    Tape<double> tape(random);
    const Variable<double> y = recorded(tape);
    if (is_constant(tape, y)) return zeros();
    const Gradients<double> gradients = tape.backward(y);
    Arrays result;
    for (const auto& parameter : parameters_) result.push_back(gradients[parameter]);
    return result;
  }

  // ∇f and ∇⟨∇f, v⟩ by the recorded sweep.
  std::array<Arrays, 2> gradients(const Arrays& v) const {
    Random random(seed_);
    Tape<double> tape(random);
    const auto first = derivatives(tape, recorded(tape));
    Variable<double> contracted = 0.0;
    for (std::size_t k = 0; k < first.size(); ++k) contracted = contracted + sum(first[k] * Variable<double>(v[k]));
    const auto second = derivatives(tape, contracted);
    return {values(first), values(second)};
  }

 private:
  Variable<double> scalar() const {
    Variable<double> y = f_();
    require(y.size() == 1, here, "f has shape ", y.shape(),
            "; it must be a scalar - contract it with a fixed random array");
    return y;
  }

  // All parameters are recorded, whether f needs them or not.
  Variable<double> recorded(Tape<double>& tape) const {
    for (const auto& parameter : parameters_) tape.index_of(parameter);
    return scalar();
  }

  static bool is_constant(Tape<double>& tape, const Variable<double>& y) {
    return tape.index_of(y) == Node<double>::constant;
  }

  std::vector<Variable<double>> derivatives(Tape<double>& tape, const Variable<double>& y) const {
    if (!is_constant(tape, y)) return tape.gradient(y, {parameters_.begin(), parameters_.end()});
    const Arrays arrays = zeros();
    return {arrays.begin(), arrays.end()};
  }

  static Arrays values(const std::vector<Variable<double>>& variables) {
    Arrays arrays;
    for (const auto& x : variables) arrays.push_back(x.value());
    return arrays;
  }

  Arrays zeros() const {
    Arrays arrays;
    for (const auto& parameter : parameters_) arrays.push_back(unroll::zeros<double>(parameter.shape()).value());
    return arrays;
  }

  const std::function<Variable<double>()>& f_;
  const Parameters& parameters_;
  std::uint64_t seed_;
};

// One entry of a parameter, or one direction in it, along which the parameter moves. In the end it is as it was.
class Line {
 public:
  Line(const Parameter<double>& parameter, std::size_t entry)
      : parameter_(parameter), start_(parameter.value()), moves_{{entry, 1.0}} {
    if (const double size = std::abs(start_.data()[entry]); std::isfinite(size)) length_ = std::max(1.0, size);
  }
  Line(const Parameter<double>& parameter, Random random) : parameter_(parameter), start_(parameter.value()) {
    double squares = 0;
    for (std::size_t k = 0; k < start_.size(); ++k) {
      moves_.push_back({k, random.normal()});
      squares += moves_[k].weight * moves_[k].weight;
    }
    for (Move& move : moves_) move.weight /= std::sqrt(squares);
  }
  Line(const Line&) = delete;
  ~Line() { parameter_.assign(std::move(start_)); }

  void move_to(double distance) {
    Array<double> moved = start_;
    for (const Move& move : moves_) moved.data()[move.entry] += distance * move.weight;
    parameter_.assign(std::move(moved));
  }
  // The derivative along the line.
  double along(const Array<double>& gradient) const {
    double sum = 0;
    for (const Move& move : moves_) sum += gradient.data()[move.entry] * move.weight;
    return sum;
  }
  // The distance on which a function may be expected to change.
  double length() const { return length_; }

 private:
  struct Move {
    std::size_t entry;
    double weight;
  };
  Parameter<double> parameter_;
  Array<double> start_;
  std::vector<Move> moves_;
  double length_ = 1;
};

// A derivative by five points at distance h, and what casts doubt on it: of the order of the tolerance where the
// function is smooth on these points.
struct Estimate {
  double derivative;
  double gap;  // from the derivative on the left to that on the right, each by three points: −h³ f⁗ / 2 if f is smooth
  double change;  // from the estimate with a step of 4 h: 8.5 h⁴ f⁽⁵⁾ if f is smooth

  double doubt() const {
    const double sum = std::abs(gap) + std::abs(change) / 3;
    return std::isfinite(sum) ? sum : infinity;
  }
  double size() const { return 1 + std::abs(derivative); }
  bool agrees(double expected, double tolerance) const {
    return std::abs(gap) <= tolerance * size() && std::abs(expected - derivative) <= tolerance * size();
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
    if (std::abs(estimate.*doubt) <= tolerance * estimate.size()) return false;
  const auto follows = [&](std::size_t k) {
    const double found = estimates[k + 1].*doubt / (estimates[k].*doubt);
    return ratio / 4 < found && found < 2 * ratio;
  };
  // A kink so near that the smallest step may just pass it leaves the three steps before that as witnesses.
  return follows(3) && (follows(2) || follows(4));
}

struct Difference {
  double derivative;
  bool kink;
};

// The derivative of f at 0 by differences with ever smaller steps, until one agrees with the expected value. That value
// is asked for nothing else, so whether the point lies at a kink depends on f alone.
template <class F>
Difference differentiate(const F& f, double middle, double length, double expected, double tolerance) {
  std::array<Estimate, 6> estimates;
  double h = std::exp2(std::ceil(std::log2(length)) - 10);  // a power of 2, so that steps are hardly rounded
  double previous = infinity;
  for (Estimate& estimate : estimates) {
    estimate = five_points(f, middle, h, previous);
    if (estimate.agrees(expected, tolerance)) return {estimate.derivative, false};
    previous = estimate.derivative;
    h /= 4;
  }
  // Steps are divided by 4. The gap at a kink stays, and the change at a jump of the second derivative goes down by 4.
  // Where f is smooth they go down by 64 and 256, and what comes from rounding goes up by 4 with random signs.
  const bool kink =
      remains(estimates, &Estimate::gap, 1, tolerance) || remains(estimates, &Estimate::change, 0.25, tolerance);
  return {std::ranges::min_element(estimates, {}, &Estimate::doubt)->derivative, kink};
}

std::string digits(double x, int count) {
  std::ostringstream text;
  text << std::showpoint << std::setprecision(count) << (std::isnan(x) ? std::abs(x) : x);  // without the sign of a NaN
  return text.str();
}

// An entry of a parameter, or one of its directions.
struct Place {
  std::size_t parameter, number;
  Random random;  // of the direction
  bool kink = false;
};

class Check {
 public:
  Check(const std::function<Variable<double>()>& f, const Parameters& parameters, const GradientCheckOptions& options)
      : parameters_(parameters), options_(options), subject_(f, parameters, options.seed) {
    Random random = Random(options.seed).split();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const std::size_t size = parameters[p].size();
      const std::size_t places = size > 0 && options.directions > 0 ? options.directions : size;
      require(places <= places_.max_size() - places_.size(), here, places,
              " directions; there is no memory for so many");
      places_.reserve(places_.size() + places);
      for (std::size_t k = 0; k < places; ++k) places_.push_back({p, k, random.split()});
      cotangents_.push_back(random.normal<double>(parameters[p].shape()));
      report_.checked.push_back({name_of(p)});
      report_.parameters += size > 0;
    }
    require(!places_.empty(), here, "there are no parameters, or they have no entries; there must be some to check");
  }

  GradientReport run() {
    const double value = subject_.value(), again = subject_.value();
    require(value == again || (std::isnan(value) && std::isnan(again)), here, "f gave ", digits(value, 17),
            " and then ", digits(again, 17),
            " for the same parameters; it must be deterministic - draw from the random stream of the tape");
    if (!std::isfinite(value)) {
      report_.failure = "f is " + digits(value, 5) + " at the given parameters; it must be finite";
      return report_;
    }
    std::vector<Arrays> first{subject_.gradient()};
    if (options_.order == 1) {
      compare(1, first, [&] { return subject_.value(); });
    } else {
      auto [gradient, gradient_of_gradient] = subject_.gradients(cotangents_);
      first.push_back(std::move(gradient));
      compare(1, first, [&] { return subject_.value(); });
      if (report_.disagreements == 0) compare(2, {std::move(gradient_of_gradient)}, [&] { return contraction(); });
    }
    conclude();
    return report_;
  }

 private:
  // ⟨∇f, v⟩
  double contraction() const {
    const Arrays gradient = subject_.gradient();
    double sum = 0;
    for (std::size_t p = 0; p < gradient.size(); ++p)
      sum += std::inner_product(gradient[p].storage().begin(), gradient[p].storage().end(),
                                cotangents_[p].storage().begin(), 0.0);
    return sum;
  }

  // Compares gradients of `function` by the tape with its differences at every place that is not known as a kink. What
  // is not finite is no kink's fault.
  void compare(int order, const std::vector<Arrays>& gradients, const std::function<double()>& function) {
    const double middle = function();
    for (Place& place : places_) {
      const Parameter<double>& parameter = parameters_[place.parameter];
      Line line = options_.directions ? Line(parameter, place.random) : Line(parameter, place.number);
      std::vector<double> tape;
      for (const Arrays& gradient : gradients) tape.push_back(line.along(gradient[place.parameter]));
      const bool finite = std::ranges::all_of(tape, [](double x) { return std::isfinite(x); });
      if (finite && place.kink) continue;
      const auto f = [&](double distance) {
        line.move_to(distance);
        return function();
      };
      const Difference difference = differentiate(f, middle, line.length(), tape[0], options_.tolerance);
      place.kink = finite && difference.kink;
      if (place.kink) continue;
      for (const double derivative : tape) add(order, place, derivative, difference.derivative);
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

  std::string name_of(std::size_t parameter) const {
    const std::string& name = parameters_[parameter].name();
    return name.empty() ? "parameter " + std::to_string(parameter) : name;
  }

  std::string name(const Place& place) const {
    const Parameter<double>& parameter = parameters_[place.parameter];
    std::ostringstream text;
    text << name_of(place.parameter);
    if (options_.directions) {
      text << " along direction " << place.number;
    } else if (const Shape& shape = parameter.shape(); !shape.empty()) {
      for (std::size_t axis = 0; axis < shape.size(); ++axis)
        text << (axis ? ", " : "(") << place.number / shape.product(axis + 1, shape.size()) % shape[axis];
      text << ')';
    }
    return text.str();
  }

  void conclude() {
    report_.kinks = static_cast<std::size_t>(std::ranges::count_if(places_, &Place::kink));
    report_.entries = places_.size() - report_.kinks;
    for (const Place& place : places_) report_.checked[place.parameter].entries += !place.kink;
    std::erase_if(report_.checked, [](const auto& parameter) { return parameter.entries == 0; });
    report_.along_directions = options_.directions > 0;
    const double most = options_.kinks * static_cast<double>(places_.size());
    if (report_.disagreements > 0)
      report_.failure = disagreement(report_.worst);
    else if (report_.entries == 0 || static_cast<double>(report_.kinks) > most)
      report_.failure = too_many_kinks();
  }

  std::string disagreement(const GradientReport::Entry& entry) const {
    double relative =
        std::abs(entry.tape - entry.differences) / std::max(std::abs(entry.tape), std::abs(entry.differences));
    if (!std::isfinite(relative)) relative = infinity;
    // As many digits as it takes to see the difference.
    const int count = relative < 1 ? std::max(5, 2 - static_cast<int>(std::floor(std::log10(relative)))) : 5;
    std::ostringstream text;
    text << entry.name << (entry.order == 2 ? ", order 2" : "") << ": tape " << digits(entry.tape, count)
         << ", differences " << digits(entry.differences, count) << " (relative error " << std::scientific
         << std::setprecision(1) << relative << std::defaultfloat << std::setprecision(6) << ", tolerance "
         << options_.tolerance << ')';
    return text.str();
  }

  std::string too_many_kinks() const {
    std::ostringstream text;
    text << report_.kinks << " of " << places_.size() << (options_.directions ? " directions" : " entries")
         << " lie at a kink, such as " << name(*std::ranges::find_if(places_, &Place::kink));
    if (report_.entries == 0)
      text << "; nothing was compared - move the parameters";
    else
      text << "; at most " << 100 * options_.kinks << " % may - move the parameters or raise options.kinks";
    return text.str();
  }

  const Parameters& parameters_;
  const GradientCheckOptions& options_;
  Subject subject_;
  std::vector<Place> places_;
  Arrays cotangents_;  // v
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
  std::ostringstream text;
  text << (report.along_directions ? counted(report.entries, "direction", "directions")
                                   : counted(report.entries, "entry", "entries"))
       << " of " << counted(report.parameters, "parameter", "parameters")
       << (report.entries == 1 ? " agrees" : " agree") << ", largest error " << std::scientific << std::setprecision(1)
       << report.worst.error << " at " << report.worst.name << ", " << counted(report.kinks, "kink", "kinks") << ", "
       << std::fixed << std::setprecision(2) << report.seconds << " s";
  return out << text.str();
}

void print_table(std::ostream& out, const GradientReport& report) {
  std::size_t widest = 9;
  for (const auto& parameter : report.checked) widest = std::max(widest, parameter.name.size());
  std::ostringstream text;
  text << std::left << std::setw(static_cast<int>(widest)) << "parameter"
       << "   entries  largest error\n";
  for (const auto& [name, entries, error] : report.checked)
    text << std::left << std::setw(static_cast<int>(widest)) << name << std::right << std::setw(10) << entries
         << std::scientific << std::setprecision(1) << std::setw(15) << error << "\n";
  out << text.str() << report << '\n';
}

GradientReport gradient_check(const std::function<Variable<double>()>& f,
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

GradientReport gradient_check(const std::function<Variable<double>(const std::vector<Variable<double>>&)>& f,
                              const std::vector<Array<double>>& inputs, const GradientCheckOptions& options) {
  std::vector<Parameter<double>> parameters;
  for (std::size_t k = 0; k < inputs.size(); ++k) parameters.emplace_back(inputs[k], "input " + std::to_string(k));
  const std::vector<Variable<double>> variables(parameters.begin(), parameters.end());
  return gradient_check([&] { return f(variables); }, parameters, options);
}

}  // namespace unroll

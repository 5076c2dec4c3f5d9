// Random programs: the fused sweep, the recorded sweep and differences agree, for first and second derivatives. Where
// they do not, the smallest program that shows it is printed.
#include <doctest/doctest.h>

#include <set>

#include "operations.hpp"
#include "program_maker.hpp"

namespace unroll::programs {
namespace {

// Checking

struct Verdict {
  std::string kind{}, fault{};  // empty if all agrees
  std::size_t differences = 0;  // that were compared
};

std::vector<A> arrays_of(const Program& program) {
  std::vector<A> arrays;
  for (const Leaf& leaf : program.leaves) arrays.push_back(leaf.array());
  return arrays;
}

// The loss or, of order 2, its gradient contracted with random numbers; for every second program with the loss added,
// so that one sweep passes through both.
V scalar_of(const Program& program, Run& run, int order) {
  const V loss = run.loss();
  if (order == 1 || run.tape.index_of(loss) == Node<double>::constant) return loss;
  V scalar = program.seed % 2 ? loss : V(0);
  std::uint64_t seed = program.seed;
  for (const V& slope : run.tape.gradient(loss, run.trained()))
    scalar = scalar + sum(slope * V(Draw{++seed, slope.shape()}));
  return scalar;
}

struct Sweeps {
  std::vector<A> fused{}, recorded{};  // derivatives by the leaves that are trained; none if there is nothing to do
};

std::vector<A> swept(Run& run, const V& scalar) {
  const Many xs = run.trained();
  const auto gradients = run.tape.backward(scalar);
  std::vector<A> result;
  for (const V& x : xs) result.push_back(gradients.contains(x) ? gradients[x] : zeros<double>(x.shape()).value());
  return result;
}

Sweeps sweeps_of(const Program& program, Run::Held& held, int order) {
  const std::vector<A> arrays = arrays_of(program);
  Sweeps result;
  {
    Run run(program, arrays, held);
    const V scalar = scalar_of(program, run, order);
    if (run.tape.index_of(scalar) == Node<double>::constant) return {};
    for (const V& slope : run.tape.gradient(scalar, run.trained())) result.recorded.push_back(slope.value());
    if (order == 2) result.fused = swept(run, scalar);  // on the tape that has the recorded sweeps
  }
  if (order == 2) return result;
  Run run(program, arrays, held);
  result.fused = swept(run, scalar_of(program, run, order));
  return result;
}

// The largest element of all adjoints of a sweep: what is added up is rounded in proportion to it.
struct Largest : Observer<double> {
  double number = 0;
  void sweeping(const Node<double>&, const V& gradient) override {
    for (const double g : gradient.value().storage()) number = std::max(number, std::abs(g));
  }
};

double worst_of(const Sweeps& sweeps) {
  double worst = 0;
  for (std::size_t k = 0; k < sweeps.fused.size(); ++k) {
    const A &a = sweeps.fused[k], &b = sweeps.recorded[k];
    if (a.shape() != b.shape()) return infinity;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double error = std::abs(a.storage()[i] - b.storage()[i]);
      if (!(error <= worst)) worst = std::isnan(error) ? infinity : error;
    }
  }
  return worst;
}

// A scalar of the leaves, moved by so much along a direction; nothing where the program chooses otherwise there.
using Along = std::function<std::optional<double>(double)>;

// 5-point differences with steps that become smaller until two agree.
std::optional<double> slope_of(const Along& f) {
  std::optional<double> last;
  double inner = not_a_number;  // f(h) − f(−h) of the last step
  for (double h = 1e-2; h > 1e-5; h /= 2) {
    const auto above = f(h), below = f(-h);
    const double outer = std::exchange(inner, above && below ? *above - *below : not_a_number);
    const double slope = (8 * inner - outer) / (12 * h);
    if (last && std::abs(slope - *last) <= 1e-8 * (1 + std::abs(slope))) return slope;
    last = slope;
  }
  return {};
}

// The derivative along a random direction by differences, and by what a sweep found.
std::optional<std::pair<double, double>> along_direction(const Program& program, Run::Held& held, int order,
                                                         const std::vector<A>& slopes) {
  Random random(program.seed + 7);
  std::vector<A> directions;
  double tape = 0;
  std::size_t n = 0;
  for (const Leaf& leaf : program.leaves) {
    const A direction = random.normal<double>(leaf.shape) * double(leaf.trained());
    directions.push_back(leaf.kind == Kind::tied ? A(directions[leaf.tie]) : direction);
    if (leaf.trained()) tape += xt::sum(slopes[n++] * direction)();
  }
  std::optional<std::uint64_t> choices;
  const Along f = [&](double t) -> std::optional<double> {
    std::vector<A> moved = arrays_of(program);
    for (std::size_t k = 0; k < moved.size(); ++k) moved[k] += t * directions[k];
    try {
      Run run(program, moved, held);
      const double value = scalar_of(program, run, order).item();
      if (!choices) choices = run.decisions;
      return run.decisions == *choices ? std::optional(value) : std::nullopt;
    } catch (const Inapplicable&) {
      return {};
    }
  };
  f(0);
  const auto differences = slope_of(f);
  if (!differences) return {};
  return std::pair(tape, *differences);
}

enum class Depth { sweeps, differences };

Verdict check(const Program& program, Depth depth) {
  Verdict verdict;
  const auto wrong = [](const std::string& kind, const auto&... what) {
    std::ostringstream text;
    text << kind << ": ";
    (text << ... << what);
    return Verdict{kind, text.str()};
  };
  try {
    Run::Held held;
    for (const int order : {1, 2}) {
      const Sweeps sweeps = sweeps_of(program, held, order);
      const double error = worst_of(sweeps);
      double scale = 1;
      for (const A& g : sweeps.recorded)
        for (const double x : g.storage()) scale = std::max(scale, std::abs(x));
      if (!(error <= 1e-12 * scale)) {
        const Largest largest;
        sweeps_of(program, held, order);
        if (!(error <= 1e-12 * largest.number))
          return wrong("order " + std::to_string(order), "the fused sweep and the recorded one differ by ", error);
      }
      if (depth == Depth::sweeps || sweeps.fused.empty()) continue;
      const auto slopes = along_direction(program, held, order, sweeps.recorded);
      if (!slopes) continue;
      ++verdict.differences;
      const auto [tape, differences] = *slopes;
      if (!(std::abs(tape - differences) <= 1e-6 * (1 + std::abs(differences))))
        return wrong("differences of order " + std::to_string(order), "the tape has ", tape,
                     " along a direction, differences ", differences);
    }
  } catch (const Inapplicable&) {
    return {"inapplicable"};
  } catch (const Error& error) {
    return wrong("error", error.what());
  }
  return verdict;
}

// The program, and then it with other losses: what else is added to an adjoint may hide a fault.
Verdict check_thoroughly(Program& program) {
  const Verdict verdict = check(program, Depth::differences);
  if (!verdict.fault.empty()) return verdict;
  Random random(program.seed);
  const std::vector<Place> terms = program.terms;
  const auto any = [&] { return Place{program.leaves.size() + random.below(program.lines.size())}; };
  for (int k = 0; k < 16; ++k) {
    program.terms = {any()};
    if (k % 4 == 0) program.terms.push_back(any());
    if (const Verdict part = check(program, Depth::sweeps); !part.fault.empty()) return part;
  }
  program.terms = terms;
  return verdict;
}

// Shrinking

// The program with fewer blocks, terms, lines and operands for as long as it fails in the same way.
Program smallest(Program program, const std::string& kind) {
  const Depth depth = kind.starts_with("differences") ? Depth::differences : Depth::sweeps;
  bool smaller = true;
  const auto attempt = [&](const auto& change) {
    Program changed = program;
    change(changed);
    if (changed.terms.empty() || check(changed, depth).kind != kind) return false;
    program = std::move(changed);
    return smaller = true;
  };
  while (std::exchange(smaller, false)) {
    for (std::size_t k = program.blocks.size(); k-- > 0;) {
      if (attempt([&](Program& p) { p.blocks.erase(p.blocks.begin() + std::ptrdiff_t(k)); })) continue;
      for (auto member : {&Block::inputs, &Block::passed})
        for (std::size_t i = (program.blocks[k].*member).size(); i-- > 0;)
          attempt([&](Program& p) { (p.blocks[k].*member).erase((p.blocks[k].*member).begin() + std::ptrdiff_t(i)); });
      if (program.blocks[k].twice) attempt([&](Program& p) { p.blocks[k].twice = false; });
    }
    for (std::size_t k = program.terms.size(); k-- > 0;)
      attempt([&](Program& p) { p.terms.erase(p.terms.begin() + std::ptrdiff_t(k)); });
    for (std::size_t k = program.size(); k-- > program.leaves.size();) {
      // Without the line: what needs it gets one of its operands.
      const auto needed = program.last_uses();
      if (!needed[k]) continue;
      for (const Place& operand : std::vector<Place>(program.line(k)->operands)) {
        const auto instead = [&](Place& x) {
          if (x.line == k) x = operand;
        };
        if (attempt([&](Program& p) {
              for (Line& line : p.lines) std::for_each(line.operands.begin(), line.operands.end(), instead);
              std::for_each(p.terms.begin(), p.terms.end(), instead);
            }))
          break;
      }
      for (std::size_t i = program.line(k)->operands.size(); i-- > 0;)
        if (program.line(k)->operands.size() > program.line(k)->row->least)
          attempt([&](Program& p) {
            auto& operands = p.lines[k - p.leaves.size()].operands;
            operands.erase(operands.begin() + std::ptrdiff_t(i));
          });
    }
    const auto needed = program.last_uses();
    for (std::size_t k = 0; k < program.leaves.size(); ++k)
      if (needed[k] && program.leaves[k].kind != Kind::constant && program.leaves[k].kind != Kind::tied)
        attempt([&](Program& p) { p.leaves[k].kind = Kind::constant; });
  }
  return program;
}

std::string written(const Program& program) {
  std::ostringstream text;
  Run::Held held;
  try {
    Run(program, arrays_of(program), held, &text).loss();
  } catch (const Error& error) {
    text << "// error: " << error.what() << '\n';
  }
  return text.str();
}

// What a number of programs did, up to the first one that failed.
struct Survey {
  std::map<std::string, std::size_t> uses{};  // of each row
  std::map<Around, std::size_t> blocks{};
  std::size_t programs = 0, differences = 0;
  std::string fault{};
};

Survey survey(std::uint64_t first, std::size_t count, const Rooms& rooms, bool brief) {
  Survey result;
  for (std::uint64_t seed = first; seed < first + count && result.fault.empty(); ++seed) {
    Program program = Maker(seed, rooms, brief)();
    if (program.terms.empty()) continue;
    ++result.programs;
    const auto needed = program.last_uses();
    for (std::size_t k = program.leaves.size(); k < program.size(); ++k)
      if (needed[k]) ++result.uses[program.line(k)->row->name];
    for (const Block& block : program.blocks) ++result.blocks[block.around];
    const Verdict verdict = brief ? check(program, Depth::sweeps) : check_thoroughly(program);
    result.differences += verdict.differences;
    if (verdict.fault.empty()) continue;
    const Program small = smallest(program, verdict.kind);
    result.fault =
        "seed " + std::to_string(seed) + ": " + check(small, Depth::differences).fault + "\n" + written(small);
  }
  return result;
}

#ifdef NDEBUG
constexpr std::size_t part = 1;
#else
constexpr std::size_t part = 20;  // of what an optimised build does: sanitizers and assertions are slow
#endif

}  // namespace

TEST_CASE("in random programs both sweeps and differences agree, for first and second derivatives") {
  const Survey found = survey(1, 1000 / part, all_rows(), false);
  CHECK_MESSAGE(found.fault.empty(), found.fault);
  // Where they stand at no tie, and so most.
  CHECK(found.differences > found.programs);
  CHECK(found.blocks.at(Around::checkpoint) > found.programs / 4);
  CHECK(found.blocks.at(Around::tape) > found.programs / 20);
}

TEST_CASE("in brief random programs both sweeps agree") {
  const Survey found = survey(1, 30000 / part, all_rows(), true);
  CHECK_MESSAGE(found.fault.empty(), found.fault);
}

TEST_CASE("random programs are of all operations") {
  const Rooms rooms = all_rows();
  std::map<const Row*, std::size_t> uses;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed)
    for (const Line& line : Maker(seed, rooms, false)().lines) ++uses[line.row];
  std::set<std::string> covered;
  for (const Rows& room : rooms)
    for (const Row& row : room) {
      CHECK_MESSAGE(uses[&row] >= 20, row.name << " was used " << uses[&row] << " times");
      covered.insert(row.name.substr(0, row.name.find(' ')));
    }
  for (const std::string& name : declared_operations())
    CHECK_MESSAGE(covered.contains(name), name << " has no row in program_rows.hpp");
}

TEST_CASE("a wrong rule is found and shown by the smallest program") {
  Rooms rooms = all_rows();
  // The second derivative of x³, but the fused sweep is right.
  rooms[0].push_back(unary("cube", [](const V& x) {
    return elementwise<keep::first>(
        "cube", x, [](const auto& a) { return a * a * a; },
        []<class X>(const X& g, const X& a) { return g * a * a * (std::is_same_v<X, V> ? X(2) : X(3)); });
  }));
  const Survey found = survey(1, 1000, rooms, false);
  CHECK(found.fault.find("order 1: the fused sweep and the recorded one differ by ") != std::string::npos);
  CHECK(found.fault.find(" = cube(") != std::string::npos);
  CHECK(std::count(found.fault.begin(), found.fault.end(), '\n') < 12);
}

TEST_SUITE("full") {
  TEST_CASE("in ten thousand random programs both sweeps and differences agree") {
    const Survey found = survey(1001, 10000 / part, all_rows(), false);
    CHECK_MESSAGE(found.fault.empty(), found.fault);
    const Survey brief = survey(100001, 300000 / part, all_rows(), true);
    CHECK_MESSAGE(brief.fault.empty(), brief.fault);
  }
}

}  // namespace unroll::programs

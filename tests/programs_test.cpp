// Random programs: the fused sweep, the recorded sweep and differences agree, for first and second derivatives. Where
// they do not, the smallest program that shows it is printed.
#include <doctest/doctest.h>

#include <limits>
#include <set>

#include "operations.hpp"
#include "program_rows.hpp"

namespace unroll::programs {
namespace {

using Rooms = std::vector<Rows>;
constexpr double infinity = std::numeric_limits<double>::infinity(), NaN = std::numeric_limits<double>::quiet_NaN();

// Making

class Maker {
 public:
  /// A brief program is of one or two leaves and of a few lines, most of which need the one before.
  Maker(std::uint64_t seed, const Rooms& rooms, bool brief) : random_(seed), program_{seed}, brief_(brief) {
    for (std::size_t room = 0; room < rooms.size(); ++room) {
      constexpr double weights[] = {14, 6, 4, 12, 6, 3}, brief_weights[] = {10, 6, 3, 22, 9, 2};
      double total = 0;
      for (const Row& row : rooms[room]) total += row.weight;
      for (const Row& row : rooms[room])
        choices_.push_back({&row, (brief ? brief_weights : weights)[room] * row.weight / total});
    }
    if (brief || chance(2)) return;
    // Half of the programs are of few operations, and so have more of what these do to each other.
    std::vector<std::pair<const Row*, double>> few;
    const std::size_t parts[] = {1, 1, 2, 3, 3, 3, 3, 4, 4, 5}, part = parts[below(10)];
    for (std::size_t count = between(2, 8); few.size() < count;) {
      const Rows& room = rooms[chance(3) ? 0 : part];
      few.push_back({&room[below(room.size())], 1});
    }
    choices_ = few;
  }

  Program operator()() {
    make_leaves();
    Run::Held held;
    run_ = std::make_unique<Run>(program_, arrays_, held);
    const std::size_t lines = brief_ ? between(2, 5) : between(3, 52);
    for (std::size_t tries = 0; tries < 40 * lines && program_.lines.size() < lines; ++tries) {
      if (!add_line()) break;
    }
    for (std::size_t k = 0; k < program_.size(); ++k) counts_.push_back(run_->results(k).size());
    run_.reset();
    add_terms();
    for (std::size_t k = brief_ ? chance(4) : below(4); k-- > 0;) add_block();
    std::sort(program_.blocks.begin(), program_.blocks.end(),
              [](auto& a, auto& b) { return a.begin != b.begin ? a.begin < b.begin : a.end > b.end; });
    return program_;
  }

 private:
  std::size_t below(std::size_t n) { return random_.below(n); }
  std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }

  const Row& any_row() {
    double total = 0;
    for (const auto& [row, weight] : choices_) total += weight;
    double at = random_.uniform() * total;
    for (const auto& [row, weight] : choices_)
      if ((at -= weight) < 0) return *row;
    return *choices_.back().first;
  }

  void make_leaves() {
    // Few sizes, so that shapes fit; sometimes so large that products are deferred or read panels.
    std::size_t sizes[] = {between(2, 4), between(2, 4), between(1, 6)};
    if (chance(60)) {
      sizes[0] = between(200, 600);
      most_ = 4000;
    }
    for (std::size_t count = brief_ ? between(1, 2) : between(2, 8); program_.leaves.size() < count;) {
      Shape shape;
      const std::size_t ranks[] = {0, 1, 1, 2, 2, 2, 2, 3, 3};
      for (std::size_t rank = ranks[below(9)]; shape.size() < rank;)
        shape.push_back(chance(100) ? 0 : chance(8) ? 1 : sizes[below(3)]);
      if (shape.elements() > most_) continue;
      constexpr Kind kinds[] = {Kind::parameter, Kind::parameter, Kind::parameter, Kind::parameter, Kind::watched,
                                Kind::watched,   Kind::tied,      Kind::frozen,    Kind::constant,  Kind::foreign};
      constexpr Numbers numbers[] = {Numbers::normal, Numbers::normal, Numbers::positive, Numbers::halves};
      Leaf leaf{kinds[below(10)], numbers[below(4)], shape, random_() >> 40};
      if (program_.leaves.empty()) leaf.kind = chance(4) ? Kind::watched : Kind::parameter;
      if (leaf.kind == Kind::tied) {
        const std::size_t tie = below(program_.leaves.size());
        if (program_.leaves[tie].kind != Kind::parameter) continue;
        leaf = program_.leaves[tie];
        leaf.kind = Kind::tied;
        leaf.tie = tie;
      }
      program_.leaves.push_back(leaf);
      arrays_.push_back(leaf.array());
    }
  }

  Place any_place() {
    const std::size_t n = program_.size(), leaves = program_.leaves.size(), recent = std::min<std::size_t>(n, 6);
    for (;;) {
      const std::size_t choice = brief_ ? 2 + below(8) : below(12);
      if (choice < 5) return focus_;
      const std::size_t k = choice < 8    ? n - 1
                            : choice < 10 ? below(leaves)
                            : choice < 11 ? n - 1 - below(recent)
                                          : below(n);
      if (const std::size_t results = run_->results(k).size()) return {k, below(results)};
    }
  }

  // False if that ended the program, with a line that throws.
  bool add_line() {
    const Row& row = any_row();
    Line line{&row, {}, random_() >> 32};
    for (std::size_t count = between(row.least, row.most); line.operands.size() < count;)
      line.operands.push_back(!line.operands.empty() && chance(5) ? line.operands.back() : any_place());
    program_.lines.push_back(line);
    try {
      run_->step(program_.size() - 1);
      for (const Value& value : run_->results(program_.size() - 1)) need(value.x.size() <= most_);
      if (chance(3)) focus_ = chance(4) ? Place{below(program_.leaves.size())} : any_place();
      return true;
    } catch (const Inapplicable&) {
      program_.lines.pop_back();
      return true;
    } catch (const Error&) {
      program_.terms.push_back({program_.size() - 1});  // which check() finds
      return false;
    }
  }

  void add_terms() {
    std::set<std::pair<std::size_t, std::size_t>> used;
    for (const Line& line : program_.lines)
      for (const Place& x : line.operands) used.insert({x.line, x.output});
    for (std::size_t k = program_.leaves.size(); k < program_.size(); ++k)
      for (std::size_t output = 0; output < counts_[k]; ++output)
        if (!used.contains({k, output}) || chance(10)) program_.terms.push_back({k, output});
  }

  void add_block() {
    const std::size_t first = program_.leaves.size(), n = program_.lines.size();
    if (n == 0) return;
    Block block{chance(5) ? Around::scope : chance(4) ? Around::tape : Around::checkpoint, first + below(n), 0};
    block.end = std::min(block.begin + between(1, 10), program_.size());
    for (const Block& other : program_.blocks) {
      const bool apart = other.end <= block.begin || block.end <= other.begin;
      const bool within = (other.begin <= block.begin && block.end <= other.end) ||
                          (block.begin <= other.begin && other.end <= block.end);
      if (!apart && !within) return;
    }
    if (block.around == Around::checkpoint) {
      for (std::size_t k = block.begin; k < block.end; ++k) {
        if (program_.line(k)->row->name.starts_with("gradient")) return;
        for (const Place& x : program_.line(k)->operands)
          if (x.line < block.begin && chance(2)) block.inputs.push_back(x);
      }
      while (chance(2)) {
        const std::size_t k = chance(2) ? below(first) : below(block.begin);
        if (counts_[k]) block.passed.push_back({k, below(counts_[k])});
      }
      block.twice = chance(6);
    }
    program_.blocks.push_back(block);
  }

  Random random_;
  std::vector<std::pair<const Row*, double>> choices_;  // and how often one is made
  Program program_;
  const bool brief_;
  std::vector<A> arrays_;
  std::vector<std::size_t> counts_;  // of the results of each line
  std::unique_ptr<Run> run_;
  std::size_t most_ = 64;  // elements of a value
  Place focus_{0};         // what is used in several ways, one after the other
};

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
  double inner = NaN;  // f(h) − f(−h) of the last step
  for (double h = 1e-2; h > 1e-5; h /= 2) {
    const auto above = f(h), below = f(-h);
    const double outer = std::exchange(inner, above && below ? *above - *below : NaN);
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

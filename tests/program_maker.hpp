// How random programs are made.
#pragma once

#include "program_rows.hpp"

namespace unroll::programs {

using Rooms = std::vector<Rows>;

/// Draws a program from its seed.
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

}  // namespace unroll::programs

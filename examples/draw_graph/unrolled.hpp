#pragma once

#include <map>
#include <set>
#include <unroll/nn/text/utf8.hpp>

#include "graph.hpp"
#include "svg.hpp"

namespace unroll::examples {

/// Where the values of each step stand: in columns from the left, and in rows up from the products with h and x, which
/// are row 0. Those of `named` by their names, others as operands: "h/1" for operand 1 of h, counted from 0. What
/// stands nowhere is drawn as a part of what it goes into.
struct Arrangement {
  struct Place {
    std::string value;
    double column, row;
  };
  double columns, rows;  ///< of a step
  std::vector<Place> places;
};

/// The picture of a recurrent network, its steps from left to right. Where values stand is arranged; which there are,
/// what they are made of, and from where a gradient came back to them is what the graph says. Above the steps there may
/// be y = f(V h), a loss L at each and their sum, "loss".
class Unrolled {
 public:
  Unrolled(const std::vector<Recorded>& values, const Arrangement& arrangement)
      : values_(values),
        columns_(arrangement.columns),
        rows_(arrangement.rows),
        hosts_(values.size()),
        own_(values.size()),
        entry_(values.size()) {
    const double out = columns_ - 0.5 + outside / pitch;
    std::vector<Arrangement::Place> places{{"x", (columns_ - 1) / 2, -1.5},
                                           {"y/0", out, rows_ + 0.4},
                                           {"y", out, rows_ + 1.3},
                                           {"L", out, rows_ + 2.2},
                                           {"loss", out, rows_ + 3.1}};
    places.insert(places.end(), arrangement.places.begin(), arrangement.places.end());
    for (const auto& [value, column, row] : places) places_[value] = {(column + 0.5) * pitch, -row * rise};
    for (const Recorded& value : values_) {
      steps_ = std::max(steps_, value.step);
      has_loss_ |= value.label == "L";
      swept_ |= value.swept;
    }
    place();
    connect();
    name_parameters();
    lead_out();
  }

  /// The picture; its title is what a reader is told who cannot see it.
  std::string svg(const std::string& title) const;

 private:
  static constexpr double pitch = 50, rise = 42, gap = 66, outside = 16, left = 72, size = 22;
  static constexpr const char *inputs = "#e3efdc", *products = "#dbe9f6", *operations = "#fdf3e0", *nothing = "none";

  // What stands in one place.
  struct Item {
    Box box;
    const char* fill;
    std::string text, name;
    std::string title() const { return !name.empty() ? name : !text.empty() ? text : "the products"; }
  };
  struct Arrow {
    Line line;
    bool swept = false;
  };
  struct Note {
    Point at;
    std::string text;
  };
  struct Parameters {
    std::size_t item = 0;
    std::set<std::string> letters = {};
  };

  bool is_leaf(std::size_t k) const { return values_[k].operands.empty(); }
  bool is_parameter(std::size_t k) const { return !values_[k].parameter.empty(); }
  const std::string& label(std::size_t k) const { return values_[k].label; }
  // "f_1"; of the sums of losses only the last has a name.
  std::string name(std::size_t k) const {
    if (label(k) == "loss") return values_[k].step < steps_ ? "" : "L";
    return label(k).empty() ? "" : label(k) + "_" + std::to_string(values_[k].step);
  }
  // Whether k is drawn as a part of its user, and not even as an operand of that: the parts of a softmax.
  bool is_part(std::size_t k, std::size_t user) const {
    return values_[k].scope && values_[k].scope == values_[user].scope;
  }
  bool is_product(std::size_t k) const;
  std::string formula(std::size_t k) const;
  std::string symbol(std::size_t k) const;

  double left_of(std::int64_t step) const { return left + double(step - 1) * (columns_ * pitch + gap); }
  // Where lines go up and down between a step and the next.
  double out_of(std::int64_t step) const { return left_of(step + 1) - gap + outside; }
  // Of the box around a step.
  double top() const { return -(rows_ - 0.4) * rise; }
  // How far what goes forward is to the left of what goes back.
  double lane() const { return swept_ ? 3.2 : 0; }
  std::size_t add(const Point& at, double width, double height, const char* fill, const std::string& text,
                  const std::string& name = {});
  void place();
  void place(std::size_t k, const Point& at);
  Line route(const Point& from, const Point& to, std::int64_t step, bool leaves) const;
  void connect();
  void connect(std::size_t from, std::size_t to, bool swept);
  void share(std::size_t parameter, std::size_t user);
  void name_parameters();
  void lead_out();
  void draw_arrows(Svg& svg) const;
  void draw_items(Svg& svg) const;
  void draw_legend(Svg& svg, double y) const;

  const std::vector<Recorded>& values_;
  const double columns_, rows_;
  std::map<std::string, Point> places_;  // in the first step, from its left
  std::int64_t steps_ = 0;
  bool has_loss_ = false, swept_ = false;
  std::vector<std::size_t> hosts_;              // by value: the one as a part of which it is drawn, or itself
  std::vector<std::size_t> own_, entry_;        // by value: its item, and the item that its arrows come to
  std::map<std::int64_t, std::size_t> frames_;  // by step: the item around the products with h and x
  std::map<double, Parameters> parameters_;     // by height
  std::vector<Item> items_;
  std::map<std::pair<std::size_t, std::size_t>, Arrow> arrows_;  // from item to item
  std::map<std::string, Note> notes_;                            // what gradients are called
};

// Whether it is a product with a parameter, or a sum of such.
inline bool Unrolled::is_product(std::size_t k) const {
  const Recorded& value = values_[k];
  return value.operation == "linear" ||
         (value.operation == "add" && std::ranges::all_of(value.operands, [&](auto& one) {
            return label(one.index).empty() && is_product(one.index);
          }));
}

// "U_f h_1\n+ W_f x_2"
inline std::string Unrolled::formula(std::size_t k) const {
  const auto& operands = values_[k].operands;
  const std::size_t a = operands.at(0).index, b = operands.at(1).index;
  return values_[k].operation == "add" ? formula(a) + "\n+ " + formula(b) : values_[b].parameter + " " + name(a);
}

// How a book writes an operation, and after it those that are drawn as parts of it: "−log".
inline std::string Unrolled::symbol(std::size_t k) const {
  static const std::map<std::string, std::string> symbols = {{"add", "+"},     {"subtract", "1−"}, {"multiply", "⊙"},
                                                             {"sigmoid", "σ"}, {"negate", "−"},    {"part", ""}};
  const auto found = symbols.find(values_[k].operation);
  std::string result = found == symbols.end() ? values_[k].operation : found->second;
  for (const auto [i, number] : values_[k].operands)
    if (hosts_[i] == hosts_[k] && !is_part(i, k)) result += symbol(i);
  return result;
}

// The last value first, since values are called after what they go into.
inline void Unrolled::place() {
  std::vector<std::string> keys(values_.size());
  for (std::size_t k = values_.size(); k-- > 0;) {
    if (!label(k).empty()) keys[k] = label(k);
    if (is_leaf(k) || places_.contains(label(k))) hosts_[k] = k;
    for (const auto [i, number] : values_[k].operands) {
      keys[i] = is_part(i, k) ? keys[k] : keys[k] + "/" + std::to_string(number);
      hosts_[i] = !is_part(i, k) && places_.contains(keys[i]) ? i : hosts_[k];
    }
  }
  for (std::size_t k = 0; k < values_.size(); ++k)
    if (hosts_[k] == k && !is_parameter(k)) place(k, places_.at(keys[k]));
}

inline std::size_t Unrolled::add(const Point& at, double width, double height, const char* fill,
                                 const std::string& text, const std::string& name) {
  const double corner = std::string_view(fill) == products ? 4 : height / 2;
  items_.push_back({{at, width, height, corner}, fill, text, name});
  return items_.size() - 1;
}

inline void Unrolled::place(std::size_t k, const Point& place) {
  const std::int64_t step = values_[k].step;
  const double width = columns_ * pitch;
  Point at{left_of(step) + place.x, place.y};
  if (step == 0) at = {out_of(0), label(k) == "h" ? 0 : place.y};  // h comes to the products
  if (is_leaf(k)) {
    own_[k] = add(at, size, size, inputs, name(k));
  } else if (!is_product(k)) {
    const std::string text = symbol(k);
    const std::size_t length = nn::characters(text).size();
    own_[k] = add(at, length > 2 ? 10 + 6.4 * double(length) : size, size, operations, text, name(k));
  } else if (place.y != 0) {
    own_[k] = add(at, 34, size, products, formula(k));
  } else {
    if (!frames_.contains(step)) frames_[step] = add({left_of(step) + width / 2, 0}, width, 36, products, "");
    own_[k] = add(at, pitch, 36, products, formula(k));
  }
  entry_[k] = is_product(k) && place.y == 0 ? frames_[step] : own_[k];
}

// Out of a step sideways first; within it sideways first if down, and upwards first if up.
inline Line Unrolled::route(const Point& from, const Point& to, std::int64_t step, bool leaves) const {
  if (leaves) return simplified({from, {out_of(step), from.y}, {out_of(step), to.y}, to});
  return simplified({from, to.y < from.y ? Point{from.x, to.y} : Point{to.x, from.y}, to});
}

inline void Unrolled::connect() {
  for (std::size_t k = 0; k < values_.size(); ++k)
    for (const auto [i, number] : values_[k].operands)
      if (is_parameter(i))
        share(i, k);
      else if (hosts_[i] != hosts_[k])
        connect(hosts_[i], hosts_[k], values_[k].swept);
}

inline void Unrolled::connect(std::size_t from, std::size_t to, bool swept) {
  const std::int64_t step = values_[from].step;
  const Point a = items_[own_[from]].box.at, b = items_[entry_[to]].box.at;
  const bool on = step != values_[to].step, above = b.y < top();
  Arrow& arrow = arrows_[{own_[from], entry_[to]}];
  arrow.line = route(a, b, step, on || above);
  arrow.swept |= swept;
  if (swept && on && !above && step > 0)
    notes_.insert({name(from), {{out_of(step) + 8, a.y == b.y ? a.y + 17 : (a.y + b.y) / 2 + 4}, "∂L/∂" + name(from)}});
}

// A line from the parameters, which stand once at the left, passes below all that is multiplied by them.
inline void Unrolled::share(std::size_t parameter, std::size_t user) {
  const std::size_t to = entry_[hosts_[user]];
  const Box box = items_[to].box;
  const Point at{out_of(0), box.at.y + box.height / 2 + 14};
  const auto [found, is_new] = parameters_.try_emplace(at.y);
  auto& [item, letters] = found->second;
  if (is_new) item = add(at, 36, size, products, "");
  letters.insert(values_[parameter].parameter.substr(0, 1));
  const double tap = box.at.x - box.width / 2 + 8;
  Arrow& arrow = arrows_[{item, to}];
  arrow.line = {at, {tap, at.y}, {tap, box.at.y}};
  arrow.swept |= values_[user].swept;
}

inline void Unrolled::name_parameters() {
  for (const auto& [y, parameters] : parameters_) {
    std::string& text = items_[parameters.item].text;
    std::string gradients;
    for (const std::string& letter : parameters.letters) {
      text += (text.empty() ? "" : ", ") + letter;
      gradients += (gradients.empty() ? "∂L/∂" : ", ∂L/∂") + letter;
    }
    if (swept_) notes_[text] = {{4, y + (y < 0 ? -16 : 24)}, gradients};
  }
}

// To the right what the last step leaves, and above each step its h, if no y stands there.
inline void Unrolled::lead_out() {
  for (std::size_t k = 0; k < values_.size(); ++k) {
    if (label(k) != "h" && label(k) != "c") continue;
    const std::int64_t step = values_[k].step;
    const Point from = items_[own_[k]].box.at;
    const auto lead_to = [&](const Point& to) {
      arrows_[{own_[k], add(to, size, size, nothing, name(k))}].line = route(from, to, step, true);
    };
    if (step == steps_) lead_to({left_of(step + 1) - 8, label(k) == "h" ? 0 : from.y});
    if (step > 0 && label(k) == "h" && !has_loss_) lead_to({out_of(step), -(rows_ + 0.3) * rise});
  }
}

inline void Unrolled::draw_arrows(Svg& svg) const {
  for (const auto& [ends, arrow] : arrows_) {
    const Item &from = items_[ends.first], &to = items_[ends.second];
    for (const bool back : {false, true}) {
      if (back && !arrow.swept) continue;
      Line line = beside(arrow.line, back ? lane() : -lane());
      line.front() = from.box.border(line[0], line[1]);
      line.back() = to.box.border(line.back(), line[line.size() - 2]);
      svg.arrow(line, back, (back ? "∂L/∂" : "") + from.title() + (back ? " from " : " to ") + to.title());
    }
  }
}

inline void Unrolled::draw_items(Svg& svg) const {
  for (const Item& item : items_) {
    const auto [at, width, height, corner] = item.box;
    const bool bare = std::string_view(item.fill) == nothing;
    if (!bare) svg.box(item.box, item.fill, Svg::ink);
    svg.text({at.x, at.y + 4 - (bare ? lane() : 0)}, item.text, "middle", bare ? Svg::ink : "#222222", 11);
    svg.text({at.x + width / 2 + (width > size ? 2 : -1), at.y - 9}, item.name, "start", Svg::ink);
  }
}

inline void Unrolled::draw_legend(Svg& svg, double y) const {
  for (const bool back : {false, true}) {
    svg.arrow({{4, y}, {30, y}}, back, "");
    svg.text({36, y + 4}, back ? "swept back" : "recorded", "start", back ? Svg::backward : Svg::forward);
    y += 18;
  }
}

inline std::string Unrolled::svg(const std::string& title) const {
  Svg svg;
  const double bottom = 0.65 * rise, width = columns_ * pitch + 16;
  for (std::int64_t t = 1; t <= steps_; ++t)
    svg.box({{left_of(t) - 8 + width / 2, (top() + bottom) / 2}, width, bottom - top(), 9}, "#80808018");
  draw_arrows(svg);
  draw_items(svg);
  for (const auto& [about, note] : notes_) svg.text(note.at, note.text, "start", Svg::backward, 11);
  double highest = 0;
  for (const Item& item : items_) highest = std::min(highest, item.box.at.y - 24);
  if (swept_) draw_legend(svg, highest + 14);
  return svg.str({0, highest}, {left_of(steps_ + 1) + 10, 1.5 * rise + 14}, title);
}

}  // namespace unroll::examples

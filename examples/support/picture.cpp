#include "picture.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/text/utf8.hpp>

#include "program.hpp"
#include "renderer.hpp"

namespace {

std::string ending(const std::string& path) { return std::filesystem::path(path).extension().string(); }

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c == '\n' ? ' ' : c);
  return result + "'";
}

// What gnuplot has to say first, for a picture of this size in pixels.
std::string begin(const std::string& path, int width, int height) {
  std::ostringstream script;
  const std::string kind = ending(path);
  const auto size = [&](double unit) {
    std::ostringstream text;
    text << width * unit << ',' << height * unit;
    return text.str();
  };
  if (kind == ".svg")
    script << "set terminal svg size " << size(1) << " dynamic font 'Helvetica,13' background 'white'\n";
  if (kind == ".png") script << "set terminal pngcairo size " << size(2) << " font 'DejaVu Sans,20' linewidth 2\n";
  if (kind == ".pdf") script << "set terminal pdfcairo size " << size(1 / 96.0) << " font 'DejaVu Sans,10'\n";
  script << "set termoption noenhanced\nset encoding utf8\n"
         << "set border 3 linecolor '#666666'\nset tics nomirror textcolor '#333333'\nunset key\n";
  return script.str();
}

void draw(const std::string& path, const std::string& script) {
  if (has_program("gnuplot"))
    unroll::nn::write_atomically(path, [&](std::ostream& out) { render("gnuplot", script, out); });
}

// The colours of Okabe and Ito (2008), which nobody takes for each other.
const char* const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};

// The numbers of some curves that are finite.
std::vector<double> finite(const std::vector<Curve>& curves, std::vector<double> Curve::*numbers) {
  std::vector<double> result;
  for (const Curve& curve : curves)
    std::ranges::copy_if(curve.*numbers, std::back_inserter(result), [](double x) { return std::isfinite(x); });
  return result;
}

// gnuplot chooses the range of an axis, unless there is but one number.
std::string range_of(const char* axis, const std::vector<double>& numbers, bool logarithmic) {
  std::ostringstream text;
  const auto [least, most] = std::ranges::minmax(numbers);
  text << "set " << axis << "range [";
  if (least < most)
    text << "*:*";
  else
    text << (logarithmic ? least / 2 : least - 0.5) << ':' << (logarithmic ? least * 2 : least + 0.5);
  text << "]\nset " << axis << "tics " << (most - least < 8 && !logarithmic && *axis == 'x' ? "1\n" : "autofreq\n");
  return text.str();
}

bool same_names(const Panel& a, const Panel& b) {
  return std::ranges::equal(a.curves, b.curves, {}, &Curve::name, &Curve::name);
}

// What gnuplot draws a curve with, the k-th of a panel.
std::string style_of(const Curve& curve, std::size_t k) {
  std::ostringstream text;
  text << "linecolor '" << (curve.reference ? "#888888" : colours[k % std::size(colours)]) << "' ";
  if (curve.reference)
    text << "linewidth 1 dashtype 2";
  else
    text << "linewidth 2 dashtype " << k / std::size(colours) + 1;
  return text.str();
}

// A label beside an axis: not too long, and no format for gnuplot.
std::string tic(const std::string& label) {
  constexpr std::size_t most = 24;
  const std::vector<std::string> characters = unroll::nn::characters(label);
  std::string result;
  for (std::size_t k = 0; k < std::min(most, characters.size()); ++k)
    result += characters.size() > most && k + 1 == most ? "…" : characters[k] == "%" ? "%%" : characters[k];
  return result;
}

// The names of curves in rows, from a height downwards: gnuplot's own key would be as narrow as a panel. All lengths
// are in pixels.
class Key {
 public:
  static constexpr double row = 24;

  Key(const std::vector<Curve>& curves, double width) : curves_(curves) {
    for (std::size_t k = 0; k < curves.size(); ++k) {
      const double wide = width_of(curves[k]);
      if (rows_.empty() || rows_.back().width + wide > width) rows_.push_back({k, 0});
      rows_.back().width += wide;
    }
  }
  double height() const { return row * double(rows_.size()); }
  void draw(std::ostream& script, double centre, double from, double width, double height) const {
    double x = 0, y = from;
    for (std::size_t k = 0, next = 0; k < curves_.size(); ++k) {
      if (next < rows_.size() && rows_[next].first == k) x = centre - rows_[next++].width / 2, y -= row;
      script << "set arrow from screen " << x / width << ',' << y / height << " to screen " << (x + line) / width << ','
             << y / height << " nohead " << style_of(curves_[k], k) << "\nset label " << quoted(curves_[k].name)
             << " noenhanced left at screen " << (x + line + 6) / width << ',' << y / height
             << " textcolor '#333333'\n";
      x += width_of(curves_[k]);
    }
  }

 private:
  struct Row {
    std::size_t first;  // of its curves
    double width;
  };
  static constexpr double line = 26, letter = 8;
  static double width_of(const Curve& curve) {
    return line + 26 + letter * double(unroll::nn::characters(curve.name).size());
  }

  const std::vector<Curve>& curves_;
  std::vector<Row> rows_;
};

}  // namespace

void require_picture(const std::string& path) {
  const std::string kind = ending(path);
  unroll::require(kind == ".png" || kind == ".svg" || kind == ".pdf", path,
                  "a picture's name ends in .png, .svg or .pdf");
  require_writable(path, {});
  if (!has_program("gnuplot"))
    std::cerr << path << ": not drawn, there is no gnuplot; install it with: sudo apt-get install gnuplot-nox"
              << std::endl;
}

void draw(const std::string& path, std::vector<Panel> panels) {
  std::erase_if(panels, [](const Panel& panel) { return finite(panel.curves, &Curve::y).empty(); });
  if (panels.empty()) return;
  constexpr double left = 90, right = 20, top = 40, axis = 60, plot = 290;
  const std::size_t all = panels.size(), width = all > 1 ? 440 * all : 640;
  const bool one_key = std::ranges::all_of(panels, [&](const Panel& panel) { return same_names(panel, panels[0]); });
  const double each = (double(width) - double(all) * (left + right)) / double(all);
  std::vector<Key> keys;
  double key = 0;
  for (const Panel& panel : panels)
    key = std::max(key, keys.emplace_back(panel.curves, double(one_key ? width : width / all)).height());
  const double below = axis + key, height = top + plot + below;
  std::ostringstream script;
  script << begin(path, int(width), int(height))
         // Powers of ten need enhanced text; names must not be taken for it.
         << "set termoption enhanced\nset grid ytics linetype 1 linewidth 0.5 linecolor '#dddddd'\n"
         << "set datafile missing 'nan'\nset autoscale xfix\nset multiplot\n";
  for (std::size_t k = 0, block = 0; k < all; ++k) {
    const Panel& panel = panels[k];
    const double begin = left + double(k) * (each + left + right);
    std::ostringstream plots;
    for (std::size_t n = 0; n < panel.curves.size(); ++n, ++block) {
      const Curve& curve = panel.curves[n];
      script << "$d" << block << " << END\n";
      for (std::size_t i = 0; i < curve.x.size(); ++i)
        script << curve.x[i] << ' ' << (std::isfinite(curve.y[i]) ? curve.y[i] : std::nan("")) << '\n';
      script << "END\n";
      plots << (n ? ", " : "plot ") << "$d" << block << " using 1:2 with "
            << (curve.reference || curve.x.size() > 60 ? "lines " : "linespoints pointtype 7 pointsize 0.5 ")
            << style_of(curve, n);
    }
    if (!one_key || k == 0)
      keys[k].draw(script, one_key ? double(width) / 2 : begin + each / 2, key + Key::row / 2, double(width), height);
    script << "set lmargin at screen " << begin / double(width) << "\nset rmargin at screen "
           << (begin + each) / double(width) << "\nset bmargin at screen " << below / height
           << "\nset tmargin at screen " << 1 - top / height << "\nset title " << quoted(panel.title)
           << " noenhanced\nset xlabel " << quoted(panel.x) << " noenhanced\nset ylabel " << quoted(panel.y)
           << " noenhanced\n"
           << (panel.logarithmic ? "set logscale y\nset format y '10^{%T}'\nset mytics 1\n"
                                 : "unset logscale y\nset format y '%g'\nset mytics default\n")
           << range_of("x", finite(panel.curves, &Curve::x), false)
           << range_of("y", finite(panel.curves, &Curve::y), panel.logarithmic) << plots.str()
           << "\nunset label\nunset arrow\n";
  }
  draw(path, script.str());
}

void draw(const std::string& path, const ColouredMatrix& matrix) {
  const std::size_t rows = matrix.rows.size(), columns = matrix.columns.size();
  const auto longest = [](const std::vector<std::string>& labels) {
    std::size_t most = 1;
    for (const std::string& label : labels) most = std::max(most, unroll::nn::characters(tic(label)).size());
    return 8 * double(most);
  };
  const int cell =
      static_cast<int>(std::clamp<std::size_t>(600 / std::max<std::size_t>(std::max(rows, columns), 1), 14, 48));
  const bool upright = std::ranges::all_of(
      matrix.columns, [](const std::string& label) { return unroll::nn::characters(label).size() <= 2; });
  const double left = 60 + longest(matrix.rows), below = 60 + (upright ? 16 : longest(matrix.columns));
  const double across = double(cell) * double(columns), down = double(cell) * double(rows);
  const double width = std::max(left + across + 100, 16 + 9 * double(matrix.title.size())), height = 50 + down + below;
  std::ostringstream script, x, y;
  double most = 0;
  for (const double value : matrix.values) most = std::max(most, value);
  for (std::size_t k = 0; k < columns; ++k) x << (k ? ", " : "") << quoted(tic(matrix.columns[k])) << ' ' << k;
  for (std::size_t k = 0; k < rows; ++k) y << (k ? ", " : "") << quoted(tic(matrix.rows[k])) << ' ' << k;
  script << begin(path, int(width), int(height)) << "set lmargin at screen " << left / width
         << "\nset rmargin at screen " << (left + across) / width << "\nset bmargin at screen " << below / height
         << "\nset tmargin at screen " << (below + down) / height << "\n$d << END\n";
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) script << j << ' ' << i << ' ' << matrix.values(i, j) << '\n';
  script << "END\nset title " << quoted(matrix.title) << "\nset xlabel " << quoted(matrix.x) << "\nset ylabel "
         << quoted(matrix.y)
         << "\nset palette defined (0 'white', 0.3 '#a6cbe3', 1 '#08306b')\nset cbrange [0:" << (most > 0 ? most : 1)
         << "]\nset cbtics scale 0\nset colorbox noborder\nset xrange [-0.5:" << double(columns) - 0.5
         << "]\nset yrange [" << double(rows) - 0.5 << ":-0.5]\nset xtics (" << x.str()
         << (upright ? ")" : ") rotate by 90 right") << " scale 0\nset ytics (" << y.str() << ") scale 0\n"
         << "plot $d using 1:2:3 with image pixels";
  // What rounds to nothing is left out.
  const char* const format = most > 2 ? "%.0f" : "%.2f";
  const double least = most > 2 ? 0.5 : 0.005;
  if (matrix.numbers && cell >= 24)
    script << ", $d using 1:2:($3 < " << least << " ? '' : sprintf('" << format << "', $3)):($3 > " << most / 2
           << " ? 0xffffff : 0x333333) with labels textcolor rgb variable font ',9'";
  script << '\n';
  draw(path, script.str());
}

#include "picture.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/text/utf8.hpp>

#include "command_line.hpp"
#include "text.hpp"

namespace unroll::examples {

namespace {

std::string ending(const std::string& path) { return std::filesystem::path(path).extension().string(); }

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c == '\n' ? ' ' : c);
  return result + "'";
}

// Of the same contrast with white and with black.
const char* const ink = "#7a7a7a";

// A title or the name of an axis.
std::string label(const char* what, const std::string& text) {
  return formatted("set %s ", what) + quoted(text) + " noenhanced textcolor '" + ink + "'\n";
}

// What gnuplot has to say first, for a picture of this size in pixels.
std::string begin(const std::string& path, int width, int height) {
  const std::string kind = ending(path);
  const auto size = [&](double unit) { return formatted("%g,%g", width * unit, height * unit); };
  std::ostringstream script;
  if (kind == ".svg") script << "set terminal svg size " << size(1) << " dynamic font 'Helvetica,13'\n";
  if (kind == ".png")
    script << "set terminal pngcairo transparent size " << size(2) << " font 'DejaVu Sans,20' linewidth 2\n";
  if (kind == ".pdf") script << "set terminal pdfcairo size " << size(1 / 96.0) << " font 'DejaVu Sans,10'\n";
  script << "set termoption noenhanced\nset encoding utf8\n"
         << "set border 3 linecolor '" << ink << "'\nset tics nomirror textcolor '" << ink << "'\nunset key\n";
  return script.str();
}

void draw(const std::string& path, const std::string& script) {
  if (has_program("gnuplot")) nn::write_atomically(path, [&](std::ostream& out) { render("gnuplot", script, out); });
}

// The colours of Okabe and Ito (2008), which nobody takes for each other.
const char* const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999"};
// Dots, squares, triangles, diamonds, pentagons, all of them filled.
constexpr int marks[] = {7, 5, 9, 11, 13, 15};

// The numbers of some curves that are finite.
std::vector<double> finite(const std::vector<Curve>& curves, std::vector<double> Curve::*numbers) {
  std::vector<double> result;
  for (const Curve& curve : curves)
    std::ranges::copy_if(curve.*numbers, std::back_inserter(result), [](double x) { return std::isfinite(x); });
  return result;
}

// gnuplot chooses the range of an axis, unless there is but one number; but shares do not go beyond all.
std::string range_of(const char* axis, const std::vector<double>& numbers, bool logarithmic) {
  const auto [least, most] = std::ranges::minmax(numbers);
  const bool share = !logarithmic && *axis == 'y' && ((0.6 < most && most <= 1) || (60 < most && most <= 100));
  const std::string range = share          ? formatted("*:%g", most <= 1 ? 1. : 100.)
                            : least < most ? "*:*"
                            : logarithmic  ? formatted("%g:%g", least / 2, least * 2)
                                           : formatted("%g:%g", least - 0.5, least + 0.5);
  const bool whole = most - least < 8 && !logarithmic && *axis == 'x';
  return formatted("set %srange [%s]\nset %stics %s\n", axis, range.c_str(), axis, whole ? "1" : "autofreq");
}

// A label beside an axis: not too long, and no format for gnuplot.
std::string tic(const std::string& label) {
  constexpr std::size_t most = 24;
  const std::vector<std::string> characters = nn::characters(label);
  std::string result;
  for (std::size_t k = 0; k < std::min(most, characters.size()); ++k)
    result += characters.size() > most && k + 1 == most ? "…" : characters[k] == "%" ? "%%" : characters[k];
  return result;
}

// The points of a curve, x and y, and the band if there is one.
std::string points_of(const Curve& curve) {
  std::ostringstream points;
  const bool banded = !curve.low.empty();
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    points << curve.x[i];
    for (const auto* numbers : {&curve.y, banded ? &curve.low : nullptr, banded ? &curve.high : nullptr})
      if (numbers) points << ' ' << (std::isfinite((*numbers)[i]) ? (*numbers)[i] : std::nan(""));
    points << '\n';
  }
  return points.str();
}

// How the k-th curve is drawn, whose points are those of a block: its band, and the line with marks.
std::string line_of(const Curve& curve, std::size_t k, std::size_t block) {
  std::ostringstream plot;
  const char* const colour = colours[k % std::size(colours)];
  if (!curve.low.empty())
    plot << "$d" << block << " using 1:3:4 with filledcurves fillstyle transparent solid 0.15 noborder linecolor '"
         << colour << "' notitle, ";
  plot << "$d" << block << " using 1:2 title " << quoted(curve.name);
  if (curve.reference)
    plot << " with lines linecolor '#888888' linewidth 1 dashtype 2";
  else
    plot << " with linespoints pointtype " << marks[k % std::size(marks)] << " pointsize 0.7 pointinterval "
         << curve.x.size() / 12 + 1 << " linewidth 2 linecolor '" << colour << "' dashtype "
         << k / std::size(colours) + 1;
  return plot.str();
}

// The same in rows: marks, each in a range from the least to the largest.
std::string marks_of(const Curve& curve, std::size_t k, std::size_t block) {
  return formatted("$d%zu using 2:1:3:4 title ", block) + quoted(curve.name) +
         formatted(" with xerrorbars pointtype %d pointsize 0.8 linewidth 2 linecolor '%s'",
                   marks[k % std::size(marks)], colours[k % std::size(colours)]);
}

std::string axes_of(const Panel& panel) {
  return label("xlabel", panel.x) + label("ylabel", panel.y) +
         (panel.logarithmic ? "set logscale y\nset format y '10^{%T}'\nset mytics 1\n"
                            : "unset logscale y\nset format y '%g'\nset mytics default\n") +
         range_of("x", finite(panel.curves, &Curve::x), false) +
         range_of("y", finite(panel.curves, &Curve::y), panel.logarithmic);
}

std::string rows_of(const Panel& panel) {
  std::string tics;
  for (std::size_t k = 0; k < panel.rows.size(); ++k)
    tics += (k ? ", " : "") + quoted(tic(panel.rows[k])) + formatted(" %zu", k);
  // Shares end at all of them; other numbers begin at 0.
  const double least = std::ranges::min(finite(panel.curves, &Curve::low)),
               most = std::ranges::max(finite(panel.curves, &Curve::high));
  const bool share = 60 < most && most <= 100;
  return label("xlabel", panel.y) + label("ylabel", panel.x) + "set ytics scale 0 (" + tics + ")\n" +
         formatted("set yrange [%zu.6:-0.6]\nset xrange [%g:%g]\n", panel.rows.size() - 1,
                   share ? least - 0.05 * (100 - least) : 0, share ? 100 : 1.05 * most);
}

}  // namespace

Spread::Spread(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  const std::size_t n = numbers.size();
  least = numbers.at(0);
  most = numbers[n - 1];
  median = (numbers[(n - 1) / 2] + numbers[n / 2]) / 2;
}

Curve band_of(const std::string& name, const std::vector<Curve>& runs) {
  Curve result{name, {}, {}};
  for (std::size_t k = 0; k < runs.at(0).x.size(); ++k) {
    std::vector<double> values;
    for (const Curve& run : runs) values.push_back(run.y.at(k));
    result.add(runs[0].x[k], Spread(values));
  }
  return result;
}

void require_picture(const std::string& path) {
  const std::string kind = ending(path);
  require(kind == ".png" || kind == ".svg" || kind == ".pdf", path, "a picture's name ends in .png, .svg or .pdf");
  require_writable(path);
  if (!has_program("gnuplot"))
    std::cerr << path << ": not drawn, there is no gnuplot; install it with: sudo apt-get install gnuplot-nox"
              << std::endl;
}

void draw(const std::string& path, std::vector<Panel> panels) {
  std::erase_if(panels, [](const Panel& panel) { return finite(panel.curves, &Curve::y).empty(); });
  if (panels.empty()) return;
  std::ostringstream script;
  script << begin(path, panels.size() > 1 ? 440 * int(panels.size()) : 640, 440)
         // Powers of ten need enhanced text; names must not be taken for it.
         << "set termoption enhanced\nset grid ytics linetype 1 linewidth 0.5 linecolor '#c0808080'\n"
         << "set datafile missing 'nan'\nset autoscale xfix\nset key below Left reverse samplen 2 height 1 noenhanced "
            "textcolor '"
         << ink << "'\n"
         << "set multiplot layout 1," << panels.size() << '\n';
  std::size_t block = 0;
  for (const Panel& panel : panels) {
    std::ostringstream plots;
    for (std::size_t k = 0; k < panel.curves.size(); ++k, ++block) {
      script << "$d" << block << " << END\n" << points_of(panel.curves[k]) << "END\n";
      plots << (k ? ", " : "plot ")
            << (panel.rows.empty() ? line_of(panel.curves[k], k, block) : marks_of(panel.curves[k], k, block));
    }
    script << label("title", panel.title) << (panel.rows.empty() ? axes_of(panel) : rows_of(panel)) << plots.str()
           << '\n';
  }
  draw(path, script.str());
}

void draw(const std::string& path, const ColouredMatrix& matrix) {
  const std::size_t rows = matrix.rows.size(), columns = matrix.columns.size();
  const int cell = static_cast<int>(std::clamp<std::size_t>(600 / std::max({rows, columns, std::size_t(1)}), 14, 48));
  const bool upright =
      std::ranges::all_of(matrix.columns, [](const std::string& label) { return nn::characters(label).size() <= 2; });
  const auto tics = [](const std::vector<std::string>& labels) {
    std::string text;
    for (std::size_t k = 0; k < labels.size(); ++k)
      text += (k ? ", " : "(") + quoted(tic(labels[k])) + ' ' + std::to_string(k);
    return text + ") scale 0";
  };
  const double most = std::max(xt::amax(matrix.values)(), 0.0);
  std::ostringstream script;
  script << begin(path, cell * static_cast<int>(columns) + 250, cell * static_cast<int>(rows) + (upright ? 120 : 220))
         << "$d << END\n";
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      script << j << ' ' << i << ' ' << matrix.values(i, j);
      if (matrix.numbers.size() > 0) script << ' ' << matrix.numbers(i, j);
      script << '\n';
    }
  script << "END\n"
         << label("title", matrix.title) << label("xlabel", matrix.x) << label("ylabel", matrix.y)
         << "set palette defined (0 'white', 0.3 '#a6cbe3', 1 '#08306b')\nset cbrange [0:" << (most > 0 ? most : 1)
         << "]\nset cbtics scale 0\nset colorbox noborder\nset size ratio -1\nset xrange [-0.5:"
         << double(columns) - 0.5 << "]\nset yrange [" << double(rows) - 0.5 << ":-0.5]\nset xtics "
         << (upright ? "" : "rotate by 90 right ") << tics(matrix.columns) << "\nset ytics " << tics(matrix.rows)
         << "\nplot $d using 1:2:3 with image pixels";
  if (matrix.numbers.size() > 0 && cell >= 24)
    script << ", $d using 1:2:($4 == 0 ? '' : sprintf('%g', $4)):($3 > " << most / 2
           << " ? 0xffffff : 0x333333) with labels textcolor rgb variable font ',9'";
  script << '\n';
  draw(path, script.str());
}

bool has_program(const std::string& name) { return std::system(("command -v " + name + " >/dev/null").c_str()) == 0; }

void render(const std::string& command, const std::string& input, std::ostream& out) {
  const std::string program = command.substr(0, command.find(' '));
  // A file, not a pipe: a program that ends early must not end this one.
  const std::unique_ptr<FILE, int (*)(FILE*)> text(std::tmpfile(), std::fclose);
  require(text && std::fputs(input.c_str(), text.get()) >= 0 && std::fflush(text.get()) == 0, "temporary file",
          "it cannot be written");
  FILE* const output = popen((command + " /dev/fd/" + std::to_string(fileno(text.get()))).c_str(), "r");
  require(output, program, "it cannot be started");
  char buffer[4096];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, output))
    out.write(buffer, static_cast<std::streamsize>(size));
  require(pclose(output) == 0, program, "it could not draw the picture");
}

}  // namespace unroll::examples

#include "picture.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nn/atomic_file.hpp>
#include <nn/utf8.hpp>
#include <sstream>

#include "program.hpp"

namespace {

bool has_gnuplot() {
  static const bool found = std::system("command -v gnuplot >/dev/null") == 0;
  return found;
}

std::string ending(const std::string& path) { return std::filesystem::path(path).extension().string(); }

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c == '\n' ? ' ' : c);
  return result + "'";
}

// What gnuplot has to say first, for a picture of this size in pixels.
std::string begin(const std::string& path, const std::string& output, int width, int height) {
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
  script << "set output " << quoted(output) << "\nset termoption noenhanced\nset encoding utf8\n"
         << "set border 3 linecolor '#666666'\nset tics nomirror textcolor '#333333'\nset key bmargin center samplen 2 "
            "maxrows 1 "
            "horizontal textcolor '#333333'\n";
  return script.str();
}

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
  text << "]\n";
  return text.str();
}

// Runs gnuplot on a script that ends in a file, and moves that file to its place.
void run(const std::string& path, const std::function<std::string(const std::string& output)>& script) {
  if (!has_gnuplot()) return;
  const std::string output =
      (std::filesystem::temp_directory_path() / ("unroll-" + std::to_string(getpid()) + ending(path))).string();
  const std::unique_ptr<const std::string, void (*)(const std::string*)> removed(
      &output, [](const std::string* file) { std::remove(file->c_str()); });
  FILE* const gnuplot = popen("gnuplot", "w");
  unroll::require(gnuplot, path, "gnuplot cannot be started");
  const std::string text = script(output);
  std::fwrite(text.data(), 1, text.size(), gnuplot);
  unroll::require(pclose(gnuplot) == 0, path, "gnuplot could not draw it");
  unroll::nn::write_atomically(path,
                               [&](std::ostream& out) { out << std::ifstream(output, std::ios::binary).rdbuf(); });
}

// The colours of Okabe and Ito (2008), which nobody takes for each other.
const char* const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};

}  // namespace

void require_picture(const std::string& path) {
  const std::string kind = ending(path);
  unroll::require(kind == ".png" || kind == ".svg" || kind == ".pdf", path,
                  "a picture's name ends in .png, .svg or .pdf");
  require_writable(path, {});
  if (!has_gnuplot())
    std::cerr << path << ": not drawn, there is no gnuplot; install it with: sudo apt-get install gnuplot-nox"
              << std::endl;
}

void draw(const std::string& path, std::vector<Panel> panels) {
  std::erase_if(panels, [](const Panel& panel) { return finite(panel.curves, &Curve::y).empty(); });
  const int width = std::max(640, 440 * static_cast<int>(panels.size()));
  // Panels with the same curves have one key, below them: gnuplot's own would be as narrow as a panel.
  const auto same_curves = [&](const Panel& panel) {
    return std::equal(panel.curves.begin(), panel.curves.end(), panels[0].curves.begin(), panels[0].curves.end(),
                      [](const Curve& a, const Curve& b) { return a.name == b.name; });
  };
  const bool one_key = panels.size() > 1 && std::all_of(panels.begin(), panels.end(), same_curves);
  run(path, [&](const std::string& output) {
    std::ostringstream script;
    script
        << begin(path, output, width, 400)
        // Powers of ten need enhanced text; names must not be taken for it.
        << "set termoption enhanced\nset key noenhanced\nset grid ytics linetype 1 linewidth 0.5 linecolor '#dddddd'\n"
        << "set datafile missing 'nan'\nset autoscale xfix\n";
    if (panels.size() > 1)
      script << "set multiplot layout 1," << panels.size() << " margins " << 90.0 / width << ",0.98,0.24,0.9 spacing "
             << 105.0 / width << "\n";
    for (std::size_t k = 0; one_key && k < panels[0].curves.size(); ++k)
      script << "set label " << quoted("━━ " + panels[0].curves[k].name) << " noenhanced center at screen "
             << (double(k) + 0.5) / double(panels[0].curves.size()) << ",0.04 textcolor '"
             << colours[k % std::size(colours)] << "'\n";
    if (one_key) script << "unset key\n";
    std::size_t block = 0;
    for (const Panel& panel : panels) {
      std::ostringstream plots;
      for (std::size_t k = 0; k < panel.curves.size(); ++k) {
        const Curve& curve = panel.curves[k];
        script << "$d" << block << " << END\n";
        for (std::size_t i = 0; i < curve.x.size(); ++i)
          script << curve.x[i] << ' ' << (std::isfinite(curve.y[i]) ? curve.y[i] : std::nan("")) << '\n';
        script << "END\n";
        plots << (k ? ", " : "plot ") << "$d" << block++ << " using 1:2 with "
              << (curve.reference || curve.x.size() > 60 ? "lines" : "linespoints pointtype 7 pointsize 0.5")
              << (curve.reference ? " linewidth 1 dashtype 2" : " linewidth 2") << " linecolor '"
              << (curve.reference ? "#888888" : colours[k % std::size(colours)]) << "' title " << quoted(curve.name);
      }
      script << "set title " << quoted(panel.title) << " noenhanced\nset xlabel " << quoted(panel.x)
             << " noenhanced\nset ylabel " << quoted(panel.y) << " noenhanced\n"
             << (panel.logarithmic ? "set logscale y\nset format y '10^{%T}'\nset mytics 1\n"
                                   : "unset logscale y\nset format y '%g'\nset mytics default\n")
             << range_of("x", finite(panel.curves, &Curve::x), false)
             << range_of("y", finite(panel.curves, &Curve::y), panel.logarithmic) << plots.str() << "\nunset label\n";
    }
    return script.str();
  });
}

void draw(const std::string& path, const ColouredMatrix& matrix) {
  const std::size_t rows = matrix.rows.size(), columns = matrix.columns.size();
  const int cell =
      static_cast<int>(std::clamp<std::size_t>(600 / std::max<std::size_t>(std::max(rows, columns), 1), 14, 48));
  const bool upright = std::ranges::all_of(
      matrix.columns, [](const std::string& label) { return unroll::nn::characters(label).size() <= 2; });
  const int width = 220 + cell * static_cast<int>(columns);
  const int height = (upright ? 130 : 170) + cell * static_cast<int>(rows);
  run(path, [&](const std::string& output) {
    std::ostringstream script, x, y;
    double most = 0;
    for (const double value : matrix.values) most = std::max(most, value);
    for (std::size_t k = 0; k < columns; ++k) x << (k ? ", " : "") << quoted(matrix.columns[k]) << ' ' << k;
    for (std::size_t k = 0; k < rows; ++k) y << (k ? ", " : "") << quoted(matrix.rows[k]) << ' ' << k;
    script << begin(path, output, width, height) << "$d << END\n";
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) script << j << ' ' << i << ' ' << matrix.values(i, j) << '\n';
    script << "END\nset title " << quoted(matrix.title) << "\nset xlabel " << quoted(matrix.x) << "\nset ylabel "
           << quoted(matrix.y)
           << "\nset palette defined (0 'white', 0.3 '#a6cbe3', 1 '#08306b')\nset cbrange [0:" << (most > 0 ? most : 1)
           << "]\nset cbtics scale 0\nset colorbox noborder\nset xrange [-0.5:" << double(columns) - 0.5
           << "]\nset yrange [" << double(rows) - 0.5 << ":-0.5]\nset xtics (" << x.str()
           << (upright ? ")" : ") rotate by 90 right") << " scale 0\nset ytics (" << y.str()
           << ") scale 0\nset size ratio -1\nunset key\n"
           << "plot $d using 1:2:3 with image pixels";
    // What rounds to nothing is left out.
    const char* const format = most > 2 ? "%.0f" : "%.2f";
    const double least = most > 2 ? 0.5 : 0.005;
    if (matrix.numbers && cell >= 24)
      script << ", $d using 1:2:($3 < " << least << " ? '' : sprintf('" << format << "', $3)):($3 > " << most / 2
             << " ? 0xffffff : 0x333333) with labels textcolor rgb variable font ',9'";
    script << '\n';
    return script.str();
  });
}

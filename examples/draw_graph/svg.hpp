#pragma once

#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace unroll::examples {

/// In pixels, to the right and down.
struct Point {
  double x, y;
  bool operator==(const Point&) const = default;
};

/// Lines of corners, each to the right of, or above or below the last.
using Line = std::vector<Point>;

/// Without corners that are none.
inline Line simplified(const Line& line) {
  Line result;
  for (const Point& p : line) {
    if (!result.empty() && result.back() == p) continue;
    if (result.size() > 1) {
      const Point &a = result[result.size() - 2], &b = result.back();
      if ((a.x == b.x && b.x == p.x) || (a.y == b.y && b.y == p.y)) result.pop_back();
    }
    result.push_back(p);
  }
  return result;
}

/// A rounded rectangle; a circle where all of it is round.
struct Box {
  Point at;  ///< its middle
  double width, height, corner;

  /// Where a line from `next` comes to this box that would end at `end` within it.
  Point border(const Point& end, const Point& next) const {
    // Beside the middle, the round part is nearer.
    const auto half = [&](double size, double across, double off) {
      const double into = std::clamp(std::abs(off) - (across / 2 - corner), 0., corner);
      return size / 2 - corner + std::sqrt(corner * corner - into * into);
    };
    if (end.x == next.x) return {end.x, at.y + std::copysign(half(height, width, end.x - at.x), next.y - end.y)};
    return {at.x + std::copysign(half(width, height, end.y - at.y), next.x - end.x), end.y};
  }
};

/// The line beside a line, so far to the right of who goes along it.
inline Line beside(const Line& line, double distance) {
  Line result = line;
  for (std::size_t k = 0; k + 1 < line.size(); ++k) {
    const double dx = line[k + 1].x - line[k].x, dy = line[k + 1].y - line[k].y, length = std::hypot(dx, dy);
    for (std::size_t end : {k, k + 1}) {
      result[end].x -= distance * dy / length;
      result[end].y += distance * dx / length;
    }
  }
  return result;
}

/// A picture with a transparent background, which can be read on a light and on a dark one.
class Svg {
 public:
  /// Lines of the same contrast with white and with black.
  static constexpr const char *ink = "#7a7a7a", *forward = "#4f81b5", *backward = "#d2601f";

  void box(const Box& box, const char* fill, const char* stroke = "none") {
    body_ << "<rect x=\"" << box.at.x - box.width / 2 << "\" y=\"" << box.at.y - box.height / 2 << "\" width=\""
          << box.width << "\" height=\"" << box.height << "\" rx=\"" << box.corner << "\" fill=\"" << fill
          << "\" stroke=\"" << stroke << "\"/>\n";
  }

  /// An arrow along a line, or, dashed and in another colour, against it; the picture tells what it means.
  void arrow(const Line& line, bool back, const std::string& title) {
    const auto towards = [](const Point& from, const Point& to) {  // 5 pixels of the way
      const double part = 5 / std::hypot(to.x - from.x, to.y - from.y);
      return Point{from.x + part * (to.x - from.x), from.y + part * (to.y - from.y)};
    };
    body_ << "<path class=\"" << (back ? "backward" : "forward") << "\" d=\"M" << line[0].x << ' ' << line[0].y;
    for (std::size_t k = 1; k + 1 < line.size(); ++k) {
      const Point begin = towards(line[k], line[k - 1]), end = towards(line[k], line[k + 1]);
      body_ << 'L' << begin.x << ' ' << begin.y << 'Q' << line[k].x << ' ' << line[k].y << ' ' << end.x << ' ' << end.y;
    }
    body_ << 'L' << line.back().x << ' ' << line.back().y << "\"><title>" << title << "</title></path>\n";
  }

  /// Lines of words, around `at`, with single letters and derivatives in italics: "U_f" has the index f.
  void text(Point at, const std::string& lines, const char* anchor, const char* fill, double size = 12) {
    std::istringstream in(lines);
    at.y -= 0.65 * size * double(std::ranges::count(lines, '\n'));
    for (std::string line; std::getline(in, line); at.y += 1.3 * size) line_of_text(at, line, anchor, fill, size);
  }

  /// All of it, between two corners.
  std::string str(const Point& from, const Point& to, const std::string& title) const {
    const double width = to.x - from.x, height = to.y - from.y;
    std::ostringstream out;
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << width << "\" height=\"" << height << "\" viewBox=\""
        << from.x << ' ' << from.y << ' ' << width << ' ' << height
        << "\" font-family=\"Helvetica, Arial, sans-serif\">\n<title>" << title << "</title>\n<style>\n"
        << "path { fill: none; stroke-width: 1.3 }\n"
        << ".forward { stroke: " << forward << "; marker-end: url(#forward) }\n"
        << ".backward { stroke: " << backward << "; stroke-dasharray: 4 2.5; marker-start: url(#backward) }\n"
        << "</style>\n<defs>\n";
    for (const bool back : {false, true})
      out << "<marker id=\"" << (back ? "backward" : "forward") << "\" viewBox=\"0 0 8 8\" refX=\"" << (back ? 0 : 8)
          << "\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" "
             "orient=\"auto\"><polygon "
          << "points=\"" << (back ? "8,0.5 0,4 8,7.5" : "0,0.5 8,4 0,7.5") << "\" fill=\""
          << (back ? backward : forward) << "\"/></marker>\n";
    out << "</defs>\n" << body_.str() << "</svg>\n";
    return out.str();
  }

 private:
  void line_of_text(const Point& at, const std::string& words, const char* anchor, const char* fill, double size) {
    body_ << "<text x=\"" << at.x << "\" y=\"" << at.y << "\" text-anchor=\"" << anchor << "\" fill=\"" << fill
          << "\" font-size=\"" << size << "\">";
    std::istringstream in(words);
    std::string between, word;
    while (in >> word) {
      const std::size_t end = word.find('_');
      const std::string base = word.substr(0, end);
      const bool italic = base.starts_with("∂") || (base.substr(0, base.find(',')).size() == 1 &&
                                                    std::isalpha(static_cast<unsigned char>(base[0])));
      body_ << between << (italic ? "<tspan font-style=\"italic\">" : "<tspan>") << base << "</tspan>";
      if (end != std::string::npos)
        body_ << "<tspan dy=\"3\" font-size=\"" << 0.72 * size << "\">" << word.substr(end + 1) << "</tspan>";
      between = end == std::string::npos ? "&#8201;" : "<tspan dy=\"-3\">&#8201;</tspan>";
    }
    body_ << "</text>\n";
  }

  std::ostringstream body_;
};

}  // namespace unroll::examples

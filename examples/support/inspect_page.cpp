#include "inspect_page.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "format.hpp"
#include "inspect_template.hpp"

using namespace unroll;

namespace {

constexpr std::size_t likely = 8;  // characters whose probabilities are shown

/// A text between quotes, in JSON within HTML: a < could begin the end of the script.
std::string in_json(const std::string& text) {
  std::string result = "\"";
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == '<')
      result += formatted("\\u%04x", unsigned{static_cast<unsigned char>(c)});
    else
      result += c;
  return result + '"';
}

/// [one, another, ...]
template <class Values, class Written>
std::string list(const Values& values, const Written& written) {
  std::string result;
  for (const auto& value : values) result += (result.empty() ? "[" : ",") + written(value);
  return result.empty() ? "[]" : result + ']';
}

std::string number(double value) { return formatted("%.6g", value); }

std::string base64(const std::vector<std::int8_t>& bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (std::size_t k = 0; k < bytes.size(); k += 3) {
    unsigned group = 0;
    for (std::size_t n = k; n < k + 3; ++n) group = group << 8 | (n < bytes.size() ? std::uint8_t(bytes[n]) : 0u);
    for (const int shift : {18, 12, 6, 0}) result += digits[group >> shift & 63];
  }
  return result.replace(result.size() - (3 - bytes.size() % 3) % 3, std::string::npos, (3 - bytes.size() % 3) % 3, '=');
}

/// Each unit's values in turn as bytes, 127 for its largest.
std::string state(const Inspection::State& state) {
  const std::size_t time = state.values.shape()[0], units = state.values.shape()[1];
  std::vector<std::int8_t> bytes;
  std::vector<double> largest(units, 1e-6);
  for (std::size_t unit = 0; unit < units; ++unit) {
    for (std::size_t t = 0; t < time; ++t)
      largest[unit] = std::max(largest[unit], std::abs(double(state.values(t, unit))));
    for (std::size_t t = 0; t < time; ++t)
      bytes.push_back(static_cast<std::int8_t>(std::lround(127 * double(state.values(t, unit)) / largest[unit])));
  }
  return formatted("{\"name\":%s,\"largest\":%s,\"values\":\"", in_json(state.name).c_str(),
                   list(largest, number).c_str()) +
         base64(bytes) + "\"}";
}

std::string gate(const Inspection::Gate& gate) {
  return "{\"name\":" + in_json(gate.name) + ",\"left\":" + list(gate.left, number) +
         ",\"right\":" + list(gate.right, number) + '}';
}

std::string layer(const Inspection::Layer& layer) {
  return "{\"states\":" + list(layer.states, state) + ",\"gates\":" + list(layer.gates, gate) + '}';
}

/// What a model expected after one character: the likely ones as id, ‰, id, ‰, ...; and the ‰ of the one that came.
struct Expected {
  std::vector<double> likely;
  double came = 0;
};

Expected expected(const Inspection& inspection, std::size_t t) {
  std::vector<std::size_t> order(inspection.vocabulary.size());
  std::iota(order.begin(), order.end(), 0);
  const auto permille = [&](std::size_t id) {
    return std::round(1e4 * double(inspection.probabilities(t, 0, id))) / 10;
  };
  const auto middle = order.begin() + std::ptrdiff_t(std::min(likely, order.size()));
  std::partial_sort(order.begin(), middle, order.end(), [&](std::size_t a, std::size_t b) {
    return inspection.probabilities(t, 0, a) > inspection.probabilities(t, 0, b);
  });
  Expected result;
  for (auto id = order.begin(); id != middle; ++id)
    result.likely.insert(result.likely.end(), {double(*id), permille(*id)});
  if (t + 1 < inspection.ids.size())
    result.came = 1e3 * double(inspection.probabilities(t, 0, static_cast<std::size_t>(inspection.ids[t + 1])));
  return result;
}

void write_data(std::ostream& out, const Inspection& inspection) {
  std::string text;
  for (const std::string& character : inspection.text) text += character;
  std::vector<Expected> next;
  for (std::size_t t = 0; t < inspection.text.size(); ++t) next.push_back(expected(inspection, t));
  out << "{\"cell\":" << in_json(inspection.cell) << ",\"text\":" << in_json(text)
      << ",\"vocabulary\":" << list(inspection.vocabulary, in_json)
      << ",\"ids\":" << list(inspection.ids, [](std::int64_t id) { return std::to_string(id); })
      << ",\"likely\":" << list(next, [](const Expected& e) { return list(e.likely, number); })
      << ",\"came\":" << list(next, [](const Expected& e) { return number(e.came); })
      << ",\"layers\":" << list(inspection.layers, layer) << '}';
}

}  // namespace

void write_page(std::ostream& out, const Inspection& inspection) {
  static constexpr std::string_view place = "@data@";
  const std::size_t at = inspect_template.find(place);
  out << inspect_template.substr(0, at);
  write_data(out, inspection);
  out << inspect_template.substr(at + place.size());
}

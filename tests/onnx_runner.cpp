// Holds the recurrent layers against ONNX: onnx_runner DIR runs every case in DIR, which is NAME.json, with the
// operator and its attributes, and NAME.npz, with its inputs in_* and expected outputs out_*, by the names of the ONNX
// standard.
#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#if __has_include(<xtensor/io/xnpy.hpp>)
#include <xtensor/io/xnpy.hpp>
#else
#include <xtensor/xnpy.hpp>
#endif

#include <unroll/nn/nn.hpp>

#include "disagreement.hpp"

using namespace unroll;
using Json = nlohmann::json;
using V = Variable<double>;
using Values = std::map<std::string, V>;

namespace {

// The arrays of a .npz file, which is a zip archive of .npy files.
Values read_npz(const std::string& path) {
  const std::unique_ptr<archive, decltype(&archive_read_free)> zip(archive_read_new(), archive_read_free);
  const auto check = [&](long long status) {
    require(status >= 0, "npz", path, ": ", archive_error_string(zip.get()));
    return status;
  };
  check(archive_read_support_format_zip(zip.get()));
  check(archive_read_open_filename(zip.get(), path.c_str(), 1 << 16));
  Values arrays;
  archive_entry* entry = nullptr;
  while (check(archive_read_next_header(zip.get(), &entry)) != ARCHIVE_EOF) {
    std::stringstream bytes;
    char part[1 << 12];
    while (const auto size = check(archive_read_data(zip.get(), part, sizeof part))) bytes.write(part, size);
    const std::string name = std::filesystem::path(archive_entry_pathname(entry)).stem().string();
    if (name == "in_sequence_lens")
      arrays[name] = xt::load_npy<std::int32_t>(bytes);
    else
      arrays[name] = xt::load_npy<float>(bytes);
    require(bool(bytes), "npz", path, ": ", name, " is cut short");
  }
  return arrays;
}

// One call of an ONNX operator. Reverse alone is the second half of both directions with the same weights, so that a
// sequence starts at its own end.
class Case {
 public:
  Case(const Json& json, Values arrays) : op(json.at("op")), attributes_(json.at("attributes")) {
    static const std::set<std::string> known{"hidden_size", "layout",       "direction", "linear_before_reset",
                                             "activations", "input_forget", "opset"},
        inputs{"X", "W", "R", "B", "P", "sequence_lens", "initial_h", "initial_c"};
    for (const auto& [name, value] : attributes_.items())
      require(known.contains(name), op, "attribute ", name, " = ", value.dump(), "; it is none of the library's");
    for (auto& [name, array] : arrays) {
      if (name.starts_with("out_"))
        outputs.emplace(name.substr(4), array);
      else
        require(name.starts_with("in_") && inputs.contains(name.substr(3)), op, "there is no input ", name);
    }
    require(!outputs.empty(), op, "there is nothing to compare");
    require(attribute("input_forget", 0) == 0, op, "input_forget is not zero; coupled gates are another cell");
    const std::string direction = attribute("direction", std::string("forward"));
    const int layout = attribute("layout", 0);
    require(layout == 0 || layout == 1, op, "layout ", layout, "; 0 or 1");
    require(direction == "forward" || both() || reverse(), op, "direction ", direction, "; there is none such");
    arrays_ = std::move(arrays);
  }

  bool batch_first() const { return attribute("layout", 0) == 1; }
  std::size_t directions() const { return both() || reverse() ? 2 : 1; }
  bool reverse() const { return attribute("direction", std::string()) == "reverse"; }
  bool both() const { return attribute("direction", std::string()) == "bidirectional"; }
  bool has(const std::string& input) const { return arrays_.contains("in_" + input); }
  template <class Value> Value attribute(const char* name, const Value& otherwise) const {
    return attributes_.value(name, otherwise);
  }
  const V& input(const std::string& name) const {
    require(has(name), op, "there is no input ", name);
    return arrays_.at("in_" + name);
  }
  /// An input whose axis 0 is the direction; of a state it is axis 1 where the batch comes first.
  V of_directions(const std::string& name, bool state = false) const {
    const V x = state && batch_first() ? transpose(input(name), {1, 0, 2}) : input(name);
    const std::size_t count = both() ? 2 : 1;
    require(!x.shape().empty() && x.shape()[0] == count, op, name, " has shape ", input(name).shape(),
            "; the directions must be ", count);
    return reverse() ? concatenate({x, x}) : x;
  }

  const std::string op;
  Values outputs;

 private:
  Json attributes_;
  Values arrays_;
};

// The gates of x, of shape (gates × hidden, ...), in another order.
V reordered(const V& x, const Indices& order) {
  const std::size_t gates = order.size();
  return reshape(take(reshape(x, {gates, x.size() / gates}), order), x.shape());
}

// The operator as a layer, whose gates are those of ONNX in this order.
template <class Layer>
Values run(const Case& c, const Indices& order, const decltype(typename Layer::Options().cell)& cell) {
  constexpr bool has_cell_state = std::tuple_size_v<typename Layer::State> == 2;
  const V x = c.batch_first() ? transpose(c.input("X"), {1, 0, 2}) : c.input("X");
  require(x.shape().size() == 3, c.op, "X has shape ", x.shape(), "; it must have three axes");
  const std::size_t time = x.shape()[0], batch = x.shape()[1], hidden = c.attribute("hidden_size", std::size_t{0});
  const std::size_t directions = c.directions();
  Random random(1);
  const Layer layer(
      {.input = x.shape()[2], .hidden = hidden, .bidirectional = directions == 2, .bias = c.has("B"), .cell = cell},
      random);
  Values weights;
  for (std::size_t direction = 0; direction < directions; ++direction) {
    const std::string suffix = direction ? "_l0_reverse" : "_l0";
    const auto part = [&](const char* name) { return unstack(c.of_directions(name)).at(direction); };
    weights["weight_ih" + suffix] = reordered(part("W"), order);
    weights["weight_hh" + suffix] = reordered(part("R"), order);
    if (c.has("B")) {
      const auto [b, d] = split<2>(part("B"));
      weights["bias_ih" + suffix] = reordered(b, order);
      weights["bias_hh" + suffix] = reordered(d, order);
    }
    if (c.has("P")) {
      const auto [p_i, p_o, p_f] = split<3>(part("P"));
      weights["peephole_i" + suffix] = p_i;
      weights["peephole_f" + suffix] = p_f;
      weights["peephole_o" + suffix] = p_o;
    }
  }
  for (auto [name, parameter] : layer.named_parameters()) {
    require(weights.contains(name), c.op, "there is no input for ", name);
    parameter.assign(weights.extract(name).mapped().value());
  }
  require(weights.empty(), c.op, "there is no parameter ", weights.empty() ? "" : weights.begin()->first);

  std::optional<Indices> lengths;
  if (c.has("sequence_lens")) lengths = xt::cast<std::int64_t>(c.input("sequence_lens").value());
  std::optional<typename Layer::State> initial;
  if (c.has("initial_h") || c.has("initial_c")) {
    const auto start = [&](const char* name) {
      return c.has(name) ? c.of_directions(name, true) : zeros<double>({directions, batch, hidden});
    };
    initial.emplace()[0] = start("initial_h");
    if constexpr (has_cell_state) (*initial)[1] = start("initial_c");
  }
  const auto [output, state] = layer(x, lengths, initial);

  Values y{{"Y", transpose(reshape(output, {time, batch, directions, hidden}), {0, 2, 1, 3})}, {"Y_h", state[0]}};
  if constexpr (has_cell_state) y["Y_c"] = state[1];
  for (auto& [name, value] : y) {
    const int axis = name == "Y";
    if (c.reverse()) value = slice(value, axis, 1, 2);
    if (c.batch_first()) value = name == "Y" ? transpose(value, {2, 0, 1, 3}) : transpose(value, {1, 0, 2});
  }
  return y;
}

Values run(const Case& c) {
  using Activations = std::vector<std::string>;
  const Activations once = c.op == "RNN"   ? Activations{"Tanh"}
                           : c.op == "GRU" ? Activations{"Sigmoid", "Tanh"}
                                           : Activations{"Sigmoid", "Tanh", "Tanh"};
  const Activations given = c.attribute("activations", Activations{});
  const auto are = [&](const Activations& one) {
    Activations all = one;
    if (c.both()) all.insert(all.end(), one.begin(), one.end());
    return given == all;
  };
  const bool relu = c.op == "RNN" && are({"Relu"});
  require(given.empty() || relu || are(once), c.op, "activations ", Json(given).dump(), "; the library has ",
          Json(once).dump());
  if (c.op == "RNN") return run<nn::RNN<double>>(c, {0}, {relu ? nn::Nonlinearity::relu : nn::Nonlinearity::tanh});
  if (c.op == "GRU") {
    const bool after = c.attribute("linear_before_reset", 0) != 0;
    return run<nn::GRU<double>>(c, {1, 0, 2}, {after ? nn::Reset::after : nn::Reset::before});
  }
  require(c.op == "LSTM", c.op, "there is no such operator; RNN, LSTM or GRU");
  const Indices order{0, 2, 3, 1};
  return run<nn::LSTM<double>>(c, order, {.peepholes = c.has("P")});
}

// What a case does not give as expected, one line each.
std::vector<std::string> failures(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  try {
    std::ifstream json(path.string() + ".json");
    require(bool(json), "json", "there is none");
    const Case c(Json::parse(json), read_npz(path.string() + ".npz"));
    const Values found = run(c);
    for (const auto& [name, expected] : c.outputs) {
      if (!found.contains(name)) {
        lines.push_back(name + ": the library makes no such output");
        continue;
      }
      const std::string what = disagreement(found.at(name).value(), expected.value(), {1e-6, 1e-5});
      if (!what.empty()) lines.push_back(name + what);
    }
  } catch (const std::exception& error) {
    lines.push_back(error.what());
  }
  return lines;
}

}  // namespace

int main(int count, char** arguments) {
  std::set<std::filesystem::path> cases;
  std::error_code unreadable;
  if (count == 2)
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1], unreadable)) {
      const std::filesystem::path& path = entry.path();
      if (path.extension() == ".npz" || (path.extension() == ".json" && path.stem() != "index"))
        cases.insert(path.parent_path() / path.stem());
    }
  if (cases.empty()) {
    std::cerr << "onnx_runner: " << (count == 2 ? arguments[1] : "no directory")
              << "; give a directory with *.npz and *.json files\n";
    return 2;
  }
  std::size_t failed = 0;
  for (const std::filesystem::path& path : cases) {
    const std::vector<std::string> lines = failures(path);
    for (const std::string& line : lines) std::cout << path.stem().string() << ": " << line << '\n';
    failed += !lines.empty();
  }
  std::cout << cases.size() - failed << " passed, " << failed << " failed\n";
  return failed ? 1 : 0;
}

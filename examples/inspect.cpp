// inspect: what the units of a character model do: a page with a text in their colours, gates and predictions
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <inspect_page.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/nn.hpp>

#include "inspect/digits.hpp"
#include "support/language_model.hpp"
#include "support/text.hpp"
#include "support/toy_corpus.hpp"

using namespace unroll;
using namespace unroll::examples;
using Json = nlohmann::json;

struct Options {
  TrainingOptions training{.epochs = 15, .batch = 32, .learning_rate = 5e-3};
  LanguageModelOptions model{.network = {.hidden = 64, .layers = 2}};
  std::string text, output = "inspect.html";
  std::size_t characters = 3000;
};

using Text = std::vector<std::string>;  // its characters

Text beginning(const Text& text, std::size_t most) {
  return {text.begin(), text.begin() + std::ptrdiff_t(std::min(text.size(), most))};
}

/// What the units of a layer were over time, one unit after the other, as parts of the largest of each, or of 1 for a
/// gate. values: (time, units)
Json state_of(const Array<float>& values, bool gate) {
  const std::size_t length = values.shape()[0], units = values.shape()[1];
  std::vector<double> largest(units, gate ? 1 : 1e-6);
  std::string digits;
  for (std::size_t unit = 0; unit < units; ++unit) {
    for (std::size_t t = 0; t < length; ++t) largest[unit] = std::max(largest[unit], std::abs(double(values(t, unit))));
    for (std::size_t t = 0; t < length; ++t) digits += two_digits(double(values(t, unit)) / largest[unit]);
  }
  return {{"largest", largest}, {"values", digits}};
}

/// What a model expects, of probabilities (characters,): the most likely ones as id, ‰, id, ‰, ...
Json likely(const Array<float>& probabilities) {
  constexpr std::size_t shown = 8;
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto middle = order.begin() + std::ptrdiff_t(std::min(shown, order.size()));
  std::partial_sort(order.begin(), middle, order.end(),
                    [&](std::size_t a, std::size_t b) { return probabilities(a) > probabilities(b); });
  Json result = Json::array();
  for (auto id = order.begin(); id != middle; ++id) {
    result.push_back(*id);
    result.push_back(std::round(1e4 * double(probabilities(*id))) / 10);
  }
  return result;
}

/// Reads a text on a tape, and takes from its trace what the cells of each layer named: the data of the page.
Json inspect(const LanguageModel& model, const Indices& tokens) {
  Json data{{"cell", model.network.options().cell}, {"ids", std::vector(tokens.begin(), tokens.end())}};
  Tape<float> tape;
  const Trace<float> trace;
  const std::vector<Variable<float>> steps = unstack(softmax(model(tokens, {}).output));
  for (std::size_t t = 0; t < steps.size(); ++t) {
    const Array<float> probabilities = reshape(steps[t], {-1}).value();
    data["likely"].push_back(likely(probabilities));
    data["came"].push_back(t + 1 < steps.size() ? 1e3 * double(probabilities(tokens.flat(t + 1))) : 0);
  }
  for (std::size_t k = 0; k < model.network.options().layers; ++k) {
    Json layer;
    for (const char* name : {"h", "c", "f", "i", "o", "g", "r", "z", "n"}) {
      std::vector<Variable<float>> values;  // recurrent/l0/step 0, recurrent/l0/step 1, ...
      for (const auto& entry : trace.find("recurrent/l" + std::to_string(k), name)) values.push_back(entry.value);
      const bool gate = std::string_view("fiorz").find(name) != std::string_view::npos;
      if (!values.empty()) layer[name] = state_of(concatenate(values).value(), gate);
    }
    data["layers"].push_back(layer);
  }
  return data;
}

/// Writes a page that needs nothing else: inspect/page.html with its data.
void write_page(std::ostream& out, const Json& data) {
  constexpr std::string_view place = "id=\"data\">";
  const std::size_t at = inspect_page.find(place) + place.size();
  out << inspect_page.substr(0, at);
  for (const char c : data.dump())
    if (c == '<')
      out << "\\u003c";  // which could begin the end of the script
    else
      out << c;
  out << inspect_page.substr(at);
}

void run(CommandLine& line, const Options& o) {
  const TrainingOptions& t = o.training;
  const nn::Metadata saved = read_options(line, t, "language_model");
  require(!saved.contains("unit") || saved.at("unit") == o.model.unit, t.load,
          "it is a model of words; it must be one ", "of characters");
  require_writable(o.output);
  Random grammar(1), random(t.seed);
  const std::string toy = toy_text(1500, grammar);
  const Text text = o.text.empty() ? pieces(toy_text(80, grammar), false, "text") : read_pieces(o.text, o.model);
  // What is shown was held out: the last tenth of a text, as language_model has it, or other sentences of the toy
  // language.
  const std::size_t cut = o.text.empty() ? 0 : text.size() * 9 / 10;
  const Text known = o.text.empty() ? pieces(toy, false, "text") : beginning(text, cut),
             shown = beginning({text.begin() + std::ptrdiff_t(cut), text.end()}, o.characters),
             learned = beginning(known, 50000);
  const nn::Vocabulary vocabulary =
      saved.contains("vocabulary") ? stored_vocabulary(saved.at("vocabulary"), false) : frequent_pieces(known, 1);
  LanguageModel model(o.model, vocabulary.size(), random);
  if (!t.load.empty()) nn::load_safetensors(t.load, model);
  if (trains(line) && !train(line, t, o.model, model, description_of(line, o.model, vocabulary), random,
                             encoded(learned, vocabulary, o.text), {}))
    return;

  Json data = inspect(model, nn::pad({ids_of(shown, vocabulary)}, {0}, 0));
  data["text"] = std::accumulate(shown.begin(), shown.end(), std::string());
  data["vocabulary"] = vocabulary.words();
  nn::write_atomically(o.output, [&](std::ostream& out) { write_page(out, data); });
  std::cout << formatted("%zu characters of text, %.1f MB: open %s in a browser", shown.size(),
                         double(std::filesystem::file_size(o.output)) / 1e6,
                         std::filesystem::absolute(o.output).lexically_normal().c_str())
            << std::endl;
}

int main(int argc, char** argv) {
  CommandLine line("inspect",
                   "Writes a page that shows what the units of a character model do while it reads a text. Without "
                   "--load it first learns a small model of the text, or of a toy language.");
  Options o;
  line.add_file("--text", o.text, "whose last tenth is read; sentences of the toy language if not given");
  line.add_file("--output", o.output, "the page");
  line.add("--characters", o.characters, "of the text to be shown at most", positive);
  add_language_model_options(line, o.model);
  line.remove("--unit");
  add_training_options(line, o.training);
  return line.run(argc, argv, [&] { run(line, o); });
}

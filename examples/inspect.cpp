// inspect: what the units of a character model do: a page with a text in their colours, gates and predictions
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <unroll/nn/files/atomic_file.hpp>
#include <unroll/nn/nn.hpp>

#include "support/format.hpp"
#include "support/inspect_page.hpp"
#include "support/language_model.hpp"
#include "support/program.hpp"
#include "support/training.hpp"

using namespace unroll;

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

/// The share of the time in which each unit of a gate, of shape (time, units), is below 0.1, and above 0.9: Karpathy,
/// Johnson and Fei-Fei (2016), figure 3.
Inspection::Gate saturation(const std::string& name, const Array<float>& gate) {
  const Array<double> left = xt::mean(xt::cast<double>(gate < 0.1f), {0}),
                      right = xt::mean(xt::cast<double>(gate > 0.9f), {0});
  return {name, {left.begin(), left.end()}, {right.begin(), right.end()}};
}

/// Reads a text on a tape, and takes from its trace what the cells of each layer named.
Inspection inspect(const LanguageModel& model, const Indices& tokens) {
  Inspection result;
  Tape<float> tape;
  const Trace<float> trace;
  result.probabilities = softmax(model(tokens, {}).output).value();
  for (std::size_t k = 0; k < model.options.layers; ++k) {
    const auto over_time = [&](const char* name, const auto& keep) {
      std::vector<Variable<float>> steps;  // recurrent/l0/step 0, recurrent/l0/step 1, ...
      for (const auto& entry : trace.find("recurrent/l" + std::to_string(k), name)) steps.push_back(entry.value);
      if (!steps.empty()) keep(concatenate(steps).value());
    };
    Inspection::Layer& layer = result.layers.emplace_back();
    for (const char* name : {"h", "c"})
      over_time(name, [&](const Array<float>& values) { layer.states.push_back({name, values}); });
    for (const char* name : {"i", "f", "o", "r", "z"})
      over_time(name, [&](const Array<float>& values) { layer.gates.push_back(saturation(name, values)); });
  }
  return result;
}

void run(CLI::App& app, const Options& o) {
  const TrainingOptions& t = o.training;
  const nn::Metadata saved = read_options(app, t, "language_model");
  require(!saved.contains("unit") || saved.at("unit") == o.model.unit, t.load,
          "it is a model of words; it must be one ", "of characters");
  require_writable(o.output, {t.load, o.text});
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
      saved.contains("vocabulary") ? vocabulary_of(saved.at("vocabulary"), false) : vocabulary_of(known, 1);
  LanguageModel model(o.model, vocabulary.size(), random);
  if (!t.load.empty()) nn::load_safetensors(t.load, model);
  if (trains(app) && !train(app, t, o.model, model, description_of(app, o.model, vocabulary), random,
                            encoded(learned, vocabulary, o.text), {}))
    return;

  Indices tokens = Indices::from_shape({shown.size(), 1});
  std::ranges::transform(shown, tokens.begin(), [&](const std::string& character) { return vocabulary[character]; });
  Inspection inspection = inspect(model, tokens);
  inspection.text = shown;
  inspection.ids = {tokens.begin(), tokens.end()};
  inspection.vocabulary = vocabulary.words();
  inspection.cell = o.model.network.cell;
  nn::write_atomically(o.output, [&](std::ostream& out) { write_page(out, inspection); });
  std::cout << formatted("%zu characters of text, %.1f MB: open %s in a browser", shown.size(),
                         double(std::filesystem::file_size(o.output)) / 1e6,
                         std::filesystem::absolute(o.output).lexically_normal().c_str())
            << std::endl;
}

int main(int argc, char** argv) {
  CLI::App app(
      "Writes a page that shows what the units of a character model do while it reads a text. Without --load it first "
      "learns a small model of the text, or of a toy language.",
      "inspect");
  Options o;
  add_file(app, "--text", o.text, "whose last tenth is read; sentences of the toy language if not given");
  add_file(app, "--output", o.output, "the page")->capture_default_str();
  app.add_option("--characters", o.characters, "of the text to be shown at most")
      ->capture_default_str()
      ->check(positive);
  add_language_model_options(app, o.model);
  app.remove_option(app.get_option("--unit"));
  add_training_options(app, o.training);
  return run_program(app, argc, argv, [&] { run(app, o); });
}

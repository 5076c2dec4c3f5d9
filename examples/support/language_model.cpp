#include "language_model.hpp"

#include <algorithm>
#include <memory>
#include <numeric>

#include "text.hpp"

namespace unroll::examples {

namespace {

/// The states of a model after each share of a window's columns: they are carried into the next window.
struct Carried {
  std::vector<std::vector<Array<float>>> states;
  std::vector<std::size_t> begins;  // of the shares, in columns

  Carried(const LanguageModel& model, std::size_t columns, std::size_t shares) {
    shares = std::min(shares, columns);
    for (std::size_t k = 0; k <= shares; ++k) begins.push_back(columns * k / shares);
    const auto& o = model.network.options();
    for (std::size_t k = 0; k < shares; ++k)
      states.emplace_back(model.network.states(),
                          zeros<float>({o.layers, begins[k + 1] - begins[k], o.hidden}).value());
  }
  void reset() {
    for (auto& state : states)
      for (Array<float>& array : state) array.fill(0);
  }
  /// The loss of a share of a window, added up; its state goes on.
  Variable<float> loss(const LanguageModel& model, const nn::Windows& text, std::size_t window, std::size_t share) {
    auto& state = states[share];
    const std::size_t first = begins[share], last = begins[share + 1];
    const auto [scores, next] =
        model(text.tokens(window, first, last), LanguageModel::Network::State(state.begin(), state.end()));
    for (std::size_t k = 0; k < state.size(); ++k) state[k] = next[k].value();
    return nn::cross_entropy_total(scores, text.labels(window, first, last)).sum;
  }
};

}  // namespace

void add_language_model_options(CommandLine& line, LanguageModelOptions& o) {
  line.group(model_group);
  line.add("--unit", o.unit, "what is predicted", one_of({"character", "word"}));
  add_network_options(line, o.network);
  line.group(model_group);
  line.add("--tied", o.tied, "the embedding matrix is the output matrix, too");
  line.group(evaluation_group);
  line.add("--steps", o.steps, "of truncated backpropagation through time", positive);
  line.group(training_group);
  line.add("--variational", o.network.variational_dropout, "what drops out is the same at all steps of a window");
  line.add("--optimizer", o.optimizer, "adam or sgd", one_of({"adam", "sgd"}));
  line.add("--schedule", o.schedule, "of the learning rate", one_of({"cosine", "halve", "constant"}));
  line.add("--hold", o.hold, "epochs with the first rate; --schedule halve halves it with each later one", positive);
}

LanguageModel::LanguageModel(const LanguageModelOptions& o, std::size_t count, Random& random)
    : embedding({.count = count, .size = completed(o.network).input}, random),
      network(completed(o.network), random),
      scores(o.tied ? nn::Linear<float>(embedding.weight, Parameter<float>(zeros<float>({count}).value()))
                    : nn::Linear<float>({.input = o.network.hidden, .output = count}, random)) {
  const auto [input, hidden] = std::pair(network.options().input, network.options().hidden);
  require(!o.tied || input == hidden, "--tied", "an embedding of ", input, " and ", hidden,
          " units; they must be equal");
  add("embedding", embedding);
  add("network", network);
  add("scores", scores);
}

auto LanguageModel::operator()(const Indices& tokens, const std::optional<Network::State>& state) const
    -> Network::Result {
  const nn::AnyRecurrentOptions& o = network.options();
  const nn::Dropout<float> dropped({.rate = o.dropout, .same_for_all_steps = o.variational_dropout});
  const auto [h, next] = network(dropped(embedding(tokens)), {}, state);
  return {scores(dropped(h)), next};
}

std::vector<std::string> read_pieces(const std::string& path, const LanguageModelOptions& o) {
  return path.empty() ? std::vector<std::string>() : pieces(read_text(path), o.words(), path);
}

std::vector<std::int64_t> encoded(const std::vector<std::string>& pieces, const nn::Vocabulary& vocabulary,
                                  const std::string& name) {
  require(pieces.size() != 1, name, "a text of one piece; there must be two to predict one");
  return ids_of(pieces, vocabulary);
}

nn::Metadata description_of(const CommandLine& line, const LanguageModelOptions& o, const nn::Vocabulary& vocabulary) {
  nn::Metadata description = model_options(line);
  description["program"] = "language_model";
  description["unit"] = o.unit;
  description["vocabulary"] = stored(vocabulary, o.words());
  return description;
}

bool train(const CommandLine& line, const TrainingOptions& t, const LanguageModelOptions& o, LanguageModel& model,
           const nn::Metadata& description, Random& random, const std::vector<std::int64_t>& text,
           const std::vector<std::int64_t>& held_out, std::ostream& out) {
  const nn::Windows windows(text, {.columns = t.batch, .steps = o.steps});
  Carried carried(model, windows.columns(), t.shares);
  std::unique_ptr<nn::Optimizer<float>> optimizer;
  if (o.optimizer == "adam")
    optimizer = std::make_unique<nn::Adam<float>>(model.parameters());
  else
    optimizer = std::make_unique<nn::SGD<float>>(model.parameters());
  Training training(
      line, t, model, *optimizer, random,
      {.description = description,
       .data = Fingerprint(text, held_out).text(),
       .unit = o.unit + "s",
       .columns = held_out.empty() ? std::vector<std::string>() : std::vector<std::string>{"held-out loss"},
       .out = out});
  training.carry(carried.states);

  const double rate = t.learning_rate;
  const std::size_t steps = t.epochs * windows.size();
  const nn::CosineSchedule cosine({.start = rate, .steps = steps + 1, .warm_up = steps / 50, .least = rate / 100});
  const nn::StepSchedule halving({.start = rate, .from = o.hold - 1});
  const auto step = [&](const Training::Batch& batch) {
    const std::size_t window = batch[0];
    if (window == 0) carried.reset();
    if (o.schedule == "cosine") optimizer->learning_rate = cosine(training.epoch() * windows.size() + window);
    if (o.schedule == "halve") optimizer->learning_rate = halving(training.epoch());
    if (o.schedule == "constant") optimizer->learning_rate = rate;
    return training.descend(double(windows.count(window)), carried.states.size(),
                            [&](std::size_t share) { return carried.loss(model, windows, window, share); });
  };
  const auto measure = [&] {
    return held_out.empty() ? std::vector<double>() : std::vector{evaluate(model, t, o, held_out)};
  };
  return training.run(windows.size(), step, measure);
}

double evaluate(const LanguageModel& model, const TrainingOptions& t, const LanguageModelOptions& o,
                const std::vector<std::int64_t>& text) {
  const nn::Windows windows(text, {.columns = t.batch, .steps = o.steps});
  Carried carried(model, windows.columns(), t.shares);
  std::vector<double> sums(carried.states.size());
  in_parallel(sums.size(), t.threads, [&](std::size_t share) {
    for (std::size_t window = 0; window < windows.size(); ++window)
      sums[share] += double(carried.loss(model, windows, window, share).item());
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0) / double(text.size() - 1);
}

}  // namespace unroll::examples

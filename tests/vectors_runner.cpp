// Holds the library against figures from elsewhere: vectors_runner DIR runs every *.safetensors file in DIR. A file is
// a case, with inputs in.*, weights w.*, weights of the loss lw.* (the loss is the sum of lw.k out.k), what must come
// out, out.*, and the derivatives of the loss: grad.*, and hvp.*, its Hessian times the direction v.*. With a
// manifest.json, which says of each file whether it must be accepted, only that is held against it.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>
#include <unroll/nn/nn.hpp>

#include "disagreement.hpp"
#include "vector_operations.hpp"

using namespace unroll;
using namespace unroll::vectors;

namespace {

constexpr const char* missing_operation = "no such operation yet";

// What the library makes of a tensor of the file, and by which way.
struct Figure {
  std::string tensor;
  Array<double> value;
  std::string way = {};
};
using Figures = std::vector<Figure>;

Values run_operation(const Case& c, const Values& inputs) {
  auto found = operations.find(c.text("name", ""));
  if (found == operations.end()) found = operations.find(c.text("op"));
  require(found != operations.end(), c.text("op"), missing_operation);
  return {{"y", found->second({c, inputs})}};
}

// The label that does not count; one that there cannot be for none.
std::int64_t ignored_label(const Case& c) {
  const std::string label = c.text("ignore_index", std::to_string(nn::ignored));
  return label == "None" ? std::numeric_limits<std::int64_t>::min() : std::stoll(label);
}

Values run_loss(const Case& c, const Values& inputs) {
  static const std::map<std::string, nn::Reduction> reductions{
      {"mean", nn::Reduction::mean}, {"sum", nn::Reduction::sum}, {"none", nn::Reduction::none}};
  require(c.text("op").ends_with("cross_entropy"), c.text("op"), "no such loss yet");
  require(reductions.contains(c.text("reduction")), c.text("reduction"), "no such reduction yet");
  nn::CrossEntropyOptions<double> options{.ignore = ignored_label(c),
                                          .smoothing = std::stod(c.text("label_smoothing", "0")),
                                          .reduction = reductions.at(c.text("reduction"))};
  if (c.has("in.class_weight")) options.weights = c.array("in.class_weight");
  V logits;
  if (c.has("in.ids"))
    logits = linear(take(at(inputs, "table"), c.indices("in.ids")), at(inputs, "weight"), at(inputs, "bias"));
  else
    logits = at(inputs, "logits");
  return {{"logits", logits}, {"y", nn::cross_entropy(logits, c.indices("in.target"), options)}};
}

// A recurrent layer with the weights of the case, whose parameters take the places of its inputs.
template <class Layer>
Values run_recurrent(const Case& c, Values& inputs, const decltype(typename Layer::Options().cell)& cell) {
  Random random(1);
  const Layer layer({.input = c.number("I"),
                     .hidden = c.number("H"),
                     .layers = c.number("layers"),
                     .bidirectional = c.flag("bidirectional"),
                     .bias = c.flag("bias"),
                     .cell = cell},
                    random);
  for (auto [name, parameter] : layer.named_parameters()) {
    parameter.assign(c.array("w." + name));
    inputs[name] = parameter;
  }
  std::optional<typename Layer::State> initial;
  if (c.flag("initial_state")) {
    initial.emplace()[0] = at(inputs, "h0");
    if constexpr (std::tuple_size_v<typename Layer::State> == 2) (*initial)[1] = at(inputs, "c0");
  }
  std::optional<Indices> lengths;
  if (c.flag("varlen")) lengths = c.indices("in.lengths");
  const auto [output, state] = layer(at(inputs, "x"), lengths, initial);
  Values values{{"y", output}, {"h_n", state[0]}};
  if constexpr (std::tuple_size_v<typename Layer::State> == 2) values["c_n"] = state[1];
  return values;
}

Values run_rnn(const Case& c, Values& inputs) {
  const std::string& kind = c.text("kind");
  if (kind == "rnn_tanh") return run_recurrent<nn::RNN<double>>(c, inputs, {nn::Nonlinearity::tanh});
  if (kind == "rnn_relu") return run_recurrent<nn::RNN<double>>(c, inputs, {nn::Nonlinearity::relu});
  if (kind == "lstm") return run_recurrent<nn::LSTM<double>>(c, inputs, {});
  if (kind == "gru") return run_recurrent<nn::GRU<double>>(c, inputs, {nn::Reset::after});
  fail(kind, "no such layer yet");
}

// The outputs of a case and the derivatives of its loss by whatever there is a gradient of, by both sweeps.
Figures differentiate(const Case& c, const std::function<Values(const Case&, Values&)>& run) {
  Tape<double> tape;
  Values inputs;
  std::vector<std::string> names;
  for (const auto& [tensor, values] : c.tensors()) {
    if (!tensor.starts_with("in.") && !tensor.starts_with("w.")) continue;
    const std::string name = tensor.substr(tensor.find('.') + 1);
    inputs[name] = c.array(tensor);
    if (!c.has("grad." + name)) continue;
    inputs[name] = tape.watch(inputs[name]);
    names.push_back(name);
  }
  const Values outputs = run(c, inputs);

  Figures figures;
  V loss = 0;
  bool weighted = false;
  for (const auto& [name, output] : outputs) {
    figures.push_back({"out." + name, output.value()});
    if (!c.has("lw." + name)) continue;
    loss = loss + sum(c.array("lw." + name) * output);
    weighted = true;
  }
  if (!weighted) loss = sum(outputs.at("y"));
  figures.push_back({"out.loss", loss.value()});

  std::vector<V> xs;
  for (const std::string& name : names) tape.index_of(xs.emplace_back(inputs.at(name)));
  const std::vector<V> gradient = tape.gradient(loss, xs);
  for (std::size_t k = 0; k < xs.size(); ++k)
    figures.push_back({"grad." + names[k], gradient[k].value(), " by tape.gradient"});
  if (c.has_any("hvp.")) {
    V along = 0;
    for (std::size_t k = 0; k < xs.size(); ++k) along = along + sum(gradient[k] * c.array("v." + names[k]));
    // The gradient of what is linear in the inputs is a constant to the tape.
    std::vector<V> products;
    if (tape.index_of(along) != Node<double>::constant) products = tape.gradient(along, xs);
    for (std::size_t k = 0; k < xs.size(); ++k)
      figures.push_back({"hvp." + names[k], (products.empty() ? zeros<double>(xs[k].shape()) : products[k]).value()});
  }
  const Gradients<double> gradients = tape.backward(loss);
  for (std::size_t k = 0; k < xs.size(); ++k)
    figures.push_back({"grad." + names[k], gradients[xs[k]], " by tape.backward"});
  return figures;
}

// The gradients of parameters that are given.
Gradients<double> given(const std::vector<std::pair<Parameter<double>, V>>& gradients) {
  Tape<double> tape;
  V loss = 0;
  for (const auto& [parameter, gradient] : gradients) loss = loss + sum(parameter * gradient);
  return tape.backward(loss);
}

Figures clip(const Case& c) {
  const Parameter<double> a(c.array("in.ga")), b(c.array("in.gb"));
  Gradients<double> gradients = given({{a, c.array("in.ga")}, {b, c.array("in.gb")}});
  const double norm = nn::clip_norm(gradients, std::stod(c.text("max_norm")));
  return {{"out.norm", V(norm).value()}, {"out.ga", gradients[a]}, {"out.gb", gradients[b]}};
}

std::unique_ptr<nn::Optimizer<double>> optimizer(const std::string& name, const Json& options,
                                                 const std::vector<Parameter<double>>& parameters) {
  const double rate = options.at("lr"), decay = options.at("weight_decay"), epsilon = options.value("eps", 0.0);
  const double momentum = options.value("momentum", 0.0);
  if (name.starts_with("sgd") || name == "momentum" || name == "nesterov")
    return std::make_unique<nn::SGD<double>>(parameters, nn::SGDOptions{.learning_rate = rate,
                                                                        .momentum = momentum,
                                                                        .weight_decay = decay,
                                                                        .nesterov = options.value("nesterov", false)});
  if (name.starts_with("rmsprop"))
    return std::make_unique<nn::RMSprop<double>>(parameters,
                                                 nn::RMSpropOptions{.learning_rate = rate,
                                                                    .alpha = options.at("alpha"),
                                                                    .epsilon = epsilon,
                                                                    .momentum = momentum,
                                                                    .weight_decay = decay,
                                                                    .centred = options.value("centered", false)});
  if (name.starts_with("adagrad"))
    return std::make_unique<nn::Adagrad<double>>(
        parameters, nn::AdagradOptions{.learning_rate = rate,
                                       .learning_rate_decay = options.value("lr_decay", 0.0),
                                       .epsilon = epsilon,
                                       .weight_decay = decay,
                                       .initial = options.value("initial_accumulator_value", 0.0)});
  if (name.starts_with("adadelta"))
    return std::make_unique<nn::Adadelta<double>>(
        parameters, nn::AdadeltaOptions{
                        .learning_rate = rate, .rho = options.at("rho"), .epsilon = epsilon, .weight_decay = decay});
  require(name.starts_with("adam"), name, "no such optimizer yet");
  const nn::AdamOptions adam{.learning_rate = rate,
                             .beta1 = options.at("betas")[0],
                             .beta2 = options.at("betas")[1],
                             .epsilon = epsilon,
                             .weight_decay = decay,
                             .amsgrad = options.value("amsgrad", false)};
  if (name.starts_with("adamw")) return std::make_unique<nn::AdamW<double>>(parameters, adam);
  return std::make_unique<nn::Adam<double>>(parameters, adam);
}

Figures optimize(const Case& c) {
  const std::string& name = c.text("op");
  if (name == "clip_grad_norm") return clip(c);
  const Json options = Json::parse(c.text("defaults"));
  require(!options.value("maximize", false) && options.value("dampening", 0.0) == 0, name, "no such options yet");
  const Parameter<double> p(c.array("in.p0"), "p"), q(c.array("in.q0"), "q");
  const auto made = optimizer(name, options, {p, q});
  std::vector<V> ps, qs;
  const std::vector<V> gp = unstack(V(c.array("in.gp"))), gq = unstack(V(c.array("in.gq")));
  for (std::size_t t = 0; t < gp.size(); ++t) {
    made->step(given({{p, gp[t]}, {q, gq[t]}}));
    ps.push_back(detach<double>(p));
    qs.push_back(detach<double>(q));
  }
  return {{"out.p", stack(ps).value()}, {"out.q", stack(qs).value()}};
}

using Run = std::function<Figures(const Case&)>;
const std::map<std::string, Run> runs{
    {"rnn", [](const Case& c) { return differentiate(c, run_rnn); }},
    {"op", [](const Case& c) { return differentiate(c, run_operation); }},
    {"loss", [](const Case& c) { return differentiate(c, run_loss); }},
    {"optim", optimize},
};

// The worst entry of a figure beside what is expected; empty if all are near enough.
std::string disagreement(const Figure& figure, const Array<double>& expected) {
  const double tolerance = figure.tensor.starts_with("hvp.") ? 1e-10 : 1e-11;
  const std::string what = unroll::disagreement(figure.value, expected, {tolerance, tolerance});
  return what.empty() ? what : figure.tensor + what + figure.way;
}

// Why a figure may differ from PyTorch's, where it is what the library documents instead; empty if it may not.
std::string convention(const Case& c, const Figure& figure) {
  const std::string op = c.text("op", "");
  if (op.ends_with("cross_entropy") && c.text("reduction") == "mean" && figure.tensor != "out.logits") {
    const Indices labels = c.indices("in.target");
    const auto ignored = std::count(labels.begin(), labels.end(), ignored_label(c));
    const auto zeros = std::count(figure.value.begin(), figure.value.end(), 0.0);
    if (ignored == std::ssize(labels) && zeros == std::ssize(figure.value)) return "everything is ignored";
  }
  if (op == "max_dim" && figure.tensor == "grad.x") {
    const Arguments in{c, {{"x", c.array("in.x")}}};
    const V ties = equal(in.x, max(in.x, in.axes(), true));
    const V shared = ties / sum(ties, in.axes(), true) * sum(V(c.array("grad.x")), in.axes(), true);
    if (disagreement(figure, shared.value()).empty()) return "equal maxima share the gradient";
  }
  return "";
}

// Compares every tensor of a case that holds a result; prints and counts what is not as expected.
struct Check {
  const std::string name;
  std::size_t compared = 0, failures = 0, differences = 0;

  void failure(const std::string& what) {
    std::cout << name << ": " << what << '\n';
    ++failures;
  }
  void difference(const std::string& what, const std::string& why) {
    std::cout << "difference: " << name << ": " << what << " (" << why << ")\n";
    ++differences;
  }

  void compare(const Case& c, const Figures& figures) {
    for (const auto& [tensor, values] : c.tensors()) {
      const std::size_t dot = tensor.find('.');
      const std::string kind = tensor.substr(0, dot);
      if (kind == "lw" && !c.has("out" + tensor.substr(dot))) failure(tensor + ": there is no output of that name");
      if (kind == "in" || kind == "w" || kind == "lw" || kind == "v") continue;
      const std::size_t before = compared;
      for (const Figure& figure : figures) {
        if (figure.tensor != tensor) continue;
        ++compared;
        const std::string what = disagreement(figure, c.array(tensor));
        if (what.empty()) continue;
        const std::string why = convention(c, figure);
        why.empty() ? failure(what) : difference(what, why);
      }
      if (compared == before) failure(tensor + ": the library makes no such figure");
    }
    if (!compared) failure("there is nothing to compare");
  }

  // A file that must be accepted, or refused.
  void judge(const std::string& path, bool accepted) {
    try {
      nn::read_safetensors(path);
      if (!accepted) failure("accepted, expected a refusal");
    } catch (const Error& error) {
      if (accepted) failure(std::string("refused: ") + error.what());
    }
  }

  void run(const Case& c) {
    const auto kind = runs.find(c.text("case"));
    if (kind == runs.end()) return failure("there is no such kind of case: " + c.text("case"));
    try {
      compare(c, kind->second(c));
    } catch (const Error& error) {
      const std::string text = error.what();
      if (c.text("op", "") != "mean" || !text.starts_with("mean: ") || !std::isnan(c.array("out.loss").flat(0))) throw;
      difference("out.y: '" + text + "', expected nan", "the mean of nothing is an error");
    }
  }
};

}  // namespace

int main(int count, char** arguments) {
  namespace fs = std::filesystem;
  std::vector<fs::path> paths;
  std::error_code unreadable;
  if (count == 2)
    for (const auto& entry : fs::directory_iterator(arguments[1], unreadable))
      if (entry.path().extension() == ".safetensors") paths.push_back(entry.path());
  if (paths.empty()) {
    std::cerr << "vectors_runner: " << (count == 2 ? arguments[1] : "no directory")
              << "; give a directory with *.safetensors files\n";
    return 2;
  }
  std::sort(paths.begin(), paths.end());
  Json verdicts;
  if (std::ifstream manifest(fs::path(arguments[1]) / "manifest.json"); manifest) verdicts = Json::parse(manifest);
  std::size_t failed = 0, differences = 0;
  for (const fs::path& path : paths) {
    Check check{path.stem().string()};
    try {
      if (verdicts.is_null())
        check.run(Case(path.string()));
      else
        check.judge(path.string(), verdicts.at("cases").at(check.name).at("strict") == "accept");
    } catch (const std::exception& error) {
      check.failure(error.what());
    }
    failed += check.failures > 0;
    differences += check.differences;
  }
  if (differences) std::cout << differences << " documented differences\n";
  std::cout << paths.size() - failed << " passed, " << failed << " failed\n";
  return failed ? 1 : 0;
}

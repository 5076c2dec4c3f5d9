// What can be seen of a tape: anomalies, profiles, traces, drawings.
#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <sstream>
#include <thread>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
}  // namespace

TEST_CASE("anomaly mode names the first operation whose result is not finite, and leaves the tape as it was") {
  Tape<double> tape;
  const V x = tape.watch(A{{1, 2, 3}, {4, -5, 6}}), row = tape.watch(A{1, 2, 3});
  const auto lost = [&] {
    const Scope outer("tagger"), inner("lstm");
    return log(x * row) + 1;
  };
  lost();
  std::optional<AnomalyMode<double>> mode(std::in_place);
  const std::size_t size = tape.size();
  CHECK(error_of(lost) ==
        "log: the result of shape (2, 3) holds nan at (1, 1), from (2, 3); it must be finite (in tagger/lstm)");
  CHECK(tape.size() == size);
  CHECK(error_of([&] { x / 0; }) ==
        "divide: the result of shape (2, 3) holds inf at (0, 0), from (2, 3), a constant; it must be finite");
  CHECK(tape.size() == size);
  mode.reset();
  lost();
}

TEST_CASE("anomaly mode names the rule whose gradient is not finite") {
  const AnomalyMode<double> mode;
  Tape<double> tape;
  const V x = tape.watch(A{4, 0, 9});
  const V y = [&] {
    const Scope scope("root");
    return sqrt(x * 1);
  }();
  CHECK(error_of([&] {
          tape.backward(sum(y * A{1, 2, 3}));
        }) == "sqrt: the gradient by operand 0 of shape (3,) holds inf at (1,); it must be finite (recorded in root)");
}

TEST_CASE("a profile has a line for each operation of each scope") {
  Random random(1);
  const nn::LSTM<double> lstm({.input = 3, .hidden = 4}, random);
  const Profile<double> profile;
  for (int step = 0; step < 2; ++step) {
    Tape<double> tape;
    tape.backward(sum(lstm(V(random.normal<double>({5, 2, 3}))).output));
  }
  const auto& entry = profile.entries().at({"recurrent/l0/step", "sigmoid"});
  CHECK(entry.calls == 2 * 5 * 3);
  CHECK(entry.bytes == 2 * 5 * 3 * 2 * 4 * sizeof(double));
  CHECK(entry.seconds > 0);
  CHECK(entry.sweep_seconds > 0);
  std::ostringstream out;
  out << profile;
  const std::string table = out.str();
  CAPTURE(table);
  CHECK(table.starts_with("scope"));
  CHECK(count(table, "\n") == profile.entries().size() + 2);
  CHECK(table.find("recurrent/l0/step/linear") != std::string::npos);
}

TEST_CASE("a profile charges no operation with what a program does before its tape") {
  const P w(A{2}, "w");
  const Profile<double> profile;
  for (int step = 0; step < 2; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    Tape<double> tape;
    const V loss = w * w;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    tape.backward(loss);
  }
  CHECK(profile.entries().contains({"", "multiply"}));
  for (const auto& [key, entry] : profile.entries()) {
    CAPTURE(key.second);
    CHECK(entry.seconds < 0.1);
    CHECK(entry.sweep_seconds < 0.1);
  }
}

TEST_CASE("a trace has what a gate did at a step, and its gradient") {
  Random random(2);
  const nn::LSTM<double> lstm({.input = 3, .hidden = 4}, random);
  Tape<double> tape;
  const Trace<double> trace;
  const V x = tape.watch(random.normal<double>({9, 2, 3}));
  const auto result = lstm(x);
  const V loss = sum(square(result.output));
  const auto before = trace.find("recurrent/l0/step 7", "f");
  REQUIRE(before.size() == 1);
  CHECK_FALSE(before[0].gradient.has_value());
  const V forget = before[0].value, slope = tape.gradient(loss, {forget})[0];
  std::vector<V> parts, slopes;  // views of memory that they share
  for (const auto& entry : trace.find("recurrent/l0/step 7/split")) parts.push_back(entry.value);
  REQUIRE(parts.size() == 4);
  for (const V& part : parts) slopes.push_back(tape.gradient(loss, {part})[0]);
  tape.backward(loss);
  const auto after = trace.find("recurrent/l0/step 7", "f");
  REQUIRE(after.size() == 1);
  CHECK(after[0].operation == "sigmoid");
  CHECK(difference(after[0].gradient, slope) < 1e-14);
  for (std::size_t k = 0; k < parts.size(); ++k)
    CHECK(difference(trace.find("recurrent/l0/step 7/split")[k].gradient, slopes[k]) < 1e-14);
  for (const double f : after[0].value.value()) CHECK((0 < f && f < 1));
  CHECK(trace.find("recurrent/l0", "o").size() == 9);
  // Every line of the cell has its name: k = c ⊙ f, j = g ⊙ i, c' = j + k, h' = o ⊙ tanh c'.
  const auto at = [&](const char* name) {
    const auto found = trace.find("recurrent/l0/step 7", name);
    REQUIRE(found.size() == 1);
    CHECK(found[0].gradient.has_value());
    return found[0].value;
  };
  const V c = trace.find("recurrent/l0/step 6", "c").at(0).value;
  CHECK(difference(at("k"), c * at("f")) < 1e-15);
  CHECK(difference(at("j"), at("g") * at("i")) < 1e-15);
  CHECK(difference(at("c"), at("j") + at("k")) < 1e-15);
  CHECK(difference(at("h"), at("o") * tanh(at("c"))) < 1e-15);
  CHECK(trace.find("recurrent/l0/step 1").size() == trace.find("recurrent/l0/step 7").size());
  CHECK(trace.find("").size() == trace.entries().size());
  CHECK(trace.find("recurrent", "no such name").empty());
}

TEST_CASE("a drawing has a box for each scope, a node for each value and an arrow for each operand") {
  const Parameter<double> w(A{{1, 2}, {3, 4}}, "cell.\"w\"");
  Tape<double> tape;
  const V first = tape.watch(A{{1, 2}});
  V h = first;
  for (int step = 0; step < 3; ++step) {
    const Scope outer("cell"), scope("step", step);
    h = named("h", tanh(matmul(h, w)));
  }
  const std::string dot = to_dot(tape);
  CAPTURE(dot);
  CHECK(count(dot, "subgraph") == 4);
  CHECK(count(dot, "label=\"step 1\";") == 1);
  CHECK(count(dot, "[label=\"h\"") == 3);
  CHECK(count(dot, "[label=\"matmul\"") == 3);
  CHECK(count(dot, "label=\"cell.\\\"w\\\"\", shape=box") == 1);
  CHECK(count(dot, "label=\"input\"") == 1);
  const std::size_t lines_between_uses = count(dot, "arrowhead=none");
  CHECK(lines_between_uses == 2);
  CHECK(count(dot, " -> ") == 3 * 3 + lines_between_uses);
  CHECK(count(dot, "{") == count(dot, "}"));
  CHECK(count(to_dot(tape, {.backward = true}), "dir=back") == count(dot, " -> "));
  tanh(first);
  CHECK(count(to_dot(tape, {.backward = true}), "dir=back") == 1);
  tape.backward(sum(h));
  CHECK(error_of([&] { to_dot(tape); }) == "to_dot: the tape is spent; draw it before the sweep");
}

TEST_CASE("a drawing of many steps folds all but some, and every arrow that is left stands between what is drawn") {
  Random random(1);
  const nn::LSTM<double> lstm({.input = 2, .hidden = 2}, random);
  const auto drawn = [&](std::size_t time, const DrawingOptions& options) {
    Tape<double> tape;
    sum(lstm(tape.watch(numbers({time, 1, 2}))).output);
    return to_dot(tape, options);
  };
  const std::string dot = drawn(40, {.backward = true, .steps = 3});
  CAPTURE(dot);
  for (const char* step : {"step 0", "step 1", "step 39"}) CHECK(dot.find(step) != std::string::npos);
  CHECK(dot.find("step 2\"") == std::string::npos);
  CHECK(count(dot, "label=\"⋯\"") == 36 + 1);
  CHECK(count(drawn(40, {.steps = 3}), " -> ") == count(drawn(50, {.steps = 3}), " -> "));
  CHECK(drawn(3, {.steps = 3}) == drawn(3, {}));
  CHECK(count(drawn(40, {.steps = 1}), "label=\"step ") == 1);

  // Steps within steps are folded with the outer ones.
  const auto arrows = [](std::int64_t sentences) {
    const P w(A{2}, "w");
    Tape<double> tape;
    V h = tape.watch(A{1});
    for (std::int64_t k = 0; k < sentences; ++k) {
      const Scope sentence("sentence", k);
      for (std::int64_t t = 0; t < 4; ++t) {
        const Scope step("step", t);
        h = tanh(h * w);
      }
    }
    return count(to_dot(tape, {.steps = 2}), " -> ");
  };
  CHECK(arrows(5) == arrows(7));

  // Of two values that all steps use, one has a part in the last; so the sweep comes back to it alone.
  Tape<float> tape;
  const Variable<float> used = tape.watch(1), aside = tape.watch(1);
  Variable<float> h = used;
  for (std::int64_t t = 0; t < 5; ++t) {
    const Scope step("step", t);
    static_cast<void>(tanh(aside));
    h = h * used;
  }
  const std::string both = to_dot(tape, {.backward = true, .steps = 2});
  CHECK(both.find("\n  0 -> 12 [dir=back") != std::string::npos);
  CHECK(count(both, "\n  1 -> ") == 3);  // two steps, and the node for the others
  CHECK(both.find("\n  1 -> 12 [dir=back") == std::string::npos);
}

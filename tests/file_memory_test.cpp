// What reading takes in memory, and what is left where there is not enough.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <unroll/nn/nn.hpp>
#include <vector>

#include "allocations.hpp"
#include "stored_files.hpp"

using namespace unroll;

namespace fs = std::filesystem;

namespace {

// What the stream of a file takes, besides.
constexpr std::size_t buffers = 32 * 1024;

// How many times its size reading a file takes.
template <class F> double times(const std::string& path, const F& read) {
  read(path);  // what is allocated once, for good
  return (double(most_used_by([&] { return read(path); })) - double(buffers)) / double(fs::file_size(path));
}

struct Model : nn::Module<float> {
  nn::LSTM<float> lstm;
  Parameter<float> tied{zeros<float>({300}).value()};
  explicit Model(Random& random, std::size_t hidden = 3) : lstm({.input = 4, .hidden = hidden}, random) {
    add("lstm", lstm);
    add("first", tied);
    add("second", tied);
  }
};

// A training, all of whose parts can be compared by the bytes of its checkpoint.
struct Run {
  Random random{1};
  Model model;
  nn::Adam<float> optimizer;
  std::vector<std::size_t> order;
  std::vector<double> log;
  double loss;
  Array<float> state;
  nn::Checkpoint checkpoint;

  explicit Run(std::size_t seed)
      : random(seed),
        model(random),
        optimizer(model.parameters()),
        order(random.permutation(100)),
        log(50, random.normal()),
        loss(random.normal()),
        state(random.uniform<float>({3, 4})) {
    checkpoint.fix("hidden", std::string(100, '3'));
    checkpoint.note("a note that is not short", "2");
    checkpoint.add("model", model);
    checkpoint.add("optimizer", optimizer);
    checkpoint.add("random", random);
    checkpoint.add("order", order);
    checkpoint.add("log", log);
    checkpoint.add("loss", loss);
    checkpoint.add("state", state);
  }
};

}  // namespace

TEST_CASE("a refusal allocates no more than twice the size of the file") {
  const auto peak_of = [](const std::string& header, const std::string& reason) {
    const Directory directory;
    const std::string path = directory.file("x");
    directory.write("x", length_of(header.size()) + header + std::string(10'000, '1'));
    std::optional<Error> error;
    const std::size_t used = most_used_by([&] {
      try {
        nn::read_safetensors(path);
      } catch (const Error& thrown) {
        error = thrown;
      }
      return 0;
    });
    REQUIRE(error);
    CHECK(std::string(error->what()) == path + ": " + reason);
    CHECK(used <= 2 * fs::file_size(path));
  };
  std::string many = "{";
  for (int k = 0; k < 20'000; ++k) {
    many += "\"" + std::to_string(k) + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},";
  }
  many.back() = '}';
  peak_of(many, "the tensors have 0 bytes; the file has 10000 bytes of data");
  peak_of("{\"w\":" + std::string(1'000'000, '['), "tensor 'w' must be described by an object");
  peak_of("{\"w\":{\"shape\":" + std::string(1'000'000, '['),
          "tensor 'w': shape must be a list of at most 6 integers from 0 to 2^64 - 1");
  std::string numbers = "{\"w\":{\"shape\":[";
  for (int k = 0; k < 100'000; ++k) numbers += "1,";
  peak_of(numbers, "tensor 'w': shape must be a list of at most 6 integers from 0 to 2^64 - 1");
  peak_of(R"({"w":{"dtype":"U8","shape":[1000000000000],"data_offsets":[0,1000000000000]}})",
          "the tensors have 1000000000000 bytes; the file has 10000 bytes of data");
  peak_of("{\"" + std::string(3'000'000, 'n') + "\":1}",
          "tensor '" + std::string(100, 'n') + "...' must be described by an object");
}

TEST_CASE("reading a safetensors file takes at most twice its size") {
  const Directory directory;
  const std::string path = directory.file("x");
  const auto read = [](const std::string& file) { return nn::read_safetensors(file); };

  nn::write_safetensors(path, {}, {{"words", std::string(3'000'000, 'w')}});
  CHECK(times(path, read) < 1.1);
  std::string lines;
  for (int k = 0; k < 300'000; ++k) lines += "word" + std::to_string(k) + "\n";
  nn::write_safetensors(path, {}, {{"words", lines}, {"characters", lines}});
  CHECK(times(path, read) < 1.1);
  nn::write_safetensors(path, {{"w", zeros<float>({1000, 1000}).value()}});
  CHECK(times(path, read) < 1.1);

  std::map<std::string, nn::StoredTensor> tensors;
  for (int k = 0; k < 20'000; ++k) tensors.emplace("layers." + std::to_string(k) + ".weight", Array<float>{1, 2, 3, 4});
  nn::write_safetensors(path, tensors);
  CHECK(times(path, read) < 2);

  Random random(1);
  Model model(random, 200);
  nn::save_safetensors(path, model);
  CHECK(times(path, [&](const std::string& file) { return nn::load_safetensors(file, model); }) < 2);
}

TEST_CASE("reading a text takes at most twice its size") {
  const Directory directory;
  const std::string word(5'000'000, 'w'), line = "1\tw\t_\t_\t_\t_\t_\t_\t_\t_\n";
  const auto read = [](const std::string& file) { return nn::read_conllu(file); };
  CHECK(times(directory.write("x", "# text = " + word + "\n" + line), read) < 1.1);
  CHECK(times(directory.write("x", "1\t" + word + line.substr(3)), read) < 2);
  CHECK(times(directory.write("x", line.substr(0, line.size() - 2) + word), read) < 2);

  std::string vectors;
  Random random(1);
  for (int k = 0; k < 1000; ++k) {
    std::ostringstream text;
    text << "word" << k;
    for (int n = 0; n < 100; ++n) text << ' ' << random.normal();
    vectors += text.str() + '\n';
  }
  directory.write("x", vectors);
  CHECK(times(directory.file("x"), [](const std::string& file) { return nn::read_word_vectors<float>(file); }) < 1.3);
  CHECK(times(directory.file("x"), [](const std::string& file) { return nn::read_word_vectors<double>(file); }) < 2);
}

TEST_CASE("without memory for it, nothing is saved, and the caller learns why") {
  const Directory directory;
  const std::string path = directory.file("x");
  const Run run(1);
  const auto prepare = [&] { directory.write("x", "old"); };
  const auto check = [&] {
    CHECK(contents(path) == "old");
    CHECK(directory.files() == 1);
  };
  CHECK(fail_each_allocation(
            prepare, [&] { run.checkpoint.save(path); }, check) > 100);
  CHECK(fail_each_allocation(
            prepare,
            [&] {
              nn::save_safetensors(path, run.model, {{"a key that is long", "v"}});
            },
            check) > 20);
}

TEST_CASE("without memory for it, nothing is loaded, and the caller learns why") {
  const Directory directory;
  Run run(1);
  const Run other(2);
  const std::string model = directory.file("model"), path = directory.file("run"), old = directory.file("old");
  nn::save_safetensors(model, other.model);
  other.checkpoint.save(path);
  run.checkpoint.save(old);
  const std::string bytes = contents(old);
  const auto prepare = [&] { run.checkpoint.load(old); };
  const auto check = [&] {
    run.checkpoint.save(directory.file("now"));
    CHECK(contents(directory.file("now")) == bytes);
  };
  CHECK(fail_each_allocation(
            prepare, [&] { run.checkpoint.load(path); }, check) > 100);
  CHECK(run.order == other.order);
  CHECK(fail_each_allocation(
            prepare, [&] { nn::load_safetensors(model, run.model); }, check) > 20);
  CHECK(run.model.tied.value() == other.model.tied.value());

  const std::string text = directory.write("text", "1\t" + std::string(9000, 'w') + "\t_\t_\t_\t_\t_\t_\t_\t_\n");
  const auto nothing = [] {};
  CHECK(fail_each_allocation(
            nothing, [&] { nn::read_conllu(text); }, nothing) > 3);
  const std::string vectors = directory.write("vectors", "a long word of the first line 1 2\nb 3 4\n");
  CHECK(fail_each_allocation(
            nothing, [&] { nn::read_word_vectors<float>(vectors); }, nothing) > 3);
}

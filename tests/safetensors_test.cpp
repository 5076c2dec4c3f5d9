// What is written and read again, and the weights of models.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <unroll/nn/files/safetensors.hpp>

#include "stored_files.hpp"

using namespace unroll;
using nn::Dtype;
using nn::StoredTensor;

namespace fs = std::filesystem;

namespace {

template <class T> struct Model : nn::Module<T> {
  Parameter<T> weight, bias;
  explicit Model(T first) : weight(Array<T>{{first, 2, 3}, {4, 5, 6}}), bias(Array<T>{first, -first}) {
    this->add("lstm.weight", weight);
    this->add("scores.bias", bias);
  }
};

template <class T> struct Tied : nn::Module<T> {
  Parameter<T> weight{Array<T>{1, 2}};
  Tied() {
    this->add("embedding", weight);
    this->add("scores", weight);
  }
};

}  // namespace

TEST_CASE("what is written is read again, bit for bit") {
  const Directory directory;
  const std::string path = directory.file("x.safetensors");
  const Array<float> f = {{1.5f, -0.f, INFINITY}, {NAN, 1e-45f, 3e38f}};
  const Array<double> d = {0.1, -1e-310, 1e300};
  const Indices i = {{std::numeric_limits<std::int64_t>::min(), 5}, {-1, 6}};
  Array<double> scalar = uninitialised<double>({}), none = uninitialised<double>({0, 5});
  scalar() = 7;
  const nn::Metadata metadata = {{"epoch", "3"}, {"поле", "a \"b\"\n"}};
  const std::map<std::string, StoredTensor> written = {
      {"f", f}, {"d", d}, {"i", i}, {"scalar", scalar}, {"none", none}};
  nn::write_safetensors(path, written, metadata);

  const nn::Safetensors file = nn::read_safetensors(path);
  CHECK(file.metadata == metadata);
  REQUIRE(file.tensors.size() == 5);
  for (const auto& expected : written) {
    CAPTURE(expected.first);
    const StoredTensor& tensor = file.tensors.at(expected.first);
    CHECK(tensor.dtype == expected.second.dtype);
    CHECK(tensor.shape == expected.second.shape);
    CHECK(tensor.bytes == expected.second.bytes);
  }
  CHECK(file.tensors.at("d").to<double>() == d);
  CHECK(file.tensors.at("i").to_indices() == i);
  CHECK(file.tensors.at("scalar").to<float>()() == 7.f);
  CHECK(file.tensors.at("none").to<float>().shape()[1] == 5);
  CHECK(std::isnan(file.tensors.at("f").to<double>()(1, 0)));
}

TEST_CASE("a written file has a padded header, the widest types first, and equal contents give equal files") {
  const Directory directory;
  const Array<float> f = {1, 2, 3};
  nn::write_safetensors(directory.file("x"), {{"a", f}, {"b", Indices{7}}}, {{"k", "v"}});
  const std::string header = R"({"__metadata__":{"unroll.crc32c":"663ddd51","unroll.format":"1","k":"v"},)"
                             R"("b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                             R"("a":{"dtype":"F32","shape":[3],"data_offsets":[8,20]}})";
  const std::string bytes = contents(directory.file("x"));
  const std::size_t length = (header.size() + 7) / 8 * 8;
  CHECK(length != header.size());
  CHECK(bytes.substr(0, 8) == length_of(length));
  CHECK(bytes.substr(8, length) == header + std::string(length - header.size(), ' '));
  CHECK(bytes.substr(8 + length) == std::string("\7\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40", 20));
  nn::write_safetensors(directory.file("y"), {{"b", Indices{7}}, {"a", f}}, {{"k", "v"}});
  CHECK(contents(directory.file("y")) == bytes);
}

TEST_CASE_TEMPLATE("the weights of a model are saved and loaded by name, with the metadata", T, float, double) {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
  Model<T> model(std::numeric_limits<T>::quiet_NaN());
  model.bias.assign(Array<T>{std::numeric_limits<T>::infinity(), T(0.1)});
  nn::save_safetensors(path, model, {{"hidden", "128"}});
  CHECK(nn::read_safetensors(path).tensors.at("lstm.weight").dtype == (sizeof(T) == 4 ? Dtype::F32 : Dtype::F64));

  Model<T> other(1);
  CHECK(nn::load_safetensors(path, other) == nn::Metadata{{"hidden", "128"}});
  CHECK(std::isnan(other.weight.value()(0, 0)));
  CHECK(other.weight.value()(1, 2) == 6);
  CHECK(other.bias.value() == model.bias.value());
}

TEST_CASE("a model of doubles loads weights of floats, and the other way round") {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
  Model<float> single(0.1f);
  Model<double> twice(7);
  nn::save_safetensors(path, single);
  nn::load_safetensors(path, twice);
  CHECK(twice.bias.value()(0) == static_cast<double>(0.1f));
  twice.bias.assign(Array<double>{0.2, 0.3});
  nn::save_safetensors(path, twice);
  nn::load_safetensors(path, single);
  CHECK(single.bias.value()(0) == 0.2f);
}

TEST_CASE("a double that no float can hold is refused by its name, but infinities and NaN are loaded") {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
  constexpr double largest = std::numeric_limits<float>::max();
  Model<double> twice(1);
  Model<float> single(5);
  const auto refused = [&](double value) {
    twice.weight.assign(Array<double>{{1, 2, 3}, {4, value, 6}});
    nn::save_safetensors(path, twice);
    return refusal_by([&] { nn::load_safetensors(path, single); });
  };
  for (const double value : {1e300, -1e300, 3.5e38, largest * (1 + 0x1p-24)}) {
    CAPTURE(value);
    std::ostringstream text;
    text << "model.safetensors: 'lstm.weight': " << value << " at (1, 1); a float is at most 3.40282e+38";
    CHECK(refused(value) == text.str());
    CHECK(single.weight.value()(0, 0) == 5);
    CHECK(single.bias.value()(0) == 5);
  }
  for (const double value : {infinity, -infinity, largest, largest * (1 + 0x1p-26), 1e-300}) {
    CAPTURE(value);
    CHECK(refused(value) == "no error");
    CHECK(single.weight.value()(1, 1) == static_cast<float>(value));
  }
  CHECK(refused(not_a_number) == "no error");
  CHECK(std::isnan(single.weight.value()(1, 1)));
}

TEST_CASE("a tensor of an unknown dtype is in the way of nobody who does not ask for it") {
  const Directory directory;
  const auto file = [&](const std::string& name, const std::string& dtype) {
    const std::string header = R"({"scores.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},")" + name +
                               R"(":{"dtype":")" + dtype + R"(","shape":[2,3],"data_offsets":[8,14]},)" +
                               R"("lstm.weight":{"dtype":"F64","shape":[2,3],"data_offsets":[14,62]}})";
    return directory.write("x", length_of(header.size()) + header + std::string(62, '\1'));
  };
  for (const std::string dtype : {"F8_E4M3", "F8_E5M2", "F4", "C64", "unknown", "of the future"}) {
    CAPTURE(dtype);
    const nn::Safetensors all = nn::read_safetensors(file("scale", dtype));
    CHECK(all.tensors.at("scores.bias").to<float>().size() == 2);
    CHECK(all.tensors.at("lstm.weight").to<double>().size() == 6);
    CHECK(all.unknown_dtypes == std::map<std::string, std::string>{{"scale", dtype}});
    const StoredTensor& scale = all.tensors.at("scale");
    CHECK(scale.bytes == std::vector<std::byte>(6, std::byte(1)));
    CHECK(scale.shape == Shape{2, 3});
    CHECK(error_of([&] { scale.to<float>(); }) == "to: a tensor of an unknown dtype; nothing can be made of it");
    CHECK(error_of([&] { scale.to_indices(); }) ==
          "to_indices: a tensor of an unknown dtype; nothing can be made of it");
    CHECK(refusal_by([&] { nn::write_safetensors(directory.file("y"), all.tensors); }) ==
          "y: tensor 'scale' has an unknown dtype; it has no name");
    Model<float> model(1);
    nn::load_safetensors(file("scale", dtype), model);
    CHECK(model.weight.value()(0, 0) != 1);
    nn::Unmatched unmatched;
    nn::load_safetensors(file("scale", dtype), model, &unmatched);
    CHECK(unmatched.missing.empty());
    CHECK(unmatched.unexpected == std::vector<std::string>{"scale"});
  }
  struct Scaled : Model<float> {
    Parameter<float> scale{Array<float>{{1, 2, 3}, {4, 5, 6}}};
    Scaled() : Model(1) { add("scale", scale); }
  } model;
  CHECK(refusal_by([&] { nn::load_safetensors(file("scale", "F4"), model); }) ==
        "x: 'scale' has dtype 'F4'; the model needs F64, F32, F16 or BF16");
}

TEST_CASE("a file that does not fit the model is refused before anything is assigned") {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
  Model<double> twice(1);
  Model<float> single(5);
  twice.bias.assign(Array<double>{1, 1e300});  // the second parameter
  nn::save_safetensors(path, twice);
  CHECK(refusal_by([&] { nn::load_safetensors(path, single); }) ==
        "model.safetensors: 'scores.bias': 1e+300 at (1,); a float is at most 3.40282e+38");
  CHECK(single.weight.value()(0, 0) == 5);
  const Array<float> weight = {{9, 9, 9}, {9, 9, 9}}, bias = {9, 9};
  Model<float> model(1);
  const auto refused = [&](const std::map<std::string, StoredTensor>& tensors) {
    nn::write_safetensors(path, tensors);
    const std::string text = refusal_by([&] { nn::load_safetensors(path, model); });
    CHECK(model.weight.value()(0, 0) == 1);
    CHECK(model.bias.value()(0) == 1);
    return text;
  };
  CHECK(refused({{"lstm.weight", weight}}) ==
        "model.safetensors: no tensor 'scores.bias'; the model needs one of shape (2,)");
  CHECK(refused({{"lstm.weight", weight}, {"scores.bias", Array<float>{1, 2, 3}}}) ==
        "model.safetensors: 'scores.bias' has shape (3,); the model needs (2,)");
  CHECK(refused({{"lstm.weight", bias}, {"scores.bias", weight}}) ==
        "model.safetensors: 'lstm.weight' has shape (2,); the model needs (2, 3)");
  CHECK(refused({{"lstm.weight", weight}, {"scores.bias", Indices{1, 2}}}) ==
        "model.safetensors: 'scores.bias' has dtype I64; the model needs F64, F32, F16 or BF16");
  CHECK(refused({{"lstm.weight", weight}, {"scores.bias", bias}, {"x", bias}}) ==
        "model.safetensors: tensor 'x' is not a parameter of the model");
  CHECK(refused({{"lstm.weight", weight}, {"scores.bias", bias}, {"x", bias}, {"lstm.weights", weight}}) ==
        "model.safetensors: tensor 'lstm.weights' is not a parameter of the model");
  nn::write_safetensors(path, {{"lstm.weight", weight}, {"scores.bias", bias}});
  nn::load_safetensors(path, model);
  CHECK(model.weight.value() == weight);
  CHECK(model.bias.value() == bias);
}

TEST_CASE("a tied parameter is written under each of its names, which must agree when it is loaded") {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
  Tied<float> model;
  nn::save_safetensors(path, model);
  CHECK(nn::read_safetensors(path).tensors.size() == 2);
  Tied<float> other;
  other.weight.assign(Array<float>{5, 6});
  nn::load_safetensors(path, other);
  CHECK(other.weight.value() == model.weight.value());
  nn::write_safetensors(path, {{"embedding", Array<float>{7, 7}}, {"scores", Array<float>{7, 8}}});
  CHECK(refusal_by([&] { nn::load_safetensors(path, other); }) ==
        "model.safetensors: 'embedding' and 'scores' differ; in the model they are one parameter");
  CHECK(other.weight.value() == model.weight.value());
}

TEST_CASE("part of a model is loaded on request, and what has no counterpart is listed") {
  const Directory directory;
  Random random(1);
  struct Tagger : nn::Module<float> {
    nn::Linear<float> body, head;
    Tagger(std::size_t tags, const char* name, Random& random)
        : body({.input = 2, .output = 3}, random), head({.input = 3, .output = tags}, random) {
      add("body", body);
      add(name, head);
    }
  };
  const Tagger saved(4, "tags", random);
  Tagger other(5, "labels", random);
  const std::string path = directory.file("m.safetensors");
  nn::save_safetensors(path, saved, {{"language", "en"}});
  const Array<float> head = other.head.weight.value();
  CHECK(error_of([&] { nn::load_safetensors(path, other); }) ==
        path + ": no tensor 'labels.weight'; the model needs one of shape (5, 3)");
  nn::Unmatched unmatched;
  CHECK(nn::load_safetensors(path, other, &unmatched).at("language") == "en");
  CHECK(unmatched.missing == std::vector<std::string>{"labels.weight", "labels.bias"});
  CHECK(unmatched.unexpected == std::vector<std::string>{"tags.bias", "tags.weight"});
  CHECK(other.body.weight.value() == saved.body.weight.value());
  CHECK(other.head.weight.value() == head);
  Tagger wider(5, "tags", random);
  const Array<float> body = wider.body.weight.value();
  CHECK(error_of([&] { nn::load_safetensors(path, wider, &unmatched); }) ==
        path + ": 'tags.weight' has shape (4, 3); the model needs (5, 3)");
  CHECK(wider.body.weight.value() == body);
}

TEST_CASE("what no reader would accept is not written") {
  const Directory directory;
  const std::string path = directory.file("x");
  const Array<float> w = {1};
  CHECK(refusal_by([&] {
          nn::write_safetensors(path, {{"__metadata__", w}});
        }) == "x: no tensor can be named '__metadata__'");
  CHECK(refusal_by([&] {
          nn::write_safetensors(path, {{"\xff", w}});
        }) == "x: a tensor's name or the metadata is not UTF-8");
  CHECK(refusal_by([&] {
          nn::write_safetensors(path, {{"w", w}}, {{"k", "\xc3"}});
        }) == "x: a tensor's name or the metadata is not UTF-8");
  CHECK(refusal_by([&] {
          nn::write_safetensors(path, {}, {{"k", std::string(100'000'000, ' ')}});
        }) == "x: a header of 100000072 bytes; at most 100000000 are allowed");
  CHECK(refusal_by([&] {
          nn::write_safetensors(path, {{"w", w}}, {{"unroll.x", "1"}});
        }) == "x: the metadata has 'unroll.x'; names that begin with 'unroll.' are the library's");
  CHECK(directory.files() == 0);
}

TEST_CASE("a file that cannot be written says why") {
  const Directory directory;
  CHECK(refusal_by([&] { nn::write_safetensors(directory.file("no/x"), {}); }) ==
        "x: cannot be written: No such file or directory");
  fs::create_directory(directory.file("sub"));
  CHECK(refusal_by([&] { nn::write_safetensors(directory.file("sub"), {}); }) ==
        "sub: cannot be written: it is not a regular file");
  directory.write("file", "");
  CHECK(refusal_by([&] { nn::write_safetensors(directory.file("file/x"), {}); }) ==
        "x: cannot be written: Not a directory");
  CHECK(directory.files() == 2);
}

#include "nn/safetensors.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <thread>

#include "nn/atomic_file.hpp"
#include "support.hpp"

namespace {
std::atomic<std::size_t> live = 0, peak = 0;
constexpr std::size_t prefix = alignof(std::max_align_t);
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* const memory = std::malloc(prefix + size);
  if (!memory) return nullptr;
  std::memcpy(memory, &size, sizeof(size));
  live += size;
  peak = std::max(peak.load(), live.load());
  return static_cast<char*>(memory) + prefix;
}
void* operator new(std::size_t size) {
  if (void* const pointer = operator new(size, std::nothrow)) return pointer;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* pointer) noexcept {
  if (!pointer) return;
  void* const memory = static_cast<char*>(pointer) - prefix;
  std::size_t size;
  std::memcpy(&size, memory, sizeof(size));
  live -= size;
  std::free(memory);
}
void operator delete(void* pointer, std::size_t) noexcept { operator delete(pointer); }

using namespace unroll;
using nn::Dtype;
using nn::StoredTensor;

namespace {

namespace fs = std::filesystem;

std::string length_of(std::uint64_t length) {
  std::string bytes;
  for (int k = 0; k < 8; ++k) bytes += static_cast<char>(length >> 8 * k & 255);
  return bytes;
}

// The text of the Error that f throws, without the directory.
template <class F>
std::string refusal_by(const F& f) {
  const std::string text = error_of(f);
  const std::size_t colon = text.find(": "), slash = text.rfind('/', colon);
  return slash < colon ? text.substr(slash + 1) : text;
}

// What reading a file of these bytes says.
std::string refusal_of_bytes(const std::string& bytes) {
  const Directory directory;
  directory.write("x", bytes);
  return refusal_by([&] { nn::read_safetensors(directory.file("x")); });
}
std::string refusal(const std::string& header, const std::string& data = std::string(4, '\1')) {
  return refusal_of_bytes(length_of(header.size()) + header + data);
}
// The same of a header that describes one tensor, w.
std::string refusal_of_w(const std::string& description) { return refusal("{\"w\":" + description + "}"); }

nn::Safetensors read(const std::string& header, const std::string& data) {
  const Directory directory;
  directory.write("x", length_of(header.size()) + header + data);
  return nn::read_safetensors(directory.file("x"));
}

template <class Element>
StoredTensor stored(Dtype dtype, const std::vector<Element>& values) {
  StoredTensor tensor;
  tensor.dtype = dtype;
  tensor.shape = {values.size()};
  tensor.bytes.resize(values.size() * sizeof(Element));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

template <class T>
struct Model : nn::Module<T> {
  Parameter<T> weight, bias;
  explicit Model(T first) : weight(Array<T>{{first, 2, 3}, {4, 5, 6}}), bias(Array<T>{first, -first}) {
    this->add("lstm.weight", weight);
    this->add("scores.bias", bias);
  }
};

template <class T>
struct Tied : nn::Module<T> {
  Parameter<T> weight{Array<T>{1, 2}};
  Tied() {
    this->add("embedding", weight);
    this->add("scores", weight);
  }
};

constexpr double infinity = std::numeric_limits<double>::infinity();

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
  const std::string header = R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[8,20],"dtype":"F32","shape":[3]},)"
                             R"("b":{"data_offsets":[0,8],"dtype":"I64","shape":[1]}})";
  const std::string bytes = contents(directory.file("x"));
  const std::size_t length = (header.size() + 7) / 8 * 8;
  CHECK(length != header.size());
  CHECK(bytes.substr(0, 8) == length_of(length));
  CHECK(bytes.substr(8, length) == header + std::string(length - header.size(), ' '));
  CHECK(bytes.substr(8 + length) == std::string("\7\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40", 20));
  nn::write_safetensors(directory.file("y"), {{"b", Indices{7}}, {"a", f}}, {{"k", "v"}});
  CHECK(contents(directory.file("y")) == bytes);
}

TEST_CASE("F16 becomes the number it stands for, subnormals, infinities and NaN included") {
  const std::vector<std::pair<int, double>> cases = {{0x0000, 0},
                                                     {0x3c00, 1},
                                                     {0xc000, -2},
                                                     {0x3555, 0.333251953125},
                                                     {0x7bff, 65504},
                                                     {0x0400, std::ldexp(1, -14)},
                                                     {0x03ff, std::ldexp(1023, -24)},
                                                     {0x0001, std::ldexp(1, -24)},
                                                     {0x8001, -std::ldexp(1, -24)},
                                                     {0x7c00, infinity},
                                                     {0xfc00, -infinity}};
  for (const auto& each : cases) {
    const int bits = each.first;
    const double value = each.second;
    CAPTURE(bits);
    const StoredTensor tensor = stored<std::uint16_t>(Dtype::F16, {static_cast<std::uint16_t>(bits)});
    CHECK(tensor.to<double>()(0) == value);
    CHECK(tensor.to<float>()(0) == static_cast<float>(value));
  }
  const Array<float> special = stored<std::uint16_t>(Dtype::F16, {0x7e00, 0xfc01, 0x8000}).to<float>();
  CHECK(std::isnan(special(0)));
  CHECK(std::isnan(special(1)));
  CHECK(std::signbit(special(2)));
}

TEST_CASE("BF16 is the upper half of an F32") {
  const Array<double> x =
      stored<std::uint16_t>(Dtype::BF16, {0x3f80, 0xc049, 0x0001, 0x8000, 0x7f80, 0xff80, 0x7fc0}).to<double>();
  CHECK(x(0) == 1);
  CHECK(x(1) == -3.140625);
  CHECK(x(2) == std::ldexp(1, -133));
  CHECK(std::signbit(x(3)));
  CHECK(x(4) == infinity);
  CHECK(x(5) == -infinity);
  CHECK(std::isnan(x(6)));
}

TEST_CASE("every integer type becomes numbers and indices, and a BOOL becomes 0 or 1") {
  const auto agrees = [](const StoredTensor& tensor, std::int64_t first, std::int64_t second) {
    return tensor.to_indices() == Indices{first, second} &&
           tensor.to<double>() == Array<double>{static_cast<double>(first), static_cast<double>(second)} &&
           tensor.to<float>() == Array<float>{static_cast<float>(first), static_cast<float>(second)};
  };
  CHECK(agrees(stored<std::uint8_t>(Dtype::BOOL, {0, 2}), 0, 1));
  CHECK(agrees(stored<std::uint8_t>(Dtype::U8, {1, 255}), 1, 255));
  CHECK(agrees(stored<std::int8_t>(Dtype::I8, {1, -128}), 1, -128));
  CHECK(agrees(stored<std::uint16_t>(Dtype::U16, {1, 65535}), 1, 65535));
  CHECK(agrees(stored<std::int16_t>(Dtype::I16, {1, -32768}), 1, -32768));
  CHECK(agrees(stored<std::uint32_t>(Dtype::U32, {1, 4294967295u}), 1, 4294967295));
  CHECK(agrees(stored<std::int32_t>(Dtype::I32, {1, -2147483647}), 1, -2147483647));
  CHECK(agrees(stored<std::uint64_t>(Dtype::U64, {1, 1ull << 62}), 1, 1ll << 62));
  CHECK(agrees(stored<std::int64_t>(Dtype::I64, {1, -(1ll << 53)}), 1, -(1ll << 53)));
}

TEST_CASE("indices are not made of fractions, nor of what is too large") {
  CHECK(error_of([] { StoredTensor(Array<float>{1}).to_indices(); }) ==
        "to_indices: a tensor of F32; indices are made of integers or BOOL");
  CHECK(error_of([] { stored<std::uint16_t>(Dtype::BF16, {0}).to_indices(); }) ==
        "to_indices: a tensor of BF16; indices are made of integers or BOOL");
  CHECK(error_of([] { stored<std::uint64_t>(Dtype::U64, {1ull << 63}).to_indices(); }) ==
        "to_indices: a U64 above 2^63 - 1; indices have 64 bits with a sign");
}

TEST_CASE("a tensor whose bytes do not fit its shape is neither converted nor written") {
  StoredTensor tensor(Array<float>{1, 2});
  tensor.shape = {3};
  CHECK(refusal_by([&] { tensor.to<double>(); }) == "to: the tensor has 8 bytes; shape (3,) of F32 needs 12");
  tensor.dtype = Dtype::I64;
  CHECK(refusal_by([&] { tensor.to_indices(); }) == "to_indices: the tensor has 8 bytes; shape (3,) of I64 needs 24");
  const Directory directory;
  CHECK(refusal_by([&] {
          nn::write_safetensors(directory.file("x"), {{"w", tensor}});
        }) == "x: tensor 'w' has 8 bytes; shape (3,) of I64 needs 24");
  CHECK(directory.files() == 0);
}

TEST_CASE("a file that cannot be opened says why") {
  const Directory directory;
  CHECK(refusal_by([&] { nn::read_safetensors(directory.file("model.safetensors")); }) ==
        "model.safetensors: cannot be opened: No such file or directory");
  fs::create_directory(directory.file("sub"));
  CHECK(refusal_by([&] { nn::read_safetensors(directory.file("sub")); }) == "sub: cannot be opened: Is a directory");
}

TEST_CASE("a file too short for its header is refused") {
  CHECK(refusal_of_bytes("") == "x: a file of 0 bytes; the length of the header alone takes 8");
  CHECK(refusal_of_bytes("1234567") == "x: a file of 7 bytes; the length of the header alone takes 8");
  CHECK(refusal_of_bytes(length_of(10)) == "x: a header of 10 bytes in a file of 8");
  CHECK(refusal_of_bytes(length_of(100'000'000)) == "x: a header of 100000000 bytes in a file of 8");
  CHECK(refusal_of_bytes(length_of(100'000'001) + "{}") ==
        "x: a header of 100000001 bytes; at most 100000000 are allowed");
  CHECK(refusal_of_bytes(length_of(~0ull) + "{}") ==
        "x: a header of 18446744073709551615 bytes; at most 100000000 are allowed");
}

TEST_CASE("a header that is not JSON is refused") {
  CHECK(refusal("") == "x: the header does not begin with '{'");
  CHECK(refusal("  {}") == "x: the header does not begin with '{'");
  CHECK(refusal("\xef\xbb\xbf{}") == "x: the header does not begin with '{'");
  CHECK(refusal("[1,2,3]") == "x: the header does not begin with '{'");
  CHECK(refusal("{\"w\":") == "x: the header is not JSON at its byte 6");
  CHECK(refusal("{} x") == "x: the header is not JSON at its byte 4");
  CHECK(refusal("{}{}") == "x: the header is not JSON at its byte 3");
  CHECK(refusal("{\"\xff\":1}") == "x: the header is not JSON at its byte 3");
  CHECK(refusal("{\"\\ud800\":1}") == "x: the header is not JSON at its byte 9");
  CHECK(refusal(std::string("{}\0", 3)) == "x: the header holds a NUL byte");
  CHECK(refusal(std::string("{}\0 x", 5)) == "x: the header holds a NUL byte");
}

TEST_CASE("a header of another form is refused") {
  CHECK(refusal(R"({"w":1})") == "x: tensor 'w' must be described by an object");
  CHECK(refusal(R"({"w":null})") == "x: tensor 'w' must be described by an object");
  CHECK(refusal(R"({"w":"F32"})") == "x: tensor 'w' must be described by an object");
  CHECK(refusal(R"({"__metadata__":["a"]})") == "x: __metadata__ must be an object of strings");
  CHECK(refusal(R"({"__metadata__":null})") == "x: __metadata__ must be an object of strings");
  CHECK(refusal(R"({"__metadata__":{"k":1}})") == "x: __metadata__ must be an object of strings");
  CHECK(refusal(R"({"__metadata__":{"k":{"a":"b"}}})") == "x: __metadata__ must be an object of strings");

  CHECK(refusal_of_w(R"({"shape":[1],"data_offsets":[0,4]})") == "x: tensor 'w' has no dtype");
  CHECK(refusal_of_w(R"({"dtype":"F32","data_offsets":[0,4]})") == "x: tensor 'w' has no shape");
  CHECK(refusal_of_w(R"({"dtype":"F32","shape":[1]})") == "x: tensor 'w' has no data_offsets");
  CHECK(refusal_of_w(R"({"layout":1})") == "x: tensor 'w' has the unknown field 'layout'");
  CHECK(refusal_of_w(R"({"dtype":"f32"})") == "x: tensor 'w' has the unknown dtype 'f32'");
  CHECK(refusal_of_w(R"({"dtype":5})") == "x: tensor 'w': dtype must be a string");
  CHECK(refusal_of_w(R"({"dtype":{}})") == "x: tensor 'w': dtype must be a string");
  CHECK(refusal_of_w(R"({"dtype":["F32"]})") == "x: tensor 'w': dtype must be a string");

  const std::string shape = "x: tensor 'w': shape must be a list of at most 6 integers from 0 to 2^64 - 1";
  for (const char* wrong : {"1", "\"1\"", "[-1]", "[-0]", "[1.0]", "[1e0]", "[\"1\"]", "[true]", "[null]", "[[1]]",
                            "[{}]", "[18446744073709551616]", "[1,1,1,1,1,1,1]"}) {
    CAPTURE(wrong);
    CHECK(refusal_of_w("{\"shape\":" + std::string(wrong) + "}") == shape);
  }
  const std::string offsets = "x: tensor 'w': data_offsets must be two integers from 0 to 2^64 - 1";
  for (const char* wrong : {"4", "[]", "[0]", "[0,4,4]", "[0,-4]", "[0,4.0]", "[0,18446744073709551616]"}) {
    CAPTURE(wrong);
    CHECK(refusal_of_w("{\"data_offsets\":" + std::string(wrong) + "}") == offsets);
  }
}

TEST_CASE("what a header says twice is refused") {
  const std::string w = R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  CHECK(refusal("{" + w + "," + w + "}") == "x: tensor 'w' occurs twice");
  CHECK(refusal(R"({"__metadata__":{},"__metadata__":{}})") == "x: __metadata__ occurs twice");
  CHECK(refusal(R"({"__metadata__":{"k":"1","\u006b":"1"}})") == "x: __metadata__ has 'k' twice");
  CHECK(refusal_of_w(R"({"dtype":"U8","dtype":"F32"})") == "x: tensor 'w' has dtype twice");
  CHECK(refusal_of_w(R"({"shape":[1],"shape":[1]})") == "x: tensor 'w' has shape twice");
  CHECK(refusal_of_w(R"({"data_offsets":[0,4],"data_offsets":[0,4]})") == "x: tensor 'w' has data_offsets twice");
}

TEST_CASE("a tensor whose bytes do not fit its shape is refused, also where the product overflows") {
  CHECK(refusal_of_w(R"({"dtype":"F32","shape":[3],"data_offsets":[0,4]})") ==
        "x: tensor 'w' has 4 bytes; shape (3,) of F32 needs 12");
  CHECK(refusal_of_w(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})") ==
        "x: tensor 'w' ends at byte 0 of the data, before it begins at byte 4");
  CHECK(refusal_of_w(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})") ==
        "x: tensor 'w' has shape (4611686018427387904, 4); its size in bytes overflows");
  CHECK(refusal_of_w(R"({"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]})") ==
        "x: tensor 'w' has shape (0, 4611686018427387904, 4); its size in bytes overflows");
  CHECK(refusal_of_w(R"({"dtype":"U8","shape":[4294967297,4294967296],"data_offsets":[0,4]})") ==
        "x: tensor 'w' has shape (4294967297, 4294967296); its size in bytes overflows");
}

TEST_CASE("tensors must fill the data, without hole or overlap") {
  const auto layout = [](const std::string& a, const std::string& b, std::size_t size) {
    return refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
                       R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}",
                   std::string(size, '\1'));
  };
  CHECK(layout("[0,4]", "[4,8]", 8) == "no error");
  CHECK(layout("[4,8]", "[0,4]", 8) == "no error");
  CHECK(layout("[0,4]", "[8,12]", 12) ==
        "x: tensor 'b' begins at byte 8 of the data; without hole or overlap it begins at 4");
  CHECK(layout("[0,4]", "[2,6]", 6) ==
        "x: tensor 'b' begins at byte 2 of the data; without hole or overlap it begins at 4");
  CHECK(layout("[0,4]", "[0,4]", 4) ==
        "x: tensor 'b' begins at byte 0 of the data; without hole or overlap it begins at 4");
  CHECK(layout("[4,8]", "[8,12]", 12) ==
        "x: tensor 'a' begins at byte 4 of the data; without hole or overlap it begins at 0");
  CHECK(layout("[0,4]", "[4,8]", 7) == "x: the tensors have 8 bytes; the file has 7 bytes of data");
  CHECK(layout("[0,4]", "[4,8]", 9) == "x: the tensors have 8 bytes; the file has 9 bytes of data");
}

TEST_CASE("what is unusual but allowed is read") {
  CHECK(read("{}", "").tensors.empty());
  CHECK(read("{\n} \t", "").metadata.empty());
  CHECK(read(R"({"__metadata__":{}})", "").metadata.empty());
  const nn::Safetensors file = read(
      R"({"w":{"data_offsets":[0,4],"shape":[],"dtype":"F32"},"":{"dtype":"F64","shape":[0,3],"data_offsets":[0,0]},)"
      R"("a\u0000b":{"dtype":"F64","shape":[1,1,1,1,1,1],"data_offsets":[4,12]}})",
      std::string("\0\0\x80\x3f\0\0\0\0\0\0\0\x40", 12));
  CHECK(file.tensors.at("w").to<float>()() == 1);
  CHECK(file.tensors.at("").to<float>().size() == 0);
  CHECK(file.tensors.at({"a\0b", 3}).to<float>()(0, 0, 0, 0, 0, 0) == 2);
}

TEST_CASE("a hostile name is printed on one line and cut") {
  CHECK(refusal(R"({"a\n\u0000\u001b[31m":1})") == "x: tensor 'a???[31m' must be described by an object");
  CHECK(refusal("{\"" + std::string(200, 'n') + "\":1}") ==
        "x: tensor '" + std::string(100, 'n') + "...' must be described by an object");
}

TEST_CASE("a refusal allocates no more than twice the size of the file") {
  const auto peak_of = [](const std::string& header, const std::string& reason) {
    const Directory directory;
    const std::string path = directory.file("x");
    directory.write("x", length_of(header.size()) + header + std::string(10'000, '1'));
    const std::size_t before = live;
    peak = before;
    std::optional<Error> error;
    try {
      nn::read_safetensors(path);
    } catch (const Error& thrown) {
      error = thrown;
    }
    const std::size_t used = peak - before;
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

TEST_CASE("a file that does not fit the model is refused before anything is assigned") {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
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
        }) == "x: a header of 100000032 bytes; at most 100000000 are allowed");
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

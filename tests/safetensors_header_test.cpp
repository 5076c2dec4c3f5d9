// Files that are not as the format demands, byte for byte.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <unroll/nn/files/safetensors.hpp>

#include "stored_files.hpp"

using namespace unroll;

namespace fs = std::filesystem;

namespace {

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

}  // namespace

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
  CHECK(refusal(std::string("{}\0", 3)) == "x: the header is not JSON at its byte 3");
  CHECK(refusal(std::string("{}\0 x", 5)) == "x: the header is not JSON at its byte 3");
  for (const std::string wrong : {"{",
                                  "{,}",
                                  "{\"",
                                  "{\"a",
                                  "{\"a\"",
                                  "{\"a\" 1}",
                                  "{a:1}",
                                  "{'a':1}",
                                  "{\"a\\",
                                  "{\"a\n\":1}",
                                  "{\"\\x\":1}",
                                  "{\"\\u12\":1}",
                                  "{\"\\u12G4\":1}",
                                  "{\"\\udc00\":1}",
                                  "{\"\\ud800\\n\":1}",
                                  "{\"\\ud800\\u0041\":1}",
                                  "{\"\xc3\":1}",
                                  "{\"\xed\xa0\x80\":1}",
                                  "{\"\xe2\x82\":1}",
                                  "{\"a\xc3\xa9\xa9\":1}",
                                  "{\"__metadata__\":{\"k\":\"v\",}}",
                                  "{\"__metadata__\":{\"k\":\"v\"},}",
                                  "{\"__metadata__\":{\"k\":\"v\"}",
                                  "{\"__metadata__\":{\"k\":\"v\"\"l\":\"\"}}"}) {
    CAPTURE(wrong);
    CHECK(refusal(wrong).starts_with("x: the header is not JSON at its byte "));
  }
}

TEST_CASE("a string of a header is what JSON says, also a long one") {
  using namespace std::string_literals;
  const auto value = [](const std::string& json) {
    return read("{\"__metadata__\":{\"k\" :\n\t\"" + json + "\"\r} }", "").metadata.at("k");
  };
  CHECK(value("") == "");
  CHECK(value("a\x7f/\\/\\\"\\\\\\b\\f\\n\\r\\t") == "a\x7f//\"\\\b\f\n\r\t");
  CHECK(value("\\u0000\\u007F\\u0080\\u07ff\\u0800\\uffff\\ud83d\\ude00") ==
        "\0\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x9f\x98\x80"s);
  std::string json, text;
  for (int k = 0; k < 3000; ++k) {
    json += "é\\\"€\\u00e9";
    text += "é\"€é";
    CHECK_MESSAGE(value(json) == text, k);
  }
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
  CHECK(refusal_of_w(R"({"dtype":"f32","shape":[1],"data_offsets":[0,4]})") ==
        "x: tensor 'w' has the unknown dtype 'f32', and no tensor a known one");
  CHECK(refusal_of_w(R"({"dtype":5})") == "x: tensor 'w': dtype must be a string");
  CHECK(refusal_of_w(R"({"dtype":{}})") == "x: tensor 'w': dtype must be a string");
  CHECK(refusal_of_w(R"({"dtype":["F32"]})") == "x: tensor 'w': dtype must be a string");

  const std::string shape = "x: tensor 'w': shape must be a list of at most 6 integers from 0 to 2^64 - 1";
  for (const char* wrong : {"1", "\"1\"", "[-1]", "[-0]", "[1.0]", "[1e0]", "[\"1\"]", "[true]", "[null]", "[[1]]",
                            "[01]", "[1,]", "[1 1]", "[{}]", "[18446744073709551616]", "[1,1,1,1,1,1,1]"}) {
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

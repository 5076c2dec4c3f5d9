// The numbers that the bytes of each dtype stand for.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <unroll/nn/files/stored_tensor.hpp>
#include <utility>
#include <vector>

#include "stored_files.hpp"

using namespace unroll;
using nn::Dtype;
using nn::StoredTensor;

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

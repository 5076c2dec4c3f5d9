// The checksum of the files that are written here: none of them changes without a word.
#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <unroll/nn/files/crc32c.hpp>
#include <unroll/nn/nn.hpp>

#include "stored_files.hpp"

using namespace unroll;

namespace {

struct Model : nn::Module<float> {
  nn::Linear<float> scores;
  explicit Model(Random& random) : scores({.input = 2, .output = 2}, random) { add("scores", scores); }
};

// Flips each bit of a file, one after the other; `load` must refuse it each time, by its name.
template <class F> void refuse_each_flipped_bit(const std::string& path, const F& load) {
  const std::string bytes = contents(path);
  CHECK_NOTHROW(load(path));
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t place, int byte) {
    file.seekp(static_cast<std::streamoff>(place)).put(static_cast<char>(byte)).flush();
  };
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    for (int bit = 0; bit < 8; ++bit) {
      put(place, bytes[place] ^ 1 << bit);
      const std::string text = error_of([&] { load(path); });
      CAPTURE(place);
      CAPTURE(bit);
      if (!text.starts_with(path + ": ")) FAIL_CHECK(text);
    }
    put(place, bytes[place]);
  }
  CHECK_NOTHROW(load(path));
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("CRC-32C is that of RFC 3720, whole or in pieces") {
  std::string bytes(32, '\0');
  CHECK(nn::crc32c(bytes.data(), 32) == 0x8a9136aa);
  bytes.assign(32, '\xff');
  CHECK(nn::crc32c(bytes.data(), 32) == 0x62a8ab43);
  for (int k = 0; k < 32; ++k) bytes[static_cast<std::size_t>(k)] = static_cast<char>(k);
  CHECK(nn::crc32c(bytes.data(), 32) == 0x46dd794e);
  CHECK(nn::crc32c("123456789", 9) == 0xe3069283);
  CHECK(nn::crc32c("", 0) == 0);
  for (std::size_t k = 0; k <= 32; ++k)
    CHECK(nn::crc32c(bytes.data() + k, 32 - k, nn::crc32c(bytes.data(), k)) == 0x46dd794e);
}

TEST_CASE("the checksum is of the whole file with its digits at zero") {
  const Directory directory;
  const std::string path = directory.file("x");
  nn::write_safetensors(path, {{"w", Array<float>{1, 2, 3}}});
  const std::string bytes = contents(path), key = "\"unroll.crc32c\":\"";
  const std::size_t at = bytes.find(key) + key.size();
  const std::string zeros = std::string(bytes).replace(at, 8, "00000000");
  CHECK(std::stoul(bytes.substr(at, 8), nullptr, 16) == nn::crc32c(zeros.data(), zeros.size()));
}

TEST_CASE("no bit of a saved model can be flipped") {
  const Directory directory;
  const std::string path = directory.file("model.safetensors");
  Random random(1);
  Model model(random);
  nn::save_safetensors(path, model, {{"T", "T"}, {"program", "tagger"}, {"words", "a\n\"b\" \\ é"}});
  refuse_each_flipped_bit(path, [](const std::string& file) { nn::read_safetensors(file); });
}

TEST_CASE("no bit of a checkpoint can be flipped") {
  const Directory directory;
  const std::string path = directory.file("run.safetensors");
  Random random(1);
  Model model(random);
  nn::SGD<float> optimizer(model.parameters());
  std::size_t epoch = 3;
  nn::Checkpoint checkpoint;
  checkpoint.add("model", model);
  checkpoint.add("optimizer", optimizer);
  checkpoint.add("random", random);
  checkpoint.add("epoch", epoch);
  checkpoint.save(path);
  refuse_each_flipped_bit(path, [&](const std::string& file) { checkpoint.load(file); });
}

TEST_CASE("what is changed, cut or added to is refused") {
  const Directory directory;
  const std::string path = directory.file("x");
  nn::write_safetensors(path, {{"w", Array<float>{1, 2, 3}}}, {{"k", "v"}});
  const std::string bytes = contents(path);
  const auto refusal = [&](const std::string& changed) {
    directory.write("y", changed);
    return refusal_by([&] { nn::read_safetensors(directory.file("y")); });
  };
  const std::string digits = bytes.substr(bytes.find("crc32c") + 9, 8);
  CHECK(refusal(replaced(bytes, digits, "0000zzzz")) ==
        "y: its checksum is " + digits + ", and it says '0000zzzz'; the file is damaged");
  CHECK(refusal(replaced(bytes, R"("k":"v")", R"("k":"w")")).ends_with("the file is damaged"));
  // Without the key of the checksum, the other one tells whose file it is; and a file of others cannot have either.
  CHECK(refusal(replaced(bytes, "unroll.crc32c", "another.crc32")) ==
        "y: it has the key 'unroll.format', but no checksum; the file is damaged");
  CHECK(refusal(replaced(bytes, "unroll.format", "another.forma")).ends_with("the file is damaged"));
  const std::string of_others = R"({"__metadata__":{"k":"v","unroll.k":"v"}})";
  CHECK(refusal(length_of(of_others.size()) + of_others) ==
        "y: it has the key 'unroll.k', but no checksum; the file is damaged");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(bytes.substr(0, size)) != "no error");
  }
  CHECK(refusal(bytes + '\0').ends_with("the file is damaged"));
}

TEST_CASE("a file of others needs no checksum, but a checkpoint does") {
  const Directory directory;
  const auto foreign = [&](const std::string& header) {
    return directory.write("x", length_of(header.size()) + header);
  };
  const nn::Safetensors file = nn::read_safetensors(foreign(R"({"__metadata__":{"format":"pt","Unroll.k":"v"}})"));
  CHECK(file.metadata == nn::Metadata{{"format", "pt"}, {"Unroll.k", "v"}});
  CHECK_FALSE(file.checked);

  const std::string path = directory.file("y");
  nn::write_safetensors(path, {});
  CHECK(nn::read_safetensors(path).checked);
  CHECK(nn::read_safetensors(path).metadata.empty());

  nn::Checkpoint checkpoint;
  checkpoint.save(path);
  checkpoint.load(path);
  CHECK(refusal_by([&] { checkpoint.load(foreign(R"({"__metadata__":{"format":"unroll checkpoint 1"}})")); }) ==
        "x: it carries no checksum, as every checkpoint does that this version writes");
}

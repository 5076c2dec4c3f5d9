#include "tagger_description.hpp"

#include <charconv>
#include <utility>

using namespace unroll;

namespace {

constexpr const char* format = "unroll tagger 1";

constexpr std::pair<const char*, std::size_t TaggerOptions::*> sizes[] = {
    {"word_size", &TaggerOptions::word_size},     {"char_size", &TaggerOptions::char_size},
    {"char_hidden", &TaggerOptions::char_hidden}, {"hidden", &TaggerOptions::hidden},
    {"layers", &TaggerOptions::layers},
};

std::size_t to_size(const std::string& key, const std::string& text) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  require(error == std::errc() && end == text.data() + text.size() && size > 0, "metadata", key, " is '", text,
          "'; it must be a size");
  return size;
}

TaggerOptions options_of(const nn::Metadata& metadata) {
  const std::string& found = find(metadata, "format");
  require(found == format, "metadata", "the format is '", found, "'; this program reads '", format, "'");
  TaggerOptions options;
  options.cell = find(metadata, "cell");
  require(tagger_cells.contains(options.cell), "metadata", "there is no cell '", options.cell, "'");
  for (const auto& [key, size] : sizes) options.*size = to_size(key, find(metadata, key));
  return options;
}

}  // namespace

nn::Metadata TaggerDescription::metadata() const {
  nn::Metadata metadata{{"format", format}, {"cell", options.cell}};
  for (const auto& [key, size] : sizes) metadata[key] = std::to_string(options.*size);
  vocabulary.write(metadata);
  return metadata;
}

TaggerDescription TaggerDescription::read(const std::string& path) {
  const nn::Metadata metadata = nn::read_safetensors(path).metadata;
  try {
    return {options_of(metadata), TaggerVocabulary(metadata)};
  } catch (const Error& error) {
    fail(path, "not a model of this program: ", error.what());
  }
}

#include "safetensors.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "../../autograd/instantiate.hpp"
#include "../text/utf8.hpp"
#include "atomic_file.hpp"
#include "crc32c.hpp"
#include "safetensors_header.hpp"

namespace unroll::nn {

namespace {

using detail::Header, detail::longest_header, detail::metadata_key, detail::printable;

// A file that is written here begins, after the length of its header, with its checksum. No single bit can make it a
// file of somebody else: whoever misses the checksum finds the other key, and the other way round.
constexpr std::string_view our_keys = "unroll.", opening = R"({"__metadata__":{"unroll.crc32c":")",
                           no_checksum = "00000000", after_checksum = R"(","unroll.format":"1")";
constexpr std::size_t checksum_at = sizeof(std::uint64_t) + opening.size();

std::string text_of(std::uint32_t checksum) {
  std::string text(no_checksum);
  for (std::size_t k = text.size(); k-- > 0; checksum >>= 4) text[k] = "0123456789abcdef"[checksum & 15];
  return text;
}

// Whether the file, whose header is to be read next, begins as those that are written here; a wrong checksum is an
// Error.
bool check(const std::string& path, std::istream& in) {
  std::string start(opening.size(), '\0'), checksum(no_checksum);
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  if (start != opening) return false;
  in.read(checksum.data(), static_cast<std::streamsize>(checksum.size()));
  in.clear();
  in.seekg(0);
  std::array<char, 1 << 14> piece;
  std::uint32_t found = 0;
  for (bool first = true; in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0;
       first = false) {
    if (first) std::ranges::copy(no_checksum, piece.data() + checksum_at);
    found = crc32c(piece.data(), static_cast<std::size_t>(in.gcount()), found);
  }
  require(checksum == text_of(found), path, "its checksum is ", text_of(found), ", and it says ", printable(checksum),
          "; the file is damaged");
  return true;
}

// Sorts the tensors as they lie in the file, which must be one after the other, without hole or overlap.
void check_layout(const std::string& path, Header& header, std::uint64_t size) {
  std::ranges::sort(header.places, {}, [](const Header::Place& place) { return std::tuple(place.begin, place.end); });
  const Header::Place* before = nullptr;
  std::uint64_t next = 0;
  for (const Header::Place& place : header.places) {
    if (place.begin != next) {
      const std::string name = header.describe(place).name;
      require(!before || header.describe(*before).name != name, path, "tensor ", printable(name), " occurs twice");
      fail(path, "tensor ", printable(name), " begins at byte ", place.begin,
           " of the data; without hole or overlap it begins at ", next);
    }
    next = place.end;
    before = &place;
  }
  require(next == size, path, "the tensors have ", next, " bytes; the file has ", size, " bytes of data");
}

// The metadata that is a user's.
Metadata without_our_keys(const std::string& path, Metadata metadata, bool checked) {
  std::erase_if(metadata, [&](const auto& entry) {
    const bool ours = entry.first.starts_with(our_keys);
    require(!ours || checked, path, "it has the key ", printable(entry.first),
            ", but no checksum; the file is damaged");
    return ours;
  });
  return metadata;
}

// As a JSON string.
std::string quoted(const std::string& path, std::string_view text) {
  constexpr std::string_view special = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt", digits = "0123456789abcdef";
  std::string result = "\"";
  for (std::size_t at = 0, length; at < text.size(); at += length) {
    length = length_of_first(text.substr(at));
    require(length > 0, path, "a tensor's name or the metadata is not UTF-8");
    const auto c = static_cast<unsigned char>(text[at]);
    if (const std::size_t k = special.find(text[at]); k != special.npos)
      (result += '\\') += letters[k];
    else if (c < ' ')
      ((result += "\\u00") += digits[c >> 4]) += digits[c & 15];
    else
      result += text.substr(at, length);
  }
  return result += '"';
}

using Named = std::pair<const std::string, StoredTensor>;

// With zeros for the checksum.
std::string header_of(const std::string& path, const std::vector<const Named*>& order, const Metadata& metadata) {
  std::string text = std::string(opening) + std::string(no_checksum) + std::string(after_checksum);
  for (const auto& [key, value] : metadata) {
    require(!key.starts_with(our_keys), path, "the metadata has ", printable(key), "; names that begin with '",
            our_keys, "' are the library's");
    text += ',' + quoted(path, key) + ':' + quoted(path, value);
  }
  text += '}';
  std::uint64_t begin = 0;
  for (const Named* const entry : order) {
    const auto& [name, tensor] = *entry;
    require(name != metadata_key, path, "no tensor can be named '", metadata_key, "'");
    require(tensor.dtype != Dtype::unknown, path, "tensor ", printable(name), " has an unknown dtype; it has no name");
    detail::check_size(path, "tensor " + printable(name), tensor.dtype, tensor.shape, tensor.bytes.size());
    text += ',' + quoted(path, name) + R"(:{"dtype":")" + name_of(tensor.dtype) + R"(","shape":[)";
    for (std::size_t k = 0; k < tensor.shape.size(); ++k) text += (k ? "," : "") + std::to_string(tensor.shape[k]);
    const std::uint64_t end = begin + tensor.bytes.size();
    text += R"(],"data_offsets":[)" + std::to_string(begin) + ',' + std::to_string(end) + "]}";
    begin = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

Safetensors read_safetensors(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  require(!error, path, "cannot be opened: ", error.message());
  std::array<char, 1024> buffer;  // small, since each step to a tensor fills it anew
  std::ifstream in;
  in.rdbuf()->pubsetbuf(buffer.data(), buffer.size());
  in.open(path, std::ios::binary);
  require(in.is_open(), path, "cannot be opened: ", std::generic_category().message(errno));

  std::uint64_t length = 0;
  require(size >= sizeof(length), path, "a file of ", size, " bytes; the length of the header alone takes 8");
  in.read(reinterpret_cast<char*>(&length), sizeof(length));
  require(length <= longest_header, path, "a header of ", length, " bytes; at most ", longest_header, " are allowed");
  const std::uint64_t data = sizeof(length) + length;
  require(data <= size, path, "a header of ", length, " bytes in a file of ", size);
  require(length > 0 && in.peek() == '{', path, "the header does not begin with '{'");

  Safetensors file;
  file.checked = check(path, in);
  in.clear();
  in.seekg(sizeof(length));
  Header header(path, in, length);
  check_layout(path, header, size - data);
  file.metadata = without_our_keys(path, std::move(header.metadata), file.checked);
  for (; !header.places.empty(); header.places.pop_front()) {
    auto [name, dtype, tensor, begin, end] = header.describe(header.places.front());
    const auto [entry, added] = file.tensors.try_emplace(std::move(name), std::move(tensor));
    require(added, path, "tensor ", printable(entry->first), " occurs twice");
    if (entry->second.dtype == Dtype::unknown) file.unknown_dtypes.emplace(entry->first, std::move(dtype));
    std::vector<std::byte>& bytes = entry->second.bytes;
    bytes.resize(end - begin);
    in.seekg(static_cast<std::streamoff>(data + begin));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    require(in.good(), path, "tensor ", printable(entry->first), " cannot be read: the file changed meanwhile");
  }
  if (!file.tensors.empty() && file.unknown_dtypes.size() == file.tensors.size()) {
    const auto& [name, dtype] = *file.unknown_dtypes.begin();
    fail(path, "tensor ", printable(name), " has the unknown dtype ", printable(dtype), ", and no tensor a known one");
  }
  return file;
}

void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const Metadata& metadata) {
  std::vector<const Named*> order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::ranges::stable_sort(order, std::greater(), [](const Named* tensor) { return width_of(tensor->second.dtype); });
  std::string header = header_of(path, order, metadata);
  const std::uint64_t length = header.size();
  require(length <= longest_header, path, "a header of ", length, " bytes; at most ", longest_header, " are allowed");
  std::uint32_t checksum = crc32c(header.data(), header.size(), crc32c(&length, sizeof(length)));
  for (const Named* const tensor : order)
    checksum = crc32c(tensor->second.bytes.data(), tensor->second.bytes.size(), checksum);
  header.replace(opening.size(), no_checksum.size(), text_of(checksum));

  write_atomically(path, [&](std::ostream& out) {
    out.write(reinterpret_cast<const char*>(&length), sizeof(length)) << header;
    for (const Named* const tensor : order) {
      const std::vector<std::byte>& bytes = tensor->second.bytes;
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
  });
}

template <class T> Metadata load_safetensors(const std::string& path, Module<T>& model, Unmatched* unmatched) {
  Safetensors file = read_safetensors(path);
  auto parameters = model.named_parameters();
  std::map<std::string, StoredTensor*> wanted;
  std::map<const Array<T>*, std::string> tied;  // the first name of each parameter
  Unmatched found_none;
  for (const auto& [name, parameter] : parameters) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end()) {
      require(unmatched, path, "no tensor '", name, "'; the model needs one of shape ", parameter.shape());
      found_none.missing.push_back(name);
      continue;
    }
    StoredTensor& tensor = found->second;
    require(tensor.shape == parameter.shape(), path, "'", name, "' has shape ", tensor.shape, "; the model needs ",
            parameter.shape());
    const std::string dtype =
        tensor.dtype == Dtype::unknown ? printable(file.unknown_dtypes[name]) : name_of(tensor.dtype);
    require(is_float(tensor.dtype), path, "'", name, "' has dtype ", dtype, "; the model needs F64, F32, F16 or BF16");
    wanted[name] = &tensor;
    const std::string& first = tied.try_emplace(&parameter.value(), name).first->second;
    require(tensor.bytes == wanted[first]->bytes, path, "'", first, "' and '", name,
            "' differ; in the model they are one parameter");
  }
  for (const auto& [name, tensor] : file.tensors) {
    // No parameter has an unknown dtype, so such a tensor does not tell that the file is of another model.
    if (wanted.contains(name)) continue;
    require(unmatched || tensor.dtype == Dtype::unknown, path, "tensor ", printable(name),
            " is not a parameter of the model");
    found_none.unexpected.push_back(name);
  }

  std::vector<std::pair<Parameter<T>, Array<T>>> values;
  for (const auto& [name, parameter] : parameters) {
    if (!wanted.contains(name) || tied.at(&parameter.value()) != name) continue;
    values.emplace_back(parameter, wanted[name]->template to<T>(path + ": '" + name + "'"));
    *wanted[name] = {};
  }
  for (auto& [parameter, array] : values) parameter.assign(std::move(array));
  if (unmatched) *unmatched = std::move(found_none);
  return std::move(file.metadata);
}

template <class T> void save_safetensors(const std::string& path, const Module<T>& model, const Metadata& metadata) {
  std::map<std::string, StoredTensor> tensors;
  for (const auto& [name, parameter] : model.named_parameters()) tensors.emplace(name, parameter.value());
  write_safetensors(path, tensors, metadata);
}

extern const auto models = unroll::detail::for_float_and_double(
    []<class T>() { return std::tuple(&load_safetensors<T>, &save_safetensors<T>); });

}  // namespace unroll::nn

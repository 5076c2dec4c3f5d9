#include "nn/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "nn/atomic_file.hpp"

namespace unroll::nn {
namespace {

constexpr std::uint64_t longest_header = 100'000'000;
constexpr const char* metadata_key = "__metadata__";

// A name from a file for a message: on one line, printable and not too long.
std::string printable(std::string_view name) {
  constexpr std::size_t most = 100;
  std::string text = "'" + std::string(name.substr(0, most)) + (name.size() > most ? "...'" : "'");
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

struct Entry {
  std::string name;
  Dtype dtype = Dtype::F32;
  Shape shape;
  std::uint64_t begin = 0;

  std::uint64_t bytes() const { return shape.elements() * width_of(dtype); }
  std::uint64_t end() const { return begin + bytes(); }
};

// The fields of a tensor in the header, and what each must be.
constexpr std::size_t dtype_field = 0, shape_field = 1;
constexpr std::array<const char*, 3> fields = {"dtype", "shape", "data_offsets"};
constexpr std::array<const char*, 3> forms = {"a string", "a list of at most 6 integers from 0 to 2^64 - 1",
                                              "two integers from 0 to 2^64 - 1"};
static_assert(Shape::most == 6);

// Receives the header piece by piece and refuses at the first piece that does not belong there, so that nesting costs
// no memory. The entries are in a deque, since a vector that grows holds everything twice.
class Header final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::deque<Entry> tensors;
  Metadata metadata;

  explicit Header(const std::string& path) : path_(path) {}

  bool null() override { refuse(); }
  bool boolean(bool) override { refuse(); }
  bool number_integer(std::int64_t) override { refuse(); }
  bool number_float(double, const std::string&) override { refuse(); }
  bool binary(binary_t&) override { refuse(); }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::list || numbers_.size() == (field_ == shape_field ? Shape::most : 2)) refuse();
    numbers_.push_back(value);
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      metadata.emplace(key_, value);
    } else if (place_ == Place::tensor && field_ == dtype_field) {
      const auto dtype = dtype_of(value);
      require(dtype.has_value(), path_, tensor(), " has the unknown dtype ", printable(value));
      entry_.dtype = *dtype;
    } else {
      refuse();
    }
    return true;
  }

  bool key(std::string& key) override {
    if (place_ == Place::header) {
      entry_.name = key;
    } else if (place_ == Place::metadata) {
      require(!metadata.contains(key), path_, metadata_key, " has ", printable(key), " twice");
      key_ = key;
    } else {
      field_ = static_cast<std::size_t>(std::ranges::find(fields, key) - fields.begin());
      require(field_ < fields.size(), path_, tensor(), " has the unknown field ", printable(key));
      require(!seen_[field_], path_, tensor(), " has ", key, " twice");
      seen_[field_] = true;
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::file) {
      place_ = Place::header;
    } else if (place_ == Place::header && entry_.name == metadata_key) {
      require(!has_metadata_, path_, metadata_key, " occurs twice");
      has_metadata_ = true;
      place_ = Place::metadata;
    } else if (place_ == Place::header) {
      seen_ = {};
      place_ = Place::tensor;
    } else {
      refuse();
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) add();
    place_ = Place::header;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || field_ == dtype_field) refuse();
    numbers_.clear();
    place_ = Place::list;
    return true;
  }

  bool end_array() override {
    if (field_ == shape_field) {
      entry_.shape = numbers_;
    } else {
      if (numbers_.size() != 2) refuse();
      entry_.begin = numbers_[0];
      end_ = numbers_[1];
    }
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(path_, "the header is not JSON at its byte ", position);
  }

 private:
  enum class Place { file, header, metadata, tensor, list };

  std::string tensor() const { return "tensor " + printable(entry_.name); }

  [[noreturn]] void refuse() const {
    if (entry_.name == metadata_key) fail(path_, metadata_key, " must be an object of strings");
    if (place_ == Place::header) fail(path_, tensor(), " must be described by an object");
    fail(path_, tensor(), ": ", fields[field_], " must be ", forms[field_]);
  }

  void add() {
    for (std::size_t k = 0; k < fields.size(); ++k) require(seen_[k], path_, tensor(), " has no ", fields[k]);
    std::uint64_t room = std::numeric_limits<std::int64_t>::max() / width_of(entry_.dtype);
    for (const std::size_t size : entry_.shape) {
      require(size <= room, path_, tensor(), " has shape ", entry_.shape, "; its size in bytes overflows");
      room /= std::max<std::size_t>(size, 1);
    }
    require(entry_.begin <= end_, path_, tensor(), " ends at byte ", end_, " of the data, before it begins at byte ",
            entry_.begin);
    check_size(path_, tensor(), entry_.dtype, entry_.shape, end_ - entry_.begin);
    tensors.push_back(entry_);
  }

  const std::string& path_;
  Place place_ = Place::file;
  bool has_metadata_ = false;
  std::string key_;        // of the metadata
  std::size_t field_ = 0;  // of the tensor
  std::array<bool, 3> seen_ = {};
  Entry entry_;
  std::uint64_t end_ = 0;
  std::vector<std::uint64_t> numbers_;
};

// Sorts the tensors as they lie in the file, which must be one after the other, without hole or overlap.
void check_layout(const std::string& path, std::deque<Entry>& tensors, std::uint64_t size) {
  std::ranges::sort(tensors, {}, &Entry::name);
  const auto twice = std::ranges::adjacent_find(tensors, {}, &Entry::name);
  if (twice != tensors.end()) fail(path, "tensor ", printable(twice->name), " occurs twice");

  std::ranges::sort(tensors, {}, [](const Entry& entry) { return std::tuple(entry.begin, entry.end()); });
  std::uint64_t next = 0;
  for (const Entry& entry : tensors) {
    require(entry.begin == next, path, "tensor ", printable(entry.name), " begins at byte ", entry.begin,
            " of the data; without hole or overlap it begins at ", next);
    next = entry.end();
  }
  require(next == size, path, "the tensors have ", next, " bytes; the file has ", size, " bytes of data");
}

// The bytes of the header as they are read; it is never in memory as a whole.
using Bytes = std::common_iterator<std::counted_iterator<std::istreambuf_iterator<char>>, std::default_sentinel_t>;

}  // namespace

Safetensors read_safetensors(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  require(!error, path, "cannot be opened: ", error.message());
  std::ifstream in(path, std::ios::binary);
  require(in.is_open(), path, "cannot be opened: ", std::generic_category().message(errno));

  std::uint64_t length = 0;
  require(size >= sizeof(length), path, "a file of ", size, " bytes; the length of the header alone takes 8");
  in.read(reinterpret_cast<char*>(&length), sizeof(length));
  require(length <= longest_header, path, "a header of ", length, " bytes; at most ", longest_header, " are allowed");
  const std::uint64_t data = sizeof(length) + length;
  require(data <= size, path, "a header of ", length, " bytes in a file of ", size);
  require(length > 0 && in.peek() == '{', path, "the header does not begin with '{'");

  const auto header_bytes = [&] {
    in.seekg(sizeof(length));
    return Bytes(std::counted_iterator(std::istreambuf_iterator<char>(in), static_cast<std::ptrdiff_t>(length)));
  };
  // To the parser a NUL is the end of the text, and whatever follows would go unseen.
  const Bytes end(std::default_sentinel);
  require(std::find(header_bytes(), end, '\0') == end, path, "the header holds a NUL byte");
  Header header(path);
  nlohmann::json::sax_parse(header_bytes(), end, &header);
  check_layout(path, header.tensors, size - data);

  Safetensors file;
  file.metadata = std::move(header.metadata);
  in.seekg(static_cast<std::streamoff>(data));
  for (const Entry& entry : header.tensors) {
    StoredTensor& tensor = file.tensors[entry.name];
    tensor.dtype = entry.dtype;
    tensor.shape = entry.shape;
    tensor.bytes.resize(entry.bytes());
    in.read(reinterpret_cast<char*>(tensor.bytes.data()), static_cast<std::streamsize>(tensor.bytes.size()));
    require(in.good(), path, "tensor ", printable(entry.name), " cannot be read: the file changed meanwhile");
  }
  return file;
}

void write_safetensors(const std::string& path, const std::map<std::string, StoredTensor>& tensors,
                       const Metadata& metadata) {
  std::vector<const std::pair<const std::string, StoredTensor>*> order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::ranges::stable_sort(order, std::greater(), [](const auto* tensor) { return width_of(tensor->second.dtype); });

  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header[metadata_key] = metadata;
  std::uint64_t begin = 0;
  for (const auto* const entry : order) {
    const auto& [name, tensor] = *entry;
    require(name != metadata_key, path, "no tensor can be named '", metadata_key, "'");
    check_size(path, "tensor " + printable(name), tensor.dtype, tensor.shape, tensor.bytes.size());
    const std::uint64_t end = begin + tensor.bytes.size();
    header[name] = {{"dtype", name_of(tensor.dtype)},
                    {"shape", std::vector<std::size_t>(tensor.shape.begin(), tensor.shape.end())},
                    {"data_offsets", std::vector<std::uint64_t>{begin, end}}};
    begin = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail(path, "a tensor's name or the metadata is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  require(length <= longest_header, path, "a header of ", length, " bytes; at most ", longest_header, " are allowed");

  write_atomically(path, [&](std::ostream& out) {
    out.write(reinterpret_cast<const char*>(&length), sizeof(length)) << text;
    for (const auto* const entry : order) {
      const std::vector<std::byte>& bytes = entry->second.bytes;
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
  });
}

template <class T>
Metadata load_safetensors(const std::string& path, Module<T>& model) {
  const Safetensors file = read_safetensors(path);
  auto parameters = model.named_parameters();
  std::map<std::string, const StoredTensor*> wanted;
  std::map<const Array<T>*, std::string> tied;  // the first name of each parameter
  for (const auto& [name, parameter] : parameters) {
    const auto found = file.tensors.find(name);
    require(found != file.tensors.end(), path, "no tensor '", name, "'; the model needs one of shape ",
            parameter.shape());
    const StoredTensor& tensor = found->second;
    require(tensor.shape == parameter.shape(), path, "'", name, "' has shape ", tensor.shape, "; the model needs ",
            parameter.shape());
    require(is_float(tensor.dtype), path, "'", name, "' has dtype ", name_of(tensor.dtype),
            "; the model needs F64, F32, F16 or BF16");
    wanted[name] = &tensor;
    const std::string& first = tied.try_emplace(&parameter.value(), name).first->second;
    require(tensor.bytes == wanted[first]->bytes, path, "'", first, "' and '", name,
            "' differ; in the model they are one parameter");
  }
  for (const auto& [name, tensor] : file.tensors) {
    require(wanted.contains(name), path, "tensor ", printable(name), " is not a parameter of the model");
  }

  std::vector<Array<T>> values;
  for (const auto& [name, parameter] : parameters) values.push_back(wanted[name]->template to<T>());
  for (std::size_t k = 0; k < values.size(); ++k) parameters[k].second.assign(std::move(values[k]));
  return file.metadata;
}

template <class T>
void save_safetensors(const std::string& path, const Module<T>& model, const Metadata& metadata) {
  std::map<std::string, StoredTensor> tensors;
  for (const auto& [name, parameter] : model.named_parameters()) tensors.emplace(name, parameter.value());
  write_safetensors(path, tensors, metadata);
}

template Metadata load_safetensors(const std::string&, Module<float>&);
template Metadata load_safetensors(const std::string&, Module<double>&);
template void save_safetensors(const std::string&, const Module<float>&, const Metadata&);
template void save_safetensors(const std::string&, const Module<double>&, const Metadata&);

}  // namespace unroll::nn

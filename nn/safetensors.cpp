#include "nn/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
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
#include <type_traits>
#include <utility>

#include "nn/atomic_file.hpp"

namespace unroll::nn {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::uint64_t longest_header = 100'000'000;
constexpr const char* metadata_key = "__metadata__";

struct Bool {
  std::uint8_t bits;
  operator std::uint8_t() const { return bits != 0; }
};

struct Half {
  std::uint16_t bits;
  operator float() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float magnitude = exponent == 31
                                ? (fraction ? NAN : INFINITY)
                                : std::ldexp(float(fraction + (exponent ? 1024 : 0)), std::max(exponent, 1) - 25);
    return bits >> 15 ? -magnitude : magnitude;
  }
};

struct BrainHalf {
  std::uint16_t bits;
  operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }
};

template <class T, class Element>
void convert(const std::byte* from, Buffer<T>& values) {
  for (T& value : values) {
    Element element;
    std::memcpy(&element, from, sizeof(Element));
    from += sizeof(Element);
    value = static_cast<T>(element);
  }
}

struct Kind {
  const char* name;
  std::size_t width;
  void (*to_float)(const std::byte*, Buffer<float>&);
  void (*to_double)(const std::byte*, Buffer<double>&);
  void (*to_index)(const std::byte*, Buffer<std::int64_t>&);
};

template <class Element>
constexpr Kind kind(const char* name) {
  return {name, sizeof(Element), convert<float, Element>, convert<double, Element>, convert<std::int64_t, Element>};
}

// In the order of Dtype.
constexpr Kind kinds[] = {
    kind<Bool>("BOOL"),        kind<std::uint8_t>("U8"), kind<std::int8_t>("I8"),    kind<std::uint16_t>("U16"),
    kind<std::int16_t>("I16"), kind<Half>("F16"),        kind<BrainHalf>("BF16"),    kind<std::uint32_t>("U32"),
    kind<std::int32_t>("I32"), kind<float>("F32"),       kind<std::uint64_t>("U64"), kind<std::int64_t>("I64"),
    kind<double>("F64"),
};

const Kind& kind_of(Dtype dtype) { return kinds[static_cast<std::size_t>(dtype)]; }

bool is_float(Dtype dtype) { return kind_of(dtype).name[0] == 'F' || dtype == Dtype::BF16; }

template <class T>
StoredTensor store(Dtype dtype, const Array<T>& values) {
  StoredTensor tensor;
  tensor.dtype = dtype;
  tensor.shape = values.shape();
  tensor.bytes.resize(values.size() * sizeof(T));
  std::copy_n(reinterpret_cast<const std::byte*>(values.data()), tensor.bytes.size(), tensor.bytes.begin());
  return tensor;
}

void check_size(const std::string& where, const std::string& tensor, Dtype dtype, const Shape& shape,
                std::uint64_t size) {
  const std::uint64_t needed = shape.elements() * kind_of(dtype).width;
  require(size == needed, where, tensor, " has ", size, " bytes; shape ", shape, " of ", kind_of(dtype).name, " needs ",
          needed);
}

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

  std::uint64_t bytes() const { return shape.elements() * kind_of(dtype).width; }
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
      const auto* const found = std::ranges::find(kinds, value, &Kind::name);
      require(found != std::end(kinds), path_, tensor(), " has the unknown dtype ", printable(value));
      entry_.dtype = static_cast<Dtype>(found - kinds);
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
    std::uint64_t room = std::numeric_limits<std::int64_t>::max() / kind_of(entry_.dtype).width;
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

StoredTensor::StoredTensor(const Array<float>& values) : StoredTensor(store(Dtype::F32, values)) {}
StoredTensor::StoredTensor(const Array<double>& values) : StoredTensor(store(Dtype::F64, values)) {}
StoredTensor::StoredTensor(const Indices& values) : StoredTensor(store(Dtype::I64, values)) {}

template <class T>
Array<T> StoredTensor::to() const {
  check_size("to", "the tensor", dtype, shape, bytes.size());
  Array<T> values = uninitialised<T>(shape);
  if constexpr (std::is_same_v<T, float>) {
    kind_of(dtype).to_float(bytes.data(), values.storage());
  } else {
    kind_of(dtype).to_double(bytes.data(), values.storage());
  }
  return values;
}

Indices StoredTensor::to_indices() const {
  require(!is_float(dtype), "to_indices", "a tensor of ", kind_of(dtype).name,
          "; indices are made of integers or BOOL");
  check_size("to_indices", "the tensor", dtype, shape, bytes.size());
  Indices values = uninitialised<std::int64_t>(shape);
  kind_of(dtype).to_index(bytes.data(), values.storage());
  const bool fits = dtype != Dtype::U64 || std::ranges::all_of(values.storage(), [](auto index) { return index >= 0; });
  require(fits, "to_indices", "a U64 above 2^63 - 1; indices have 64 bits with a sign");
  return values;
}

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
  std::ranges::stable_sort(order, std::greater(),
                           [](const auto* tensor) { return kind_of(tensor->second.dtype).width; });

  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header[metadata_key] = metadata;
  std::uint64_t begin = 0;
  for (const auto* const entry : order) {
    const auto& [name, tensor] = *entry;
    require(name != metadata_key, path, "no tensor can be named '", metadata_key, "'");
    check_size(path, "tensor " + printable(name), tensor.dtype, tensor.shape, tensor.bytes.size());
    const std::uint64_t end = begin + tensor.bytes.size();
    header[name] = {{"dtype", kind_of(tensor.dtype).name},
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
    require(is_float(tensor.dtype), path, "'", name, "' has dtype ", kind_of(tensor.dtype).name,
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

template Array<float> StoredTensor::to() const;
template Array<double> StoredTensor::to() const;
template Metadata load_safetensors(const std::string&, Module<float>&);
template Metadata load_safetensors(const std::string&, Module<double>&);
template void save_safetensors(const std::string&, const Module<float>&, const Metadata&);
template void save_safetensors(const std::string&, const Module<double>&, const Metadata&);

}  // namespace unroll::nn

#include "safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <streambuf>

#include "../text/utf8.hpp"

namespace unroll::nn::detail {
namespace {

// The fields of a tensor in the header, and what each must be.
constexpr std::size_t dtype_field = 0, shape_field = 1;
constexpr std::array<const char*, 3> fields = {"dtype", "shape", "data_offsets"};
constexpr std::array<const char*, 3> forms = {"a string", "a list of at most 6 integers from 0 to 2^64 - 1",
                                              "two integers from 0 to 2^64 - 1"};
static_assert(Shape::most == 6);

// The pieces of a JSON text (RFC 8259), byte by byte. Nothing here calls itself, so nesting costs no memory.
class Json {
 public:
  /// The next bytes of `in`, `before` bytes after the beginning.
  Json(const std::string& path, std::streambuf& in, std::uint64_t length, std::uint64_t before)
      : path_(path), in_(in), left_(length), at_(before) {}

  /// How many bytes are read.
  std::uint64_t position() const { return at_; }

  /// The next byte, -1 at the end.
  int peek() { return left_ > 0 ? in_.sgetc() : -1; }
  /// The next byte that is not white space.
  int peek_token() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') take();
    return peek();
  }
  bool accept(char token) {
    const bool is_next = peek_token() == token;
    if (is_next) take();
    return is_next;
  }
  void expect(char token) {
    if (peek_token() != token) refuse_next();
    take();
  }
  void expect_end() {
    if (peek_token() >= 0) refuse_next();
  }

  /// Calls `member` at each name of an object.
  template <class F> void object(const F& member) {
    expect('{');
    if (accept('}')) return;
    do member();
    while (accept(','));
    expect('}');
  }
  /// A name, up to its value.
  std::string name() {
    std::string result = string();
    expect(':');
    if (peek_token() < 0) refuse_next();
    return result;
  }

  std::string string() {
    expect('"');
    std::string text;
    bool measured = false;
    for (; peek() != '"'; append_character(text)) {
      if (measured || text.size() < long_string) continue;
      text.reserve(text.size() + rest_of_string());
      measured = true;
    }
    take();
    if (!measured) text.shrink_to_fit();
    return text;
  }

  /// Reads digits; false if they are no number, or one of more than 64 bits.
  bool number(std::uint64_t& value) {
    const bool starts = '0' <= peek() && peek() <= '9', zero = peek() == '0';
    bool fits = starts;
    value = 0;
    for (int digits = 0; '0' <= peek() && peek() <= '9'; ++digits) {
      const auto digit = static_cast<unsigned>(take() - '0');
      fits = fits && !(zero && digits) && !__builtin_mul_overflow(value, 10u, &value) &&
             !__builtin_add_overflow(value, digit, &value);
    }
    return fits;
  }

 private:
  // A string that is longer is measured before it is read: one that grows is held three times.
  static constexpr std::size_t long_string = 4096;

  // The bytes are counted from 1.
  [[noreturn]] void refuse() const { fail(path_, "the header is not JSON at its byte ", at_); }
  [[noreturn]] void refuse_next() {
    ++at_;
    refuse();
  }

  int take() {
    ++at_;
    if (left_ == 0) return -1;
    --left_;
    return in_.sbumpc();
  }

  // The bytes of a string from here to its end.
  std::size_t rest_of_string() {
    const auto here = in_.pubseekoff(0, std::ios::cur, std::ios::in);
    std::uint64_t size = 0;
    for (int c = in_.sbumpc(); size < left_ && c != '"' && c >= 0; c = in_.sbumpc(), ++size) {
      if (c == '\\') in_.sbumpc(), ++size;
    }
    in_.pubseekpos(here, std::ios::in);
    return size;
  }

  void append_character(std::string& text) {
    const int first = take();
    if (first < ' ') refuse();
    if (first == '\\') return append_escaped(text);
    std::array<char, 4> bytes = {static_cast<char>(first)};
    std::size_t size = 1;
    if (first >= 0x80)
      while (size < bytes.size() && 0x80 <= peek() && peek() < 0xC0) bytes[size++] = static_cast<char>(take());
    if (length_of_first({bytes.data(), size}) != size) refuse();
    text.append(bytes.data(), size);
  }

  void append_escaped(std::string& text) {
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const int c = take();
    if (c == 'u') {
      std::uint32_t point = four_digits();
      if (0xDC00 <= point && point < 0xE000) refuse();
      if (0xD800 <= point && point < 0xDC00) {
        if (take() != '\\' || take() != 'u') refuse();
        const std::uint32_t low = four_digits();
        if (low < 0xDC00 || low >= 0xE000) refuse();
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
      }
      append_point(text, point);
    } else {
      const std::size_t k = c < 0 ? letters.npos : letters.find(static_cast<char>(c));
      if (k == letters.npos) refuse();
      text += meanings[k];
    }
  }

  std::uint32_t four_digits() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::uint32_t number = 0;
    for (int k = 0; k < 4; ++k) {
      const int c = take();
      const std::size_t digit = c < 0 ? digits.npos : digits.find(static_cast<char>('A' <= c && c <= 'F' ? c + 32 : c));
      if (digit == digits.npos) refuse();
      number = 16 * number + static_cast<std::uint32_t>(digit);
    }
    return number;
  }

  static void append_point(std::string& text, std::uint32_t point) {
    const auto six_bits = [&](int k) { text += static_cast<char>(0x80 | (point >> 6 * k & 63)); };
    const int more = (point >= 0x80) + (point >= 0x800) + (point >= 0x10000);
    constexpr std::array lead = {0x00, 0xC0, 0xE0, 0xF0};
    text += static_cast<char>(static_cast<std::uint32_t>(lead[static_cast<std::size_t>(more)]) | point >> 6 * more);
    for (int k = more; k-- > 0;) six_bits(k);
  }

  const std::string& path_;
  std::streambuf& in_;
  std::uint64_t left_, at_;  // bytes to come, bytes read
};

bool read_string(Json& json, std::string& text) {
  if (json.peek() != '"') return false;
  text = json.string();
  return true;
}

bool read_list(Json& json, Shape& list, std::size_t most) {
  if (!json.accept('[')) return false;
  if (json.accept(']')) return true;
  do {
    std::uint64_t number;
    json.peek_token();
    if (list.size() == most || !json.number(number)) return false;
    list.push_back(number);
  } while (json.accept(','));
  return json.accept(']');
}

void read_metadata(const std::string& path, Json& json, Metadata& metadata) {
  const auto require_next = [&](char token) {
    require(json.peek() == token, path, metadata_key, " must be an object of strings");
  };
  require_next('{');
  json.object([&] {
    std::string key = json.name();
    require_next('"');
    const auto [entry, added] = metadata.try_emplace(std::move(key));
    require(added, path, metadata_key, " has ", printable(entry->first), " twice");
    entry->second = json.string();
  });
}

Header::Description read_tensor(const std::string& path, Json& json, std::string name) {
  Header::Description result{std::move(name), {}, {}, 0, 0};
  StoredTensor& stored = result.tensor;
  const std::string tensor = "tensor " + printable(result.name);
  require(json.peek() == '{', path, tensor, " must be described by an object");
  Shape offsets;
  std::array<bool, 3> seen = {};
  json.object([&] {
    const std::string key = json.name();
    const auto field = static_cast<std::size_t>(std::ranges::find(fields, key) - fields.begin());
    require(field < fields.size(), path, tensor, " has the unknown field ", printable(key));
    require(!seen[field], path, tensor, " has ", key, " twice");
    seen[field] = true;
    const bool well_formed = field == dtype_field   ? read_string(json, result.dtype)
                             : field == shape_field ? read_list(json, stored.shape, Shape::most)
                                                    : read_list(json, offsets, 2) && offsets.size() == 2;
    require(well_formed, path, tensor, ": ", fields[field], " must be ", forms[field]);
  });
  for (std::size_t k = 0; k < fields.size(); ++k) require(seen[k], path, tensor, " has no ", fields[k]);

  stored.dtype = dtype_of(result.dtype);
  std::uint64_t room = std::numeric_limits<std::int64_t>::max() / width_of(stored.dtype);
  for (const std::size_t size : stored.shape) {
    require(size <= room, path, tensor, " has shape ", stored.shape, "; its size in bytes overflows");
    room /= std::max<std::size_t>(size, 1);
  }
  result.begin = offsets[0];
  result.end = offsets[1];
  require(result.begin <= result.end, path, tensor, " ends at byte ", result.end,
          " of the data, before it begins at byte ", result.begin);
  check_size(path, tensor, stored.dtype, stored.shape, result.end - result.begin);
  return result;
}

}  // namespace

std::string printable(std::string_view name) {
  constexpr std::size_t most = 100;
  std::string text = "'" + std::string(name.substr(0, most)) + (name.size() > most ? "...'" : "'");
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

Header::Header(const std::string& path, std::istream& in, std::uint64_t length)
    : path_(path), in_(in), begin_(in.tellg()), length_(length) {
  Json json(path, *in.rdbuf(), length, 0);
  bool has_metadata = false;
  json.object([&] {
    json.peek_token();
    const std::uint64_t at = json.position();
    std::string name = json.name();
    if (name == metadata_key) {
      require(!has_metadata, path, metadata_key, " occurs twice");
      has_metadata = true;
      read_metadata(path, json, metadata);
    } else {
      const Description tensor = read_tensor(path, json, std::move(name));
      places.push_back({at, tensor.begin, tensor.end});
    }
  });
  json.expect_end();
}

Header::Description Header::describe(const Place& place) {
  in_.seekg(begin_ + static_cast<std::streamoff>(place.description));
  Json json(path_, *in_.rdbuf(), length_ - place.description, place.description);
  std::string name = json.name();
  return read_tensor(path_, json, std::move(name));
}

}  // namespace unroll::nn::detail

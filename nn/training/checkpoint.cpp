#include "checkpoint.hpp"

#include <algorithm>
#include <type_traits>

namespace unroll::nn {

namespace {

// What a value is in a file, and back.
Indices stored(const Random& random) { return indices(random.state()); }
Indices stored(std::size_t number) { return indices({static_cast<std::int64_t>(number)}); }
Indices stored(const std::vector<std::size_t>& numbers) { return indices(numbers); }
Array<double> stored(double number) { return {number}; }
Array<double> stored(const std::vector<double>& numbers) {
  Array<double> result = uninitialised<double>({numbers.size()});
  std::ranges::copy(numbers, result.begin());
  return result;
}
template <class T> const Array<T>& stored(const Array<T>& array) { return array; }

template <class Value> Value loaded(const StoredTensor& tensor) {
  if constexpr (std::is_same_v<Value, Random>) {
    const Indices words = tensor.to_indices();
    return Random::from_state({std::uint64_t(words(0)), std::uint64_t(words(1)), std::uint64_t(words(2))});
  } else if constexpr (std::is_same_v<Value, std::size_t>) {
    return static_cast<std::size_t>(tensor.to_indices()(0));
  } else if constexpr (std::is_same_v<Value, double>) {
    return tensor.to<double>()(0);
  } else if constexpr (std::is_same_v<Value, std::vector<std::size_t>>) {
    const Indices numbers = tensor.to_indices();
    return {numbers.begin(), numbers.end()};
  } else if constexpr (std::is_same_v<Value, std::vector<double>>) {
    const Array<double> numbers = tensor.to<double>();
    return {numbers.begin(), numbers.end()};
  } else {
    return tensor.to<typename Value::value_type>();
  }
}

// A value, or the part of a long one around the place where it first differs from another.
std::string excerpt(const std::string& value, const std::string& other) {
  constexpr std::size_t before = 20, most = 60;
  if (value.size() <= most) return "'" + value + "'";
  const auto continues = [&](std::size_t at) { return at < value.size() && (value[at] & 0xc0) == 0x80; };
  const auto differs = std::size_t(std::ranges::mismatch(value, other).in1 - value.begin());
  std::size_t first = differs > before ? differs - before : 0, last = std::min(first + most, value.size());
  while (first > 0 && continues(first)) --first;
  while (continues(last)) ++last;
  return (first ? "'..." : "'") + value.substr(first, last - first) + (last < value.size() ? "...'" : "'");
}

}  // namespace

Checkpoint::Checkpoint() { fixed_.emplace_back("format", "unroll checkpoint 1"); }

// The format is fixed from the first.
void Checkpoint::require_not_moved() const {
  require(!fixed_.empty(), "checkpoint", "it was moved from; use the one that it was moved to");
}

void Checkpoint::add_entry(Entry entry) {
  require_not_moved();
  require(std::none_of(entries_.begin(), entries_.end(), [&](const Entry& other) { return other.name == entry.name; }),
          "checkpoint", "'", entry.name, "' is added twice; names must be different");
  entries_.push_back(std::move(entry));
}

void Checkpoint::fix(const std::string& name, const std::string& value) {
  require_not_moved();
  // The same value may be fixed again: an optimizer's name is an option of some programs as well.
  require(std::ranges::none_of(fixed_, [&](const auto& other) { return other.first == name && other.second != value; }),
          "checkpoint", "'", name, "' is added twice; names must be different");
  fixed_.emplace_back(name, value);
}

void Checkpoint::note(const std::string& name, const std::string& value) { notes_[name] = value; }

template <class T> void Checkpoint::add(const std::string& name, const Module<T>& model) {
  for (const auto& [inner, parameter] : model.named_parameters())
    add_entry({name + "." + inner, false, [p = parameter] { return StoredTensor(p.value()); },
               [p = parameter](const StoredTensor& tensor) {
                 return [p, values = tensor.to<T>()]() mutable { p.assign(std::move(values)); };
               }});
}

template <class Value> void Checkpoint::add_value(const std::string& name, Value& value, bool any_length) {
  add_entry({name, any_length, [&] { return StoredTensor(stored(value)); },
             [&](const StoredTensor& tensor) {
               return [&, there = loaded<Value>(tensor)]() mutable { value = std::move(there); };
             }});
}
void Checkpoint::add(const std::string& name, Random& random) { add_value(name, random); }
void Checkpoint::add(const std::string& name, std::size_t& number) { add_value(name, number); }
void Checkpoint::add(const std::string& name, double& number) { add_value(name, number); }
void Checkpoint::add(const std::string& name, std::vector<std::size_t>& numbers) { add_value(name, numbers, true); }
void Checkpoint::add(const std::string& name, std::vector<double>& numbers) { add_value(name, numbers, true); }
template <class T> void Checkpoint::add(const std::string& name, Array<T>& array) { add_value(name, array); }

void Checkpoint::save(const std::string& path) const {
  require_not_moved();
  std::map<std::string, StoredTensor> tensors;
  for (const Entry& entry : entries_) tensors.emplace(entry.name, entry.get());
  Metadata metadata = notes_;
  metadata.insert(fixed_.begin(), fixed_.end());
  write_safetensors(path, tensors, metadata);
}

void Checkpoint::load(const std::string& path) {
  require_not_moved();
  Safetensors file = read_safetensors(path);
  require(file.metadata.contains("format"), path, "this is no checkpoint");
  require(file.checked, path, "it carries no checksum, as every checkpoint does that this version writes");
  for (const auto& [name, value] : fixed_) {
    const auto found = file.metadata.find(name);
    require(found != file.metadata.end(), path, "it does not say what '", name, "' is; this training has ",
            excerpt(value, {}));
    require(found->second == value, path, "'", name, "' is ", excerpt(found->second, value), "; this training has ",
            excerpt(value, found->second));
  }
  for (const Entry& entry : entries_) {
    const auto found = file.tensors.find(entry.name);
    require(found != file.tensors.end(), path, "no '", entry.name, "'; this training has one");
    const StoredTensor &theirs = found->second, ours = entry.get();
    require(theirs.dtype == ours.dtype, path, "'", entry.name, "' has dtype ", name_of(theirs.dtype),
            "; this training has ", name_of(ours.dtype));
    require(entry.any_length ? theirs.shape.size() == 1 : theirs.shape == ours.shape, path, "'", entry.name,
            "' has shape ", theirs.shape, "; this training has ", ours.shape);
  }
  require(file.tensors.size() == entries_.size(), path, "it has ", file.tensors.size(), " entries; this training has ",
          entries_.size());
  std::vector<std::function<void()>> changes;
  for (const Entry& entry : entries_) {
    StoredTensor& tensor = file.tensors.at(entry.name);
    changes.push_back(entry.set(tensor));
    tensor = {};
  }
  for (const auto& change : changes) change();
}

template void Checkpoint::add(const std::string&, const Module<float>&);
template void Checkpoint::add(const std::string&, const Module<double>&);
template void Checkpoint::add(const std::string&, Array<float>&);
template void Checkpoint::add(const std::string&, Array<double>&);

}  // namespace unroll::nn

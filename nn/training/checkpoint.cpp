#include "checkpoint.hpp"

#include <algorithm>
#include <bit>

namespace unroll::nn {

namespace {

template <class T> Array<T> array_of(const std::vector<T>& numbers) {
  Array<T> result = Array<T>::from_shape({numbers.size()});
  std::copy(numbers.begin(), numbers.end(), result.begin());
  return result;
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

void Checkpoint::add(const std::string& name, Random& random) {
  add_entry({name, false, [&] { return StoredTensor(indices(random.state())); },
             [&](const StoredTensor& tensor) {
               const Indices words = tensor.to_indices();
               Random::State state;
               std::transform(words.begin(), words.end(), state.begin(),
                              [](std::int64_t x) { return std::uint64_t(x); });
               return [&, state] { random = Random::from_state(state); };
             }});
}

void Checkpoint::add(const std::string& name, std::size_t& number) {
  add_entry({name, false, [&] { return StoredTensor(indices(std::vector{number})); },
             [&](const StoredTensor& tensor) {
               return [&, value = tensor.to_indices()(0)] { number = static_cast<std::size_t>(value); };
             }});
}

void Checkpoint::add(const std::string& name, double& number) {
  add_entry({name, false, [&] { return StoredTensor(array_of<double>({number})); },
             [&](const StoredTensor& tensor) { return [&, value = tensor.to<double>()(0)] { number = value; }; }});
}

void Checkpoint::add(const std::string& name, std::vector<std::size_t>& numbers) {
  add_entry({name, true, [&] { return StoredTensor(indices(numbers)); },
             [&](const StoredTensor& tensor) {
               const Indices loaded = tensor.to_indices();
               return [&, values = std::vector<std::size_t>(loaded.begin(), loaded.end())]() mutable {
                 numbers.swap(values);
               };
             }});
}

void Checkpoint::add(const std::string& name, std::vector<double>& numbers) {
  add_entry({name, true, [&] { return StoredTensor(array_of(numbers)); },
             [&](const StoredTensor& tensor) {
               const Array<double> loaded = tensor.to<double>();
               return
                   [&, values = std::vector<double>(loaded.begin(), loaded.end())]() mutable { numbers.swap(values); };
             }});
}

template <class T> void Checkpoint::add(const std::string& name, Array<T>& array) {
  add_entry({name, false, [&] { return StoredTensor(array); },
             [&](const StoredTensor& tensor) {
               return [&, values = tensor.to<T>()]() mutable { array = std::move(values); };
             }});
}

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

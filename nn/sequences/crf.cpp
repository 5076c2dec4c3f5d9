#include "crf.hpp"

#include <algorithm>
#include <limits>

#include "../../autograd/tape.hpp"

namespace unroll::nn {

namespace {

template <class T> constexpr T never = -std::numeric_limits<T>::infinity();

// One after the other, 1 for what may be, 0 for what must not be.
template <class T> Variable<T> flat(const char* what, const Indices& allowed, const Shape& shape) {
  if (allowed.dimension() == 0) return ones<T>({shape.elements()});
  require(Shape(allowed.shape()) == shape, "crf", "constraints of shape ", Shape(allowed.shape()), " on ", what,
          "; it must be ", shape);
  return not_equal(reshape(Variable<T>(allowed), {-1}), 0);
}

// The n best paths by emissions (time, tags), from the n best ways to each tag: way r to tag i is number i · ways + r.
template <class T>
std::vector<TagPath<T>> best_paths(const Variable<T>& e, const std::vector<Variable<T>>& weights, std::size_t n) {
  const std::size_t time = e.shape()[0], tags = e.shape()[1];
  if (time == 0) return {{{}, 0}};
  const auto best = [&](const Variable<T>& scores) { return top_k(scores, std::min(n, scores.shape()[0]), 0); };
  const Variable<T> move = reshape(weights[0], {tags, std::size_t(1), tags});
  std::vector<Indices> from{Indices::from_shape({std::size_t(1), tags})};  // (ways, tags): which way each continues
  Variable<T> score = unsqueeze(weights[1] + e[0], 0);
  for (std::size_t t = 1; t < time; ++t) {
    const TopK<T> next = best(reshape(unsqueeze(transpose(score), -1) + move, {score.size(), tags}));
    from.push_back(next.indices);
    score = next.values + e[std::int64_t(t)];
  }
  const TopK<T> last = best(reshape(transpose(score + weights[2]), {-1}));
  std::vector<TagPath<T>> paths;
  for (std::size_t k = 0; k < last.indices.size() && last.values.value()(k) != never<T>; ++k) {
    TagPath<T>& path = paths.emplace_back(TagPath<T>{std::vector<std::int64_t>(time), last.values.value()(k)});
    auto way = static_cast<std::size_t>(last.indices(k));
    for (std::size_t t = time; t-- > 0;) {
      const std::size_t ways = from[t].shape()[0], tag = way / ways;
      path.tags[t] = static_cast<std::int64_t>(tag);
      if (t > 0) way = static_cast<std::size_t>(from[t](way % ways, tag));
    }
  }
  return paths;
}

}  // namespace

TagConstraints bio_constraints(const std::vector<std::string>& tags) {
  const std::size_t n = tags.size();
  for (std::size_t j = 0; j < n; ++j)
    require(tags[j] == "O" || tags[j].starts_with("B-") || tags[j].starts_with("I-"), "bio_constraints", "tag ", j,
            " is '", tags[j], "'; it must be O, B-... or I-...");
  TagConstraints allowed{xt::ones<std::int64_t>({n, n}), xt::ones<std::int64_t>({n}), {}};
  for (std::size_t j = 0; j < n; ++j) {
    if (tags[j][0] != 'I') continue;
    allowed.start(j) = 0;
    for (std::size_t i = 0; i < n; ++i) allowed.transitions(i, j) = tags[i].substr(1) == tags[j].substr(1);
  }
  return allowed;
}

template <class T> CRF<T>::CRF(const CRFOptions& options, Random& random) : tags_(options.tags) {
  require(tags_ > 0, "crf", "0 tags; their number must be given");
  const TagConstraints& allowed = options.allowed;
  const Variable<T> all =
      concatenate<T>({flat<T>("transitions", allowed.transitions, {tags_, tags_}),
                      flat<T>("the start", allowed.start, {tags_}), flat<T>("the end", allowed.end, {tags_})});
  if (min(all).item() == 0) allowed_ = all;
  this->add("transitions", transitions, random.uniform<T>({tags_, tags_}, -0.1, 0.1));
  this->add("start", start, random.uniform<T>({tags_}, -0.1, 0.1));
  this->add("end", end, random.uniform<T>({tags_}, -0.1, 0.1));
}

template <class T> Packing CRF<T>::packed(const Variable<T>& emissions, const std::optional<Indices>& lengths) const {
  const Shape& shape = emissions.shape();
  require(shape.size() == 3 && shape[2] == tags_, "crf", "emissions of shape ", shape, "; it must be (time, batch, ",
          tags_, ")");
  return Packing(shape[0], shape[1], lengths);
}

// Transitions, start and end, one after the other, −∞ for what must not be.
template <class T> Variable<T> CRF<T>::weights() const {
  const Variable<T> all = concatenate<T>({reshape(transitions, {-1}), start, end});
  return allowed_.has_value() ? where(allowed_, all, never<T>) : all;
}

// The scores of the labels' paths: sums of entries of the emissions and weights, laid out one after the other.
template <class T>
Variable<T> CRF<T>::path_score(const Variable<T>& emissions, const Indices& labels, const Packing& packing) const {
  const std::size_t time = emissions.shape()[0], batch = packing.batch();
  require(Shape(labels.shape()) == Shape{time, batch}, "crf", "labels of shape ", Shape(labels.shape()),
          " for emissions of shape ", emissions.shape(), "; there must be one for each step of each sequence");
  const std::size_t moves = emissions.size(), starts = moves + tags_ * tags_, ends = starts + tags_;
  std::vector<std::size_t> entries, sequences;
  for (std::size_t k = 0; k < batch; ++k) {
    const std::size_t length = packing.length(k);
    for (std::size_t t = 0, before = 0; t < length; ++t) {
      const auto label = static_cast<std::size_t>(labels(t, k));
      const Shape position{t, k};
      require(label < tags_, "crf", "label ", labels(t, k), " at position ", position, "; there are ", tags_, " tags");
      const auto pass = [&](std::size_t entry) {
        require(entry < moves || !allowed_.has_value() || allowed_.value()(entry - moves) != 0, "crf", "label ", label,
                " at position ", position, "; the constraints do not allow it there");
        entries.push_back(entry);
        sequences.push_back(k);
      };
      pass((t * batch + k) * tags_ + label);
      pass(t ? moves + before * tags_ + label : starts + label);
      before = label;
      if (t + 1 == length) pass(ends + label);
    }
  }
  const Variable<T> all = concatenate<T>({reshape(emissions, {-1}), weights()});
  return scatter(take(all, indices(entries)), indices(sequences), batch);
}

// The forward algorithm: α_t[j] = ln Σᵢ e^(α_t₋₁[i] + transitions[i, j]) + e_t[j], over the sequences that still run.
template <class T> Variable<T> CRF<T>::log_normaliser(const Variable<T>& emissions, const Packing& packing) const {
  const std::vector<Variable<T>> e = split(packing.pack(emissions), packing.sizes(), 0);
  const std::vector<Variable<T>> parts = split(weights(), {tags_ * tags_, tags_, tags_});
  const Variable<T> move = reshape(parts[0], {tags_, tags_});
  std::vector<Variable<T>> alpha{parts[1] + e[0]};
  for (std::size_t t = 1; t < e.size(); ++t) {
    const Variable<T> last = slice(alpha.back(), 0, 0, static_cast<std::int64_t>(e[t].shape()[0]));
    alpha.push_back(logsumexp(unsqueeze(last, -1) + move, 1) + e[t]);
  }
  const Variable<T> none = zeros<T>({packing.batch(), tags_}), counts = packing.unpack(ones<T>({packing.rows()}));
  return where(sum(counts, 0), logsumexp(packing.final_state(alpha, none, false) + parts[2], 1), 0);
}

template <class T>
Variable<T> CRF<T>::log_likelihood(const Variable<T>& emissions, const Indices& labels,
                                   const std::optional<Indices>& lengths) const {
  const Scope scope("crf");
  const Packing packing = packed(emissions, lengths);
  return path_score(emissions, labels, packing) - log_normaliser(emissions, packing);
}

template <class T>
Total<T> CRF<T>::loss(const Variable<T>& emissions, const Indices& labels,
                      const std::optional<Indices>& lengths) const {
  return {-sum(log_likelihood(emissions, labels, lengths)), double(packed(emissions, lengths).sizes()[0])};
}

template <class T>
Variable<T> CRF<T>::score(const Variable<T>& emissions, const Indices& labels,
                          const std::optional<Indices>& lengths) const {
  const Scope scope("crf");
  return path_score(emissions, labels, packed(emissions, lengths));
}

template <class T>
Variable<T> CRF<T>::marginals(const Variable<T>& emissions, const std::optional<Indices>& lengths) const {
  const Scope scope("crf");
  const Packing packing = packed(emissions, lengths);
  Tape<T> tape;
  const Variable<T> e = tape.watch(emissions);
  return tape.gradient(sum(log_normaliser(e, packing)), {e})[0];
}

template <class T> Indices CRF<T>::decode(const Variable<T>& emissions, const std::optional<Indices>& lengths) const {
  const auto paths = n_best(emissions, 1, lengths);
  const Packing packing = packed(emissions, lengths);
  Indices result = Indices::from_shape({emissions.shape()[0], packing.batch()});
  result.fill(ignored);
  for (std::size_t k = 0; k < packing.batch(); ++k) {
    const std::size_t length = packing.length(k);
    require(!paths[k].empty() || !allowed_.has_value(), "crf", "sequence ", k, " of length ", length,
            "; the constraints allow no such path");
    // Where no path may be by the parameters, all are equal.
    for (std::size_t t = 0; t < length; ++t) result(t, k) = paths[k].empty() ? 0 : paths[k][0].tags[t];
  }
  return result;
}

template <class T>
std::vector<std::vector<TagPath<T>>> CRF<T>::n_best(const Variable<T>& emissions, std::size_t n,
                                                    const std::optional<Indices>& lengths) const {
  const Scope scope("crf");
  require(n > 0, "crf", "the 0 best paths; there must be one");
  const Packing packing = packed(emissions, lengths);
  const Innermost<Tape<T>> alone(nullptr);
  const std::vector<Variable<T>> parts = split(weights(), {tags_ * tags_, tags_, tags_});
  std::vector<std::vector<TagPath<T>>> paths;
  for (std::size_t k = 0; k < packing.batch(); ++k) {
    const auto length = static_cast<std::int64_t>(packing.length(k));
    paths.push_back(best_paths(select(slice(emissions, 0, 0, length), 1, std::int64_t(k)), parts, n));
  }
  return paths;
}

template class CRF<float>;
template class CRF<double>;

}  // namespace unroll::nn

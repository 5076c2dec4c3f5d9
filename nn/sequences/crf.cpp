#include "crf.hpp"

#include <algorithm>
#include <limits>

#include "../../autograd/scope.hpp"

namespace unroll::nn {

namespace {

std::size_t length_of(const std::optional<Indices>& lengths, std::size_t sequence, std::size_t time) {
  return lengths ? static_cast<std::size_t>((*lengths)(sequence)) : time;
}

}  // namespace

template <class T> CRF<T>::CRF(const CRFOptions& options, Random& random) : tags_(options.tags) {
  require(tags_ > 0, "crf", "0 tags; their number must be given");
  transitions = Parameter<T>(random.uniform<T>({tags_, tags_}, -0.1, 0.1));
  start = Parameter<T>(random.uniform<T>({tags_}, -0.1, 0.1));
  end = Parameter<T>(random.uniform<T>({tags_}, -0.1, 0.1));
  this->add("transitions", transitions);
  this->add("start", start);
  this->add("end", end);
}

template <class T> Packing CRF<T>::packed(const Variable<T>& emissions, const std::optional<Indices>& lengths) const {
  const Shape& shape = emissions.shape();
  require(shape.size() == 3 && shape[2] == tags_, "crf", "emissions of shape ", shape, "; it must be (time, batch, ",
          tags_, ")");
  return Packing(shape[0], shape[1], lengths);
}

// The scores of the labels' paths: sums of entries of the emissions and parameters, laid out one after the other.
template <class T>
Variable<T> CRF<T>::score(const Variable<T>& emissions, const Indices& labels, const std::optional<Indices>& lengths,
                          const Packing& packing) const {
  const std::size_t time = emissions.shape()[0], batch = packing.batch();
  require(Shape(labels.shape()) == Shape{time, batch}, "crf", "labels of shape ", Shape(labels.shape()),
          " for emissions of shape ", emissions.shape(), "; there must be one for each step of each sequence");
  const std::size_t moves = emissions.size(), starts = moves + tags_ * tags_, ends = starts + tags_;
  Indices entries = Indices::from_shape({2 * packing.rows() + packing.sizes()[0]}), sequences = entries;
  std::size_t count = 0;
  for (std::size_t k = 0; k < batch; ++k) {
    const auto pass = [&](std::size_t entry) {
      entries(count) = static_cast<std::int64_t>(entry);
      sequences(count++) = static_cast<std::int64_t>(k);
    };
    const std::size_t length = length_of(lengths, k, time);
    for (std::size_t t = 0, before = 0; t < length; ++t) {
      const auto label = static_cast<std::size_t>(labels(t, k));
      require(label < tags_, "crf", "label ", labels(t, k), " at position ", Shape{time, batch}.position(t * batch + k),
              "; there are ", tags_, " tags");
      pass((t * batch + k) * tags_ + label);
      pass(t ? moves + before * tags_ + label : starts + label);
      before = label;
      if (t + 1 == length) pass(ends + label);
    }
  }
  const Variable<T> all = concatenate<T>({reshape(emissions, {-1}), reshape(transitions, {-1}), start, end});
  return scatter(take(all, entries), sequences, batch);
}

// The forward algorithm: α_t[j] = ln Σᵢ e^(α_t₋₁[i] + transitions[i, j]) + e_t[j], over the sequences that still run.
template <class T> Variable<T> CRF<T>::log_normaliser(const Variable<T>& emissions, const Packing& packing) const {
  const std::vector<std::size_t>& sizes = packing.sizes();
  const std::vector<Variable<T>> e = split(packing.pack(emissions), sizes, 0);
  std::vector<Variable<T>> last;  // of the sequences that have ended, the shortest first
  Variable<T> alpha = start + e[0];
  for (std::size_t t = 1; t < e.size(); ++t) {
    if (sizes[t] < sizes[t - 1]) {
      const std::vector<Variable<T>> parts = split(alpha, {sizes[t], sizes[t - 1] - sizes[t]}, 0);
      alpha = parts[0];
      last.push_back(parts[1]);
    }
    alpha = logsumexp(reshape(alpha, {sizes[t], tags_, std::size_t(1)}) + transitions, 1) + e[t];
  }
  last.push_back(alpha);
  std::reverse(last.begin(), last.end());
  const Variable<T> z = logsumexp(concatenate(last) + end, 1);
  return packing.unsort(concatenate<T>({z, zeros<T>({packing.batch() - sizes[0]})}));
}

template <class T>
Variable<T> CRF<T>::log_likelihood(const Variable<T>& emissions, const Indices& labels,
                                   const std::optional<Indices>& lengths) const {
  const Scope scope("crf");
  const Packing packing = packed(emissions, lengths);
  return score(emissions, labels, lengths, packing) - log_normaliser(emissions, packing);
}

template <class T>
Total<T> CRF<T>::loss(const Variable<T>& emissions, const Indices& labels,
                      const std::optional<Indices>& lengths) const {
  return {-sum(log_likelihood(emissions, labels, lengths)), double(packed(emissions, lengths).sizes()[0])};
}

template <class T> Indices CRF<T>::decode(const Variable<T>& emissions, const std::optional<Indices>& lengths) const {
  const Scope scope("crf");
  const std::size_t batch = packed(emissions, lengths).batch(), time = emissions.shape()[0];
  const Array<T>&e = emissions.value(), &move = transitions.value();
  Indices path = Indices::from_shape({time, batch}), from = Indices::from_shape({time, tags_});
  path.fill(ignored);
  for (std::size_t k = 0; k < batch; ++k) {
    const std::size_t length = length_of(lengths, k, time);
    std::vector<T> highest(start.value().begin(), start.value().end()), next(tags_);
    for (std::size_t t = 0; t < length; ++t) {
      for (std::size_t j = 0; t > 0 && j < tags_; ++j) {
        std::size_t i = 0;
        for (std::size_t other = 1; other < tags_; ++other)
          if (highest[other] + move(other, j) > highest[i] + move(i, j)) i = other;
        next[j] = highest[i] + move(i, j);
        from(t, j) = static_cast<std::int64_t>(i);
      }
      if (t > 0) highest.swap(next);
      for (std::size_t j = 0; j < tags_; ++j) highest[j] += e(t, k, j);
    }
    for (std::size_t j = 0; j < tags_; ++j) highest[j] += end.value()(j);
    std::int64_t tag = std::max_element(highest.begin(), highest.end()) - highest.begin();
    // Where no path may be, all are equal, whatever their parts.
    if (highest[static_cast<std::size_t>(tag)] == -std::numeric_limits<T>::infinity()) from.fill(0);
    for (std::size_t t = length; t-- > 0; tag = from(t, static_cast<std::size_t>(tag))) path(t, k) = tag;
  }
  return path;
}

template class CRF<float>;
template class CRF<double>;

}  // namespace unroll::nn

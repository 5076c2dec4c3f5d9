// Gradients in one flat span, and the shares of a batch on several ranks, which are threads here.
#include <doctest/doctest.h>

#include <barrier>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unroll/nn/nn.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

template <class T> bool same_bits(const Array<T>& a, const Array<T>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Whether both have the same of each parameter, to the last bit.
template <class T> bool same(const Gradients<T>& a, const Gradients<T>& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& entry : a.entries()) {
    const auto* const other = b.find(entry.of);
    if (!other || entry.reached != other->reached || entry.of_rows() != other->of_rows()) return false;
    if (entry.of_rows() && entry.rows != other->rows) return false;
    if (!same_bits(entry.gradient.value(), other->gradient.value())) return false;
  }
  return true;
}

/// Where threads that are ranks meet.
struct Meeting {
  explicit Meeting(std::size_t count) : barrier(std::ptrdiff_t(count)), there(count) {}

  std::barrier<> barrier;
  std::vector<void*> there;
  std::mutex mutex;
  std::condition_variable arrived;
  std::map<std::pair<std::size_t, std::size_t>, std::deque<std::vector<std::byte>>> sent;  // from and to a rank
};

class ThreadRanks : public nn::Ranks {
 public:
  ThreadRanks(Meeting& meeting, std::size_t rank) : meeting_(meeting), rank_(rank) {}
  std::size_t rank() const override { return rank_; }
  std::size_t count() const override { return meeting_.there.size(); }
  void join(std::span<std::uint8_t> bytes) override { reduce(bytes, std::bit_or()); }
  void sum(std::span<float> numbers) override { reduce(numbers, std::plus()); }
  void sum(std::span<double> numbers) override { reduce(numbers, std::plus()); }
  void send(std::span<const std::byte> bytes, std::size_t to) override {
    const std::lock_guard lock(meeting_.mutex);
    meeting_.sent[{rank_, to}].emplace_back(bytes.begin(), bytes.end());
    meeting_.arrived.notify_all();
  }
  void receive(std::span<std::byte> bytes, std::size_t from) override {
    std::unique_lock lock(meeting_.mutex);
    auto& mine = meeting_.sent[{from, rank_}];
    meeting_.arrived.wait(lock, [&] { return !mine.empty(); });
    CHECK(mine.front().size() == bytes.size());
    std::ranges::copy(mine.front(), bytes.begin());
    mine.pop_front();
  }
  void broadcast(std::span<std::byte> bytes, std::size_t from) override {
    meet(bytes);
    if (rank_ != from) std::memcpy(bytes.data(), meeting_.there[from], bytes.size());
    meeting_.barrier.arrive_and_wait();
  }

 private:
  template <class Element> void meet(std::span<Element> elements) {
    meeting_.there[rank_] = elements.data();
    meeting_.barrier.arrive_and_wait();
  }
  template <class Element, class F> void reduce(std::span<Element> elements, const F& f) {
    meet(elements);
    const auto of = [&](std::size_t rank) { return static_cast<Element*>(meeting_.there[rank]); };
    std::vector<Element> result(of(0), of(0) + elements.size());
    for (std::size_t rank = 1; rank < count(); ++rank)
      for (std::size_t k = 0; k < result.size(); ++k) result[k] = static_cast<Element>(f(result[k], of(rank)[k]));
    meeting_.barrier.arrive_and_wait();
    std::ranges::copy(result, elements.begin());
  }

  Meeting& meeting_;
  std::size_t rank_;
};

/// What f(ranks) gives on each of so many ranks.
template <class F> auto on_ranks(std::size_t count, const F& f) {
  Meeting meeting(count);
  std::vector<std::optional<std::invoke_result_t<F, nn::Ranks&>>> results(count);
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      ThreadRanks ranks(meeting, rank);
      results[rank].emplace(f(ranks));
    });
  for (std::thread& thread : threads) thread.join();
  return results;
}

/// A table of whose rows some are taken, a network, and what not every tape comes by.
template <class T> struct Model : nn::Module<T> {
  nn::Embedding<T> words;
  nn::GRU<T> gru;
  nn::Linear<T> scores;
  Parameter<T> scale, spare;

  explicit Model(Random& random)
      : words({.count = 11, .size = 3}, random),
        gru({.input = 3, .hidden = 4, .layers = 2, .dropout = 0.3}, random),
        scores({.input = 4, .output = 3}, random),
        scale(Array<T>(T(2))),
        spare(random.normal<T>({2, 3})) {
    this->add("words", words);
    this->add("gru", gru);
    this->add("scores", scores);
    this->add("scale", scale);
    this->add("spare", spare);
  }
  /// −ln p(labels) of some columns of a batch, added up.
  nn::Total<T> loss(std::size_t first, std::size_t last) const {
    const auto columns = [&](const Indices& of) {
      Indices some = Indices::from_shape({3, last - first});
      for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t b = first; b < last; ++b) some(t, b - first) = of(t, b);
      return some;
    };
    return nn::cross_entropy_total(scores(gru(words(columns(tokens))).output) * scale, columns(labels));
  }

  inline static const Indices tokens{{1, 4, 4, 0, 7}, {2, 3, 4, 1, 9}, {5, 5, 10, 1, 1}},
      labels{{0, 1, 1, 2, 0}, {2, 0, 0, 1, 2}, {nn::ignored, 1, 2, 2, 2}};
};

/// Share k of some, which are more and more different from each other.
template <class T> auto uneven(const Model<T>& model) {
  return [&model](std::size_t share) -> Variable<T> {
    Variable<T> before;
    if (share % 2) before = sum(model.scale * model.scale);                           // another order of the tape
    if (share == 2) return sum(square(model.spare)) - 0.0 * sum(model.words.weight);  // −0 for the whole table
    const Variable<T> loss = model.loss(share, share + 1).sum;
    if (share == 1) static_cast<void>(model.spare + 1);  // recorded, not reached
    return share % 2 ? loss + before : loss;
  };
}

template <class T> Gradients<T> gradients_of(const Model<T>& model, std::size_t share) {
  return nn::parallel_gradients(1, [&](std::size_t) { return uneven(model)(share); }).gradients;
}

}  // namespace

TEST_CASE_TEMPLATE("gradients are the same after they were flat", T, float, double) {
  Random random(3);
  const Model<T> model(random);
  const auto parameters = model.parameters();
  for (std::size_t share = 0; share < 4; ++share) {
    const Gradients<T> g = gradients_of(model, share);
    const auto outline = g.outline(parameters);
    const auto flat = g.flat(parameters, outline);
    const auto back = Gradients<T>::from_flat(parameters, outline, flat);
    CHECK(same(g, back));
    std::size_t at = 0, size = 0;  // what comes back is in the order of the parameters
    for (const auto& entry : back.entries()) {
      while (parameters[at].shared().get() != entry.of.shared().get()) REQUIRE(++at < parameters.size());
      size += entry.gradient.size();
    }
    CHECK(flat.size() == size);
  }
  CHECK(gradients_of(model, 0).find(model.words.weight)->of_rows());
  CHECK(!gradients_of(model, 2).find(model.words.weight)->of_rows());
  CHECK(!gradients_of(model, 1).contains(model.spare));
  CHECK(!gradients_of(model, 0).find(model.spare));
}

TEST_CASE_TEMPLATE("flat gradients that are added give what += gives, bit by bit", T, float, double) {
  Random random(3);
  const Model<T> model(random);
  const auto parameters = model.parameters();
  const std::vector<std::vector<std::size_t>> orders{{0, 1}, {1, 0}, {0, 3, 4}, {0, 2}, {2, 1}, {2}, {4, 3, 2, 1, 0}};
  for (const auto& order : orders) {
    Gradients<T> sum;
    std::vector<Gradients<T>> terms;
    std::vector<std::uint8_t> outline = sum.outline(parameters);
    for (const std::size_t share : order) {
      terms.push_back(gradients_of(model, share));
      sum += terms.back();
      const auto its = terms.back().outline(parameters);
      for (std::size_t k = 0; k < its.size(); ++k) outline[k] |= its[k];
    }
    Variable<T> flat = Gradients<T>().flat(parameters, outline);
    for (const Gradients<T>& term : terms) flat += term.flat(parameters, outline);
    CHECK(same(sum, Gradients<T>::from_flat(parameters, outline, flat)));
  }
}

TEST_CASE("what does not fit to be flat is refused") {
  Random random(3);
  const Model<double> model(random);
  const auto parameters = model.parameters();
  const auto rows = gradients_of(model, 0), whole = gradients_of(model, 2);
  auto outline = rows.outline(parameters);
  const auto flat = rows.flat(parameters, outline);
  const std::vector<Parameter<double>> few{model.scale};
  CHECK(error_of([&] { static_cast<void>(rows.outline(few)); }) ==
        "flat gradients: 1 of 12 gradients are by one of the 1 parameters; all must be");
  for (const Gradients<double>& other : {whole, gradients_of(model, 3), gradients_of(model, 1)})
    CHECK(error_of([&] { static_cast<void>(other.flat(parameters, outline)); }) ==
          "flat gradients: an outline that lacks a part of them; join it with that of these gradients");
  CHECK(error_of([&] {
          Gradients<double>::from_flat(parameters, outline, slice(flat, 0, 1, std::int64_t(flat.size())));
        }) == detail::text_of("split: the parts add up to ", flat.size(), "; the axis has size ", flat.size() - 1,
                              " (in flat gradients)"));
  outline.pop_back();
  CHECK(error_of([&] { Gradients<double>::from_flat(parameters, outline, flat); }) ==
        "flat gradients: an outline of 128 bytes; 13 such parameters have 129");
}

TEST_CASE_TEMPLATE("any number of ranks gives the bits of one process, with dropout", T, float, double) {
  Random random(5);
  const Model<T> model(random);
  const auto parameters = model.parameters();
  for (std::size_t shares = 1; shares <= 5; ++shares) {
    Random stream(17);
    const auto plain = nn::parallel_gradients(shares, uneven(model), {.random = &stream});
    for (std::size_t count = 1; count <= 6; ++count) {
      const auto results = on_ranks(count, [&](nn::Ranks& ranks) {
        Random mine(17);
        auto result = nn::parallel_gradients(shares, uneven(model), parameters, ranks, {.random = &mine});
        return std::pair(std::move(result), mine.state());
      });
      for (const auto& result : results) {
        CHECK(result->first.loss == plain.loss);
        CHECK(same(result->first.gradients, plain.gradients));
        CHECK(result->first.gradients.norm() == plain.gradients.norm());
        CHECK(result->second == stream.state());
      }
    }
  }
}

TEST_CASE(
    "uneven and empty shares, whose counts are added up, give the loss and gradients of the batch they are from") {
  Random random(5);
  const Model<double> model(random);
  const auto parameters = model.parameters();
  const std::size_t begins[]{0, 1, 1, 4, 5};
  const auto batch = nn::parallel_gradients(1, [&](std::size_t) { return model.loss(0, 5).mean(); });
  for (const bool ordered : {true, false})
    for (std::size_t count = 1; count <= 5; ++count) {
      const auto results = on_ranks(count, [&](nn::Ranks& ranks) {
        std::vector<double> counts(4);
        auto result = nn::parallel_gradients(4,
                                             [&](std::size_t share) {
                                               const auto total = model.loss(begins[share], begins[share + 1]);
                                               counts[share] = total.count;
                                               return total.sum;
                                             },
                                             parameters, ranks, {.ordered = ordered});
        ranks.sum(counts);
        const double all = counts[0] + counts[1] + counts[2] + counts[3];
        result.loss /= all;
        result.gradients *= 1 / all;
        return result;
      });
      for (const auto& result : results) {
        CHECK(result->loss == doctest::Approx(batch.loss).epsilon(1e-14));
        for (const auto& entry : batch.gradients.entries())
          CHECK(difference(result->gradients[entry.of], batch.gradients[entry.of]) < 1e-14);
      }
    }
}

TEST_CASE("many pieces of a sum are on their way at once") {
  const std::size_t size = 50 * (1 << 12) + 3;
  for (std::size_t count = 1; count <= 5; ++count)
    for (const bool ordered : {true, false}) {
      const auto results = on_ranks(count, [&](nn::Ranks& ranks) {
        const Variable<double> own = xt::arange<double>(double(size)) * double(ranks.rank() + 1);
        return nn::detail::add_up<double>(ranks, {own, own}, full<double>({size}, -0.0), ordered);
      });
      for (const auto& result : results)
        for (std::size_t k = 0; k < size; k += 977) CHECK(result->value()(k) == double(k * count * (count + 1)));
    }
}

TEST_CASE("each share has an owner, and those of a rank are neighbours") {
  for (std::size_t count = 1; count <= 7; ++count)
    for (std::size_t shares = 1; shares <= 9; ++shares) {
      Meeting meeting(count);
      const ThreadRanks ranks(meeting, 0);
      for (std::size_t rank = 0; rank < count; ++rank)
        for (std::size_t share = shares * rank / count; share < shares * (rank + 1) / count; ++share)
          CHECK(ranks.owner(share, shares) == rank);
    }
}

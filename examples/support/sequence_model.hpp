#pragma once

#include <unroll/nn/nn.hpp>

namespace unroll::examples {

/// Embeddings of words or characters, a network over them, and scores of what it makes of them.
struct SequenceModel : nn::Module<float> {
  nn::Embedding<float> embedding;
  nn::AnyRecurrent<float> network;
  nn::Linear<float> scores;

  /// `pieces` are the different words or characters, `classes` those that get scores.
  SequenceModel(std::size_t pieces, const nn::AnyRecurrentOptions& o, std::size_t classes, Random& random)
      : embedding({.count = pieces, .size = o.input}, random),
        network(o, random),
        scores({.input = o.hidden * (o.bidirectional ? 2 : 1), .output = classes}, random) {
    add("embedding", embedding);
    add("network", network);
    add("scores", scores);
  }
};

}  // namespace unroll::examples

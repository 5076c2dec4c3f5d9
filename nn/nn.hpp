#pragma once

#include "../autograd/autograd.hpp"
#include "cells/cell.hpp"
#include "files/safetensors.hpp"
#include "initialisers.hpp"
#include "layers/dropout.hpp"
#include "layers/embedding.hpp"
#include "layers/layer_norm.hpp"
#include "layers/linear.hpp"
#include "module.hpp"
#include "sequences/any_recurrent.hpp"
#include "sequences/crf.hpp"
#include "sequences/packing.hpp"
#include "sequences/pooling.hpp"
#include "sequences/recurrent.hpp"
#include "sequences/unroll.hpp"
#include "summary.hpp"
#include "text/conllu.hpp"
#include "text/lines.hpp"
#include "text/sampling.hpp"
#include "text/utf8.hpp"
#include "text/vocabulary.hpp"
#include "text/word_vectors.hpp"
#include "total.hpp"
#include "training/average.hpp"
#include "training/batches.hpp"
#include "training/checkpoint.hpp"
#include "training/clipping.hpp"
#include "training/losses.hpp"
#include "training/optimizers.hpp"
#include "training/parallel.hpp"
#include "training/schedules.hpp"
#include "training/windows.hpp"

namespace UNROLL_PUBLIC unroll {
/// Layers made of the engine's operations, and what training takes: sequences, losses, optimizers, files, text.
namespace nn {}
}  // namespace unroll

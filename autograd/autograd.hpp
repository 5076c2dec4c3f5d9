#pragma once

#include "array.hpp"
#include "gradients.hpp"
#include "operations/draws.hpp"
#include "operations/ops.hpp"
#include "parameter.hpp"
#include "primitive.hpp"
#include "random.hpp"
#include "scope.hpp"
#include "tape.hpp"
#include "tools/about.hpp"
#include "tools/anomaly.hpp"
#include "tools/derivatives.hpp"
#include "tools/drawing.hpp"
#include "tools/gradient_check.hpp"
#include "tools/profile.hpp"
#include "tools/recompute.hpp"
#include "tools/trace.hpp"
#include "version.hpp"

/// The engine: arrays, the tapes that record what is computed of them, the operations, and a look inside.
namespace UNROLL_PUBLIC unroll {}

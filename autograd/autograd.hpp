#pragma once

#include "array.hpp"
#include "derivatives.hpp"
#include "gradient_check.hpp"
#include "gradients.hpp"
#include "ops.hpp"
#include "parameter.hpp"
#include "primitive.hpp"
#include "random.hpp"
#include "scope.hpp"
#include "tape.hpp"

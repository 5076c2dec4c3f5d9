#pragma once

#include "array.hpp"
#include "error.hpp"
#include "ops.hpp"
#include "primitive.hpp"
#include "tape.hpp"
#include "variable.hpp"

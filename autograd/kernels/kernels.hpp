// The door to this room: all that is there for speed. What the engine asks of it:
//
//     traverse, run_dense    a function of elements, over arrays that broadcast: value, sum or maximum
//     vector_loops           the loops of the library's functions, for the vector registers of this processor
//     multiply_matrices      a product by BLAS; transpose_matrix
//     multiply_by_panels     a product of many rows by a weight
//     Parts, Compensated     sums of many terms, without loss
//     in_parallel, in_parts  work for several threads
//     Buffer, Arena          memory that is recycled (buffer.hpp, memory.hpp)
//
// An array is memory, a Shape and a Layout (shape.hpp): runs of neighbours. A loop goes through it by a step for each
// axis, Strided; the innermost two are the rows and columns of a Stream:
//
//     . a b . . c d . . e f .    Layout{run 2, pitch 4}    Strided{data -> a, strides {4, 1}}
//                                                          Stream{data -> a, row 4, step 1}
//
// A Matrix has its sizes, too: rows 3, columns 2, pitch 4; or, transposed, rows 2 and columns 3.
#pragma once

#include "blas.hpp"
#include "buffer.hpp"
#include "panels.hpp"
#include "threads.hpp"
#include "traverse.hpp"
#include "vector_loops.hpp"

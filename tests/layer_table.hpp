// How a table of layers is made and tested: each against a naive reference, against differences to second order, in
// float, and on nothing.
#pragma once

#include <functional>
#include <string>
#include <unroll/nn/nn.hpp>
#include <utility>
#include <vector>

#include "support.hpp"

namespace unroll {

struct Extent {
  std::size_t time, batch;
};

// A layer on fixed inputs: what it makes of them, what it must make of them, and what it has derivatives by.
template <class T> struct Subject {
  std::vector<Parameter<T>> parameters;
  std::function<std::vector<Variable<T>>()> outputs;
  std::function<std::vector<Array<double>>()> expected;
};

struct Row {
  std::string header, name;
  std::function<Subject<double>(Extent)> in_double;
  std::function<Subject<float>(Extent)> in_float;
};

template <class Make> Row row(std::string header, std::string name, Make make) {
  return {std::move(header), std::move(name), [make](Extent sizes) { return make(double(), sizes); },
          [make](Extent sizes) { return make(float(), sizes); }};
}

// Lengths that differ, in no order, one of them 0.
Indices lengths_of(Extent sizes);

// Sequences of those lengths.
template <class T> Array<T> padded(Extent sizes, std::size_t features, Random& random) {
  return padded<T>(sizes.time, lengths_of(sizes), features, random);
}

inline Array<double> zero_array(const Shape& shape) { return zeros<double>(shape).value(); }

// Values against the naive reference, in double and in float.
void check_values(const std::vector<Row>& table);
// First and second derivatives against differences.
void check_derivatives(const std::vector<Row>& table);

}  // namespace unroll

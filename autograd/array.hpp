#pragma once

#include <ostream>
#include <string>

#include "kernels/buffer.hpp"
#include "xtensor.hpp"

namespace UNROLL_PUBLIC unroll {

/// The array type of all values: row-major, made from and read as any xtensor expression.
template <class T>
using Array = xt::xarray_container<detail::Buffer<T>, xt::layout_type::row_major, xt::dynamic_shape<std::size_t>>;

/// Tokens, labels, lengths.
using Indices = Array<std::int64_t>;

/// An array of this shape whose elements are not initialised.
template <class T> Array<T> uninitialised(const Shape& shape) {
  shape.checked_elements();
  return Array<T>(xt::dynamic_shape<std::size_t>(shape.begin(), shape.end()));
}

namespace detail {
/// Prints the elements, whether or not a program includes xtensor's own printing.
template <class T> std::ostream& operator<<(std::ostream& out, const Array<T>& array);
}  // namespace detail

}  // namespace unroll

namespace xt {
template <class X, class T> struct rebind_container<X, unroll::detail::Buffer<T>> {
  using type = unroll::detail::Buffer<X>;
};
}  // namespace xt

namespace UNROLL_PUBLIC unroll {
namespace detail {

/// What a parameter has beside its array.
struct ParameterState {
  std::string name;
  std::uint64_t version = 0;  // counts assignments
  bool frozen = false;
  std::atomic<Block*> panels[2]{};  // the array and its transpose as products read them, once they did

  explicit ParameterState(std::string given) : name(std::move(given)) {}
  ~ParameterState() { forget_panels(); }
  void forget_panels() {
    for (auto& copy : panels)
      if (Block* const block = copy.exchange(nullptr)) block->release();
  }
  void assigned() {
    ++version;
    forget_panels();
  }
};

/// An array, immutable but for that of a parameter, in memory that others may share, so that slices and parts of rows
/// need no copy.
template <class T> struct Tensor : Recycled {
  Shape shape;
  Layout layout;
  Buffer<T> buffer;
  std::unique_ptr<ParameterState> parameter{};  // of a parameter only
  std::atomic<Array<T>*> array{nullptr};        // made when first asked for
  std::atomic<std::uint32_t> references{0};

  Tensor(const Shape& sizes, const Layout& places, Buffer<T> memory)
      : shape(sizes), layout(places), buffer(std::move(memory)) {}
  Tensor(const Shape& sizes, Buffer<T> memory) : Tensor(sizes, Layout(sizes.elements()), std::move(memory)) {}
  /// Not initialised; of a shape whose elements have been counted, or not.
  Tensor(const Shape& sizes, std::size_t n) : shape(sizes), layout(n), buffer(n) {}
  explicit Tensor(const Shape& sizes) : Tensor(sizes, sizes.checked_elements()) {}
  ~Tensor() { delete array.load(std::memory_order_relaxed); }

  std::size_t size() const { return shape.elements(); }
  const T* data() const { return buffer.data(); }
  bool gapless() const { return layout.gapless(); }
  View<const T> view() const { return {buffer.data(), &shape, layout}; }
  /// To write what nobody else has seen.
  View<T> place() { return {buffer.data(), &shape, layout}; }
  /// Nobody else can see a change to this array.
  bool unique() const { return references.load(std::memory_order_acquire) == 1 && buffer.unique() && !parameter; }
};

}  // namespace detail

}  // namespace unroll

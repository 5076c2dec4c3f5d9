#include "panels.hpp"

#include <algorithm>

#include "blas.hpp"
#include "buffer.hpp"
#include "threads.hpp"

namespace unroll::detail {

namespace {

// The columns of a parameter, or of its transpose, from one on.
template <class T>
void pack(const PanelProduct<T>& product, Matrix<const T> weight, bool transposed, std::size_t first, std::size_t n,
          T* to) {
  panel_kernels<T>().pack(n, product.k, weight.data + first * (transposed ? weight.pitch : 1), weight.pitch, transposed,
                          to);
}

template <class T>
const T* kept_panels(const PanelProduct<T>& product, Matrix<const T> weight, bool transposed,
                     std::atomic<Block*>& kept) {
  Block* block = kept.load(std::memory_order_acquire);
  if (!block) {
    const std::size_t padded = product.n + panel_kernels<T>().columns;
    Block* const mine = Block::make(padded * product.k * sizeof(T));
    pack<T>(product, weight, transposed, 0, product.n, static_cast<T*>(mine->data()));
    if (kept.compare_exchange_strong(block, mine, std::memory_order_acq_rel))
      block = mine;
    else
      mine->release();  // another thread was faster
  }
  return static_cast<const T*>(block->data());
}

// The product's columns from one on.
template <class T> PanelProduct<T> columns_of(PanelProduct<T> product, std::size_t first, std::size_t n) {
  product.n = n;
  if (product.panels) product.panels += first * product.k;
  if (product.start) product.start += first;
  product.c += first;
  return product;
}

}  // namespace

template <class T>
void multiply_by_panels(PanelProduct<T> product, Matrix<const T> weight, bool transposed, std::atomic<Block*>* kept) {
  const PanelKernels<T>& kernels = panel_kernels<T>();
  product.panels = kept ? kept_panels(product, weight, transposed, *kept) : nullptr;
  const auto run = [&](std::size_t begin, std::size_t end) {
    if (product.panels) return kernels.multiply(columns_of(product, begin, end - begin));
    Buffer<T> panel(kernels.columns * product.k);
    for (std::size_t first = begin; first < end; first += kernels.columns) {
      PanelProduct<T> part = columns_of(product, first, std::min(kernels.columns, end - first));
      pack(product, weight, transposed, first, part.n, panel.data());
      part.panels = panel.data();
      kernels.multiply(part);
    }
  };
  in_parts(product.n, kernels.columns, threads_for(product.m * product.n * product.k), run);
}

template void multiply_by_panels(PanelProduct<float>, Matrix<const float>, bool, std::atomic<Block*>*);
template void multiply_by_panels(PanelProduct<double>, Matrix<const double>, bool, std::atomic<Block*>*);

}  // namespace unroll::detail

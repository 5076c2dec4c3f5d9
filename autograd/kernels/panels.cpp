#include "panels.hpp"

#include <algorithm>

#include "blas.hpp"
#include "buffer.hpp"
#include "threads.hpp"

namespace unroll::detail {

namespace {

template <class T> const T* kept_panels(const Matrix<const T>& weight, std::atomic<Block*>& kept) {
  Block* block = kept.load(std::memory_order_acquire);
  if (!block) {
    const std::size_t padded = weight.columns + panel_kernels<T>().columns;
    Block* const mine = Block::make(padded * weight.rows * sizeof(T));
    panel_kernels<T>().pack(weight, static_cast<T*>(mine->data()));
    if (kept.compare_exchange_strong(block, mine, std::memory_order_acq_rel))
      block = mine;
    else
      mine->release();  // another thread was faster
  }
  return static_cast<const T*>(block->data());
}

// The product's columns from one on.
template <class T> PanelProduct<T> columns_of(PanelProduct<T> product, std::size_t first, std::size_t n) {
  if (product.panels) product.panels += first * product.a.columns;
  if (product.start.data) product.start.data += first;
  product.c = product.c.columns_from(first, n);
  return product;
}

}  // namespace

template <class T>
void multiply_by_panels(PanelProduct<T> product, const Matrix<const T>& weight, std::atomic<Block*>* kept) {
  const PanelKernels<T>& kernels = panel_kernels<T>();
  product.panels = kept ? kept_panels(weight, *kept) : nullptr;
  const auto run = [&](std::size_t begin, std::size_t end) {
    if (product.panels) return kernels.multiply(columns_of(product, begin, end - begin));
    Buffer<T> panel(kernels.columns * weight.rows);
    for (std::size_t first = begin; first < end; first += kernels.columns) {
      PanelProduct<T> part = columns_of(product, first, std::min(kernels.columns, end - first));
      kernels.pack(weight.columns_from(first, part.c.columns), panel.data());
      part.panels = panel.data();
      kernels.multiply(part);
    }
  };
  in_parts(weight.columns, kernels.columns, threads_for(product.c.rows * weight.columns * weight.rows), run);
}

template void multiply_by_panels(PanelProduct<float>, const Matrix<const float>&, std::atomic<Block*>*);
template void multiply_by_panels(PanelProduct<double>, const Matrix<const double>&, std::atomic<Block*>*);

}  // namespace unroll::detail

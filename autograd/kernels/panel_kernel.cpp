#include "panel_kernel.hpp"

#include <xsimd/xsimd.hpp>

namespace unroll::detail {
namespace {

template <class T> using Lanes = xsimd::batch<T>;

// As many rows at once as leave registers for a row of the panel: there are 32 of 64 bytes, else 16.
template <class T> constexpr int most_rows = sizeof(Lanes<T>) == 64 ? 8 : 6;

// So many rows of c, and one panel of so many vectors and `columns` columns.
template <class T, int rows, int vectors> void block(const PanelProduct<T>& p, std::size_t columns) {
  constexpr std::size_t width = Lanes<T>::size, all = vectors * width;
  alignas(64) T part[rows][all];  // of c, where the panel is wider
  T* const c = columns == all ? p.c.data : part[0];
  const std::size_t row_c = columns == all ? p.c.pitch : all;
  Lanes<T> sum[rows][vectors];
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < vectors; ++v) {
      sum[i][v] = Lanes<T>(T(0));
      __builtin_prefetch(p.c.data + i * p.c.pitch + v * width, 1);
    }
  const T* b = p.panels;
  for (std::size_t l = 0; l < p.a.columns; ++l, b += all) {
    Lanes<T> row[vectors];
    for (int v = 0; v < vectors; ++v) row[v] = Lanes<T>::load_aligned(b + v * width);
    for (int i = 0; i < rows; ++i) {
      const Lanes<T> a(p.a.data[i * p.a.pitch + l]);
      for (int v = 0; v < vectors; ++v) sum[i][v] = xsimd::fma(a, row[v], sum[i][v]);
    }
  }
  for (int i = 0; i < rows; ++i) {
    const T* start = p.start.data + (p.start.data ? i * p.start.pitch : 0);
    if (p.start.data && columns < all) {
      for (std::size_t j = 0; j < columns; ++j) part[i][j] = start[j];
      start = part[i];
    }
    for (int v = 0; v < vectors; ++v) {
      if (start) sum[i][v] = Lanes<T>::load_unaligned(start + v * width) + sum[i][v];
      sum[i][v].store_unaligned(c + i * row_c + v * width);
    }
  }
  for (int i = 0; i < rows && columns < all; ++i)
    for (std::size_t j = 0; j < columns; ++j) p.c.data[i * p.c.pitch + j] = part[i][j];
}

// The block of so many rows, at most `rows`.
template <class T, int rows, int vectors>
void rows_of(std::size_t count, const PanelProduct<T>& p, std::size_t columns) {
  if (count == rows)
    block<T, rows, vectors>(p, columns);
  else if constexpr (rows > 1)
    rows_of<T, rows - 1, vectors>(count, p, columns);
}

template <class T> void multiply(const PanelProduct<T>& p) {
  constexpr std::size_t width = Lanes<T>::size, most = most_rows<T>, deep = 512;
  const std::size_t m = p.c.rows, n = p.c.columns, k = p.a.columns;
  const std::size_t blocks = (m + most - 1) / most;
  for (std::size_t column = 0; column < n; column += 2 * width) {
    const std::size_t left = n - column, columns = left < 2 * width ? left : 2 * width;
    const std::size_t panel = columns > width ? 2 * width : width;
    // What is read of a panel at a time stays near for all rows, and its terms are few enough to be added up alone.
    std::size_t depth = 0;
    do {
      PanelProduct<T> part = p;
      part.a.columns = k - depth < deep ? k - depth : deep;
      part.panels += column * k + depth * panel;
      for (std::size_t block = 0, row = 0; block < blocks; ++block) {
        const std::size_t rows = (m - row + blocks - block - 1) / (blocks - block);
        part.a.data = p.a.data + row * p.a.pitch + depth;
        part.c.data = p.c.data + row * p.c.pitch + column;
        if (depth)
          part.start = {part.c.data, rows, columns, p.c.pitch};
        else if (p.start.data)
          part.start.data = p.start.data + row * p.start.pitch + column;
        columns > width ? rows_of<T, most_rows<T>, 2>(rows, part, columns)
                        : rows_of<T, most_rows<T>, 1>(rows, part, columns);
        row += rows;
      }
      depth += part.a.columns;
    } while (depth < k);
  }
}

template <class T> void pack(const Matrix<const T>& weight, T* panels) {
  constexpr std::size_t width = Lanes<T>::size, near = 16;
  const std::size_t n = weight.columns, k = weight.rows, row = weight.pitch;
  for (std::size_t column = 0; column < n; column += 2 * width) {
    const std::size_t left = n - column, columns = left < 2 * width ? left : 2 * width;
    const std::size_t panel = columns > width ? 2 * width : width;
    for (std::size_t l = 0; l < k && columns < panel; ++l)
      for (std::size_t j = columns; j < panel; ++j) panels[l * panel + j] = T(0);
    if (weight.transposed) {
      for (std::size_t first = 0; first < k; first += near)
        for (std::size_t j = 0; j < columns; ++j)
          for (std::size_t l = first; l < k && l < first + near; ++l)
            panels[l * panel + j] = weight.data[(column + j) * row + l];
    } else if (columns == 2 * width) {
      for (std::size_t l = 0; l < k; ++l)
        for (std::size_t v = 0; v < panel; v += width)
          Lanes<T>::load_unaligned(weight.data + l * row + column + v).store_aligned(panels + l * panel + v);
    } else {
      for (std::size_t l = 0; l < k; ++l)
        for (std::size_t j = 0; j < columns; ++j) panels[l * panel + j] = weight.data[l * row + column + j];
    }
    panels += k * panel;
  }
}

template <class T> constexpr PanelKernels<T> for_panels{2 * Lanes<T>::size, &pack<T>, &multiply<T>};

}  // namespace

template <class T, int bytes> const PanelKernels<T>& panel_kernels_for() { return for_panels<T>; }

template const PanelKernels<float>& panel_kernels_for<float, sizeof(Lanes<float>)>();
template const PanelKernels<double>& panel_kernels_for<double, sizeof(Lanes<double>)>();

}  // namespace unroll::detail

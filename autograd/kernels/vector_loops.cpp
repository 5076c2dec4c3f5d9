// Compiled once for each instruction set (CMakeLists.txt). Everything here has internal linkage or the register's size
// in its name, so that the linker cannot take one version for another.
#include "vector_loops.hpp"

#include <xsimd/xsimd.hpp>

namespace unroll::detail {
namespace {

struct Vector {
  template <class T, class F, int n>
  static void run(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                  const Stream<T>& out, Write write) {
    if (write == Write::assign) return rows_of<T, F, n>(function, rows, columns, in, out, assign);
    if constexpr (maximises<F>)
      if (write == Write::maximum) {
        if (out.step) return each_row<T, F, n, Row<T, 1, false>>(function, rows, columns, in, out, maximum);
        return largest<T, F, n>(function, rows, columns, in, out);
      }
    if constexpr (adds<F>) {
      if (!out.step) return add_up<T, F, n>(function, rows, columns, in, out);
      if (out.row || rows == 1) return rows_of<T, F, n>(function, rows, columns, in, out, add);
      dense<T, F, n>(in) ? add_rows<T, F, n, true>(function, rows, columns, in, out)
                         : add_rows<T, F, n, false>(function, rows, columns, in, out);
    }
  }

 private:
  // Only what is called is compiled: rules are assigned or added, values assigned, but for these.
  template <class F, const auto& f> static constexpr bool is = same<F, decltype(plain(f.value))>;
  template <class F> static constexpr bool maximises = is<F, functions::copy>;
  template <class F>
  static constexpr bool adds =
      !functions::Vectorised::is_value<F> || is<F, functions::copy> || is<F, functions::exp_difference>;

  static constexpr auto assign = [](auto, auto value) { return value; };
  static constexpr auto add = [](auto y, auto value) { return y + value; };
  // Keeps a NaN, whichever side it is on.
  static constexpr auto maximum = [](auto y, auto value) { return select(!(value <= y) && y == y, value, y); };

  template <class T, class F, int n> static bool dense(const Stream<const T>* in) {
    bool all = true;
    for (int k = 0; k < n; ++k) all &= in[k].step == 1;
    return all;
  }

  // The operands of one row: those that step by 0 are spread over a vector of their own; there are none if it is dense.
  template <class T, int n, bool dense> struct Row {
    using Lanes = xsimd::batch<T>;
    static constexpr std::size_t width = Lanes::size;
    const T* data[n];
    std::size_t step[n];
    alignas(dense ? alignof(T) : 64) T constant[n][width];

    Row(const Stream<const T>* in, std::size_t i) {
      for (int k = 0; k < n; ++k) {
        data[k] = in[k].data + static_cast<std::ptrdiff_t>(i) * in[k].row;
        step[k] = dense ? 1 : static_cast<std::size_t>(in[k].step);
        if (step[k]) continue;
        Lanes(*data[k]).store_aligned(constant[k]);
        data[k] = constant[k];
      }
    }

    template <class F> Lanes call(const F& f, std::size_t j) const {
      Lanes x[n];
      for (int k = 0; k < n; ++k) x[k] = Lanes::load_unaligned(data[k] + j * step[k]);
      return spread<n>(f, x);
    }
  };

  // The first lanes.
  template <class T> static auto first(std::size_t count) {
    constexpr std::size_t width = xsimd::batch<T>::size;
    alignas(64) T index[width];
    for (std::size_t l = 0; l < width; ++l) index[l] = T(l);
    return xsimd::batch<T>::load_aligned(index) < xsimd::batch<T>(T(count));
  }

  template <class T, class F, int n, class Combine>
  static void rows_of(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                      const Stream<T>& out, const Combine& combine) {
    dense<T, F, n>(in) ? each_row<T, F, n, Row<T, n, true>>(function, rows, columns, in, out, combine)
                       : each_row<T, F, n, Row<T, n, false>>(function, rows, columns, in, out, combine);
  }

  // A row may end within a vector. Of the operands, what is behind it is read too (there is memory behind every block);
  // in the result it is put back, if it is not behind the last row, where it may be another thread's.
  template <class T, class F, int n, class Operands, class Combine>
  static void each_row(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                       const Stream<T>& out, const Combine& combine) {
    using Lanes = typename Operands::Lanes;
    constexpr std::size_t width = Operands::width;
    const F& f = *static_cast<const F*>(function);
    const std::size_t whole = columns / width * width;
    const auto last = first<T>(columns - whole);
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands x(in, i);
      T* y = out.data + static_cast<std::ptrdiff_t>(i) * out.row;
      for (std::size_t j = 0; j < whole; j += width)
        combine(Lanes::load_unaligned(y + j), x.call(f, j)).store_unaligned(y + j);
      if (whole == columns) continue;
      const Lanes values = x.call(f, whole);
      if (i + 1 < rows) {
        const Lanes old = Lanes::load_unaligned(y + whole);
        xsimd::select(last, Lanes(combine(old, values)), old).store_unaligned(y + whole);
        continue;
      }
      alignas(64) T lanes[width] = {};
      for (std::size_t j = whole; j < columns; ++j) lanes[j - whole] = y[j];
      combine(Lanes::load_aligned(lanes), values).store_aligned(lanes);
      for (std::size_t j = whole; j < columns; ++j) y[j] = lanes[j - whole];
    }
  }

  // Each row adds up to one element, which may be the same for all.
  template <class T, class F, int n>
  static void add_up(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                     const Stream<T>& out) {
    using Operands = Row<T, n, false>;
    using Lanes = typename Operands::Lanes;
    constexpr std::size_t width = Operands::width;
    const F& f = *static_cast<const F*>(function);
    const std::size_t whole = columns / width * width;
    const auto last = first<T>(columns - whole);
    const Lanes zero(T(0));
    const bool alone = out.row || rows == 1;  // a row
    Compensated<Lanes> total{zero, zero};
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands x(in, i);
      std::size_t j = 0;
      do {
        Lanes sum = zero;
        for (const std::size_t enough = whole - j < some * width ? whole : j + some * width; j < enough;) {
          Lanes part = zero;
          for (const std::size_t end = enough - j < few * width ? enough : j + few * width; j < end; j += width)
            part = part + x.call(f, j);
          sum = sum + part;
        }
        if (j == whole && whole < columns) sum = sum + xsimd::select(last, x.call(f, whole), zero);
        if (alone && columns <= some * width)
          total.sum = sum;
        else
          total += sum;
      } while (j < whole);
      if (!alone && i + 1 < rows) continue;
      alignas(64) T lanes[width];
      total.sum.store_aligned(lanes);
      for (std::size_t half = width / 2; half > 0; half /= 2)
        for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[half + l];
      out.data[static_cast<std::ptrdiff_t>(i) * out.row] += lanes[0];
      total = {zero, zero};
    }
  }

  // The rows add up to one. What is behind a row is read too, as in each_row.
  template <class T, class F, int n, bool dense>
  static void add_rows(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                       const Stream<T>& out) {
    using Lanes = xsimd::batch<T>;
    constexpr std::size_t width = Lanes::size, strip = 32 * width;
    const F& f = *static_cast<const F*>(function);
    for (std::size_t first = 0; first < columns; first += strip) {
      const std::size_t count = columns - first < strip ? columns - first : strip;
      Compensated<Lanes> totals[strip / width];  // set by the first part
      for (std::size_t i = 0; i < rows; i += few) {
        const std::size_t height = rows - i < few ? rows - i : few;
        for (std::size_t j = 0; j < count; j += width) {
          const T* x[n];
          for (int k = 0; k < n; ++k)
            x[k] = in[k].data + static_cast<std::ptrdiff_t>(i) * in[k].row +
                   static_cast<std::ptrdiff_t>(first + j) * (dense ? 1 : in[k].step);
          Lanes part(T(0));
          for (std::size_t row = 0; row < height; ++row) {
            Lanes values[n];
            for (int k = 0; k < n; ++k) {
              values[k] = dense || in[k].step ? Lanes::load_unaligned(x[k]) : Lanes(*x[k]);
              x[k] += in[k].row;
            }
            part = part + spread<n>(f, values);
          }
          Compensated<Lanes>& total = totals[j / width];
          if (i == 0)
            total = {part, Lanes(T(0))};
          else if (rows <= some)
            total.sum = total.sum + part;
          else
            total += part;
        }
      }
      T* const y = out.data + first;
      for (std::size_t j = 0; j < count; j += width) {
        const Lanes sum = totals[j / width].sum;
        if (j + width <= count) {
          Lanes(Lanes::load_unaligned(y + j) + sum).store_unaligned(y + j);
          continue;
        }
        alignas(64) T lanes[width];
        sum.store_aligned(lanes);
        for (std::size_t l = 0; l < width && j + l < count; ++l) y[j + l] += lanes[l];
      }
    }
  }

  // Each row gives its maximum.
  template <class T, class F, int n>
  static void largest(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                      const Stream<T>& out) {
    using Operands = Row<T, 1, false>;
    using Lanes = typename Operands::Lanes;
    constexpr std::size_t width = Operands::width;
    const F& f = *static_cast<const F*>(function);
    const std::size_t whole = columns / width * width;
    const auto last = Vector::first<T>(columns - whole);
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands x(in, i);
      T& y = out.data[static_cast<std::ptrdiff_t>(i) * out.row];
      const Lanes least(y);
      Lanes most = least;
      for (std::size_t j = 0; j < whole; j += width) most = maximum(most, x.call(f, j));
      if (whole < columns) most = maximum(most, xsimd::select(last, x.call(f, whole), least));
      alignas(64) T lanes[width];
      most.store_aligned(lanes);
      y = lanes[0];
      for (std::size_t l = 1; l < width; ++l) y = larger(y, lanes[l]);
    }
  }

  template <class T> static T larger(T y, T value) { return !(value <= y) && y == y ? value : y; }
};

template <class T, const auto&... function> constexpr Kernels<T> table(functions::List<function...>) {
  return {{loops_of<T, Vector, decltype(plain(function))>()...}};
}

template <class T> constexpr Kernels<T> all = table<T>(functions::Vectorised{});

}  // namespace

template <class T, int bytes> const Kernels<T>& kernels_for() { return all<T>; }

template const Kernels<float>& kernels_for<float, sizeof(xsimd::batch<float>)>();
template const Kernels<double>& kernels_for<double, sizeof(xsimd::batch<double>)>();

}  // namespace unroll::detail

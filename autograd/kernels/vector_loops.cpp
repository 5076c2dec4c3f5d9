// Compiled once for each instruction set (CMakeLists.txt). Everything here has internal linkage or the register's size
// in its name, so that the linker cannot take one version for another.
#include "vector_loops.hpp"

#include <xsimd/xsimd.hpp>

namespace unroll::detail {
namespace {

// What runs a function over vectors of numbers. Its operands are read from memory to the end of the last vector (there
// is memory behind every block).
struct Vector {
  template <class T, class F, int n>
  static void run(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                  const Stream<T>& out, Write write) {
    const bool adds_up = write != Write::assign && (!out.step || (write == Write::add && !out.row && rows > 1));
    if (!adds_up && !dense(in, n))
      return repeat_constants<T>(&run<T, F, n>, n, function, rows, columns, in, out, write);
    if (write == Write::assign) return each_row<T, F, n>(function, rows, columns, in, out, assign);
    if constexpr (maximises<F>)
      if (write == Write::maximum) {
        if (!adds_up) return each_row<T, F, n>(function, rows, columns, in, out, maximum);
        return largest<T, F, n>(function, rows, columns, in, out);
      }
    if constexpr (adds<F>)
      if (!adds_up) return each_row<T, F, n>(function, rows, columns, in, out, add);
    if constexpr (broadcasts<F>)
      if (adds_up)
        return out.step ? add_rows<T, F, n>(function, rows, columns, in, out)
                        : add_up<T, F, n>(function, rows, columns, in, out);
    __builtin_trap();  // rather than nothing
  }

 private:
  // Only what is called is compiled: rules are assigned or added, values assigned, but for these. The rule of a
  // function of one operand gives as many elements as there are, so they do not add up.
  template <class F, const auto& f> static constexpr bool is = same<F, decltype(plain(f.value))>;
  template <class F> static constexpr bool maximises = is<F, functions::copy>;
  template <class F> static constexpr bool adds_value = is<F, functions::copy> || is<F, functions::exp_difference>;
  template <class F> static constexpr bool adds = adds_value<F> || !functions::Vectorised::is_value<F>;
  template <class F, const auto&... function> static constexpr bool is_rule_of_several(functions::List<function...>) {
    return ((decltype(plain(function))::operands > 1 &&
             (same<F, decltype(plain(function.a))> || same<F, decltype(plain(function.b))> ||
              same<F, decltype(plain(function.c))>)) ||
            ...);
  }
  template <class F> static constexpr bool broadcasts = adds_value<F> || is_rule_of_several<F>(functions::Vectorised{});

  static constexpr auto assign = [](auto, auto value) { return value; };
  static constexpr auto add = [](auto y, auto value) { return y + value; };
  // Keeps a NaN, whichever side it is on.
  static constexpr auto maximum = [](auto y, auto value) { return select(!(value <= y) && y == y, value, y); };

  template <class T> static bool dense(const Stream<const T>* in, int n) {
    bool all = true;
    for (int k = 0; k < n; ++k) all &= in[k].step == 1;
    return all;
  }

  // Operands that step by 0 are repeated in buffers first, so that each function has a loop over neighbours only.
  template <class T>
  static void repeat_constants(Loop<T> loop, int n, const void* function, std::size_t rows, std::size_t columns,
                               const Stream<const T>* in, const Stream<T>& out, Write write) {
    using Lanes = xsimd::batch<T>;
    constexpr std::size_t width = Lanes::size, length = 1024;
    alignas(64) T buffers[most_operands][length];
    for (std::size_t first = 0; first < columns; first += length) {
      const std::size_t count = columns - first < length ? columns - first : length;
      const std::size_t row = (count + width - 1) / width * width, together = length / row;
      for (std::size_t i = 0; i < rows; i += together) {
        const std::size_t height = rows - i < together ? rows - i : together;
        const auto from = [&](auto stream) {
          stream.data += static_cast<std::ptrdiff_t>(i) * stream.row + static_cast<std::ptrdiff_t>(first) * stream.step;
          return stream;
        };
        Stream<const T> part[most_operands];
        for (int k = 0; k < n; ++k) {
          part[k] = from(in[k]);
          if (in[k].step) continue;
          const bool same_again = !in[k].row && i + first > 0;
          for (std::size_t l = 0; !same_again && l < (in[k].row ? height : 1); ++l) {
            const Lanes constant(part[k].data[static_cast<std::ptrdiff_t>(l) * in[k].row]);
            for (std::size_t j = 0; j < row; j += width) constant.store_aligned(buffers[k] + l * row + j);
          }
          part[k] = {buffers[k], in[k].row ? static_cast<std::ptrdiff_t>(row) : 0, 1};
        }
        loop(function, height, count, part, from(out), write);
      }
    }
  }

  // The operands of some rows: those that step by 0 are spread over a vector for each row.
  template <class T, int n, std::size_t most_rows> struct Operands {
    using Lanes = xsimd::batch<T>;
    static constexpr std::size_t width = Lanes::size;
    const T* data[n];
    std::ptrdiff_t row[n];
    std::size_t step[n];
    alignas(64) T constants[n][most_rows][width];

    [[gnu::noinline]] Operands(const Stream<const T>* in, std::size_t first, std::size_t rows) {
      for (int k = 0; k < n; ++k) {
        data[k] = in[k].data + static_cast<std::ptrdiff_t>(first) * in[k].row;
        row[k] = in[k].row;
        step[k] = static_cast<std::size_t>(in[k].step);
        if (step[k]) continue;
        for (std::size_t i = 0; i < rows; ++i)
          Lanes(data[k][static_cast<std::ptrdiff_t>(i) * row[k]]).store_aligned(constants[k][i]);
        data[k] = constants[k][0];
        row[k] = width;
      }
    }
  };

  // The first lanes.
  template <class T> static auto first(std::size_t count) {
    constexpr std::size_t width = xsimd::batch<T>::size;
    alignas(64) T index[width];
    for (std::size_t l = 0; l < width; ++l) index[l] = T(l);
    return xsimd::batch<T>::load_aligned(index) < xsimd::batch<T>(T(count));
  }

  // A row may end within a vector. That is computed in memory of its own, and what is behind the row is put back; but
  // behind the last row, where it may be another thread's, it is not touched.
  template <class T, class F, int n, class Combine>
  static void each_row(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                       const Stream<T>& out, const Combine& combine) {
    using Lanes = xsimd::batch<T>;
    constexpr std::size_t width = Lanes::size;
    constexpr bool reads = !same<Combine, decltype(plain(assign))>;
    const F& f = *static_cast<const F*>(function);
    const std::size_t whole = columns / width * width;
    alignas(64) T rest[width];
    const T* data[n];
    for (int k = 0; k < n; ++k) data[k] = in[k].data;
    T* y = out.data;
    for (std::size_t i = 0; i < rows; ++i) {
      const bool last = i + 1 == rows;
      T* to = y;
      for (std::size_t j = 0; j < columns;) {
        std::size_t end = whole;
        if (j == whole) {
          end = columns;
          to = rest - whole;
          if (!last) {
            Lanes::load_unaligned(y + whole).store_aligned(rest);
          } else if (reads) {
            Lanes(T(0)).store_aligned(rest);
            for (std::size_t l = whole; l < columns; ++l) to[l] = y[l];
          }
        }
        do {
          Lanes x[n];
          for (int k = 0; k < n; ++k) x[k] = Lanes::load_unaligned(data[k] + j);
          combine(Lanes::load_unaligned(to + j), spread<n>(f, x)).store_unaligned(to + j);
          j += width;
        } while (j < end);
      }
      if (whole < columns) {
        if (last)
          for (std::size_t l = whole; l < columns; ++l) y[l] = to[l];
        else
          xsimd::select(first<T>(columns - whole), Lanes::load_aligned(rest), Lanes::load_unaligned(y + whole))
              .store_unaligned(y + whole);
      }
      y += out.row;
      for (int k = 0; k < n; ++k) data[k] += in[k].row;
    }
  }

  // Each row adds up to one element, which may be the same for all.
  template <class T, class F, int n>
  static void add_up(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                     const Stream<T>& out) {
    using Lanes = xsimd::batch<T>;
    constexpr std::size_t width = Lanes::size;
    const F& f = *static_cast<const F*>(function);
    const std::size_t whole = columns / width * width;
    const auto last = first<T>(columns - whole);
    const Lanes zero(T(0));
    const bool alone = out.row || rows == 1;  // a row
    Compensated<Lanes> total{zero, zero};
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands<T, n, 1> x(in, i, 1);
      for (std::size_t j = 0; j < columns;) {
        Lanes sum = zero;
        const std::size_t enough = whole - j <= some * width ? columns : j + some * width;
        while (j < enough) {
          // The end of a row that fills no vector is a part of its own.
          const bool rest = j == whole;
          const std::size_t most = rest ? columns : whole, end = most - j < few * width ? most : j + few * width;
          Lanes part = zero;
          for (; j < end; j += width) {
            Lanes values[n];
            for (int k = 0; k < n; ++k) values[k] = Lanes::load_unaligned(x.data[k] + j * x.step[k]);
            part = part + spread<n>(f, values);
          }
          sum = sum + (rest ? xsimd::select(last, part, zero) : part);
        }
        if (alone && columns <= some * width)
          total.sum = sum;
        else
          total += sum;
      }
      if (!alone && i + 1 < rows) continue;
      alignas(64) T lanes[width];
      total.sum.store_aligned(lanes);
      for (std::size_t half = width / 2; half > 0; half /= 2)
        for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[half + l];
      out.data[static_cast<std::ptrdiff_t>(i) * out.row] += lanes[0];
      total = {zero, zero};
    }
  }

  // The rows add up to one.
  template <class T, class F, int n>
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
        const Operands<T, n, few> operands(in, i, height);
        for (std::size_t j = 0; j < count; j += width) {
          const T* x[n];
          for (int k = 0; k < n; ++k) x[k] = operands.data[k] + (first + j) * operands.step[k];
          Lanes part(T(0));
          for (std::size_t row = 0; row < height; ++row) {
            Lanes values[n];
            for (int k = 0; k < n; ++k) {
              values[k] = Lanes::load_unaligned(x[k]);
              x[k] += operands.row[k];
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
    using Lanes = xsimd::batch<T>;
    constexpr std::size_t width = Lanes::size;
    const F& f = *static_cast<const F*>(function);
    const std::size_t whole = columns / width * width;
    const auto last = Vector::first<T>(columns - whole);
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands<T, 1, 1> x(in, i, 1);
      const auto call = [&](std::size_t j) { return f(Lanes::load_unaligned(x.data[0] + j * x.step[0])); };
      T& y = out.data[static_cast<std::ptrdiff_t>(i) * out.row];
      const Lanes least(y);
      Lanes most = least;
      for (std::size_t j = 0; j < whole; j += width) most = maximum(most, call(j));
      if (whole < columns) most = maximum(most, xsimd::select(last, call(whole), least));
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

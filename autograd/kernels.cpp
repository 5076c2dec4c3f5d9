// Compiled once for each instruction set (CMakeLists.txt). Everything here has internal linkage or the register's size
// in its name, so that the linker cannot take one version for another.
#include "kernels.hpp"

#include <xsimd/xsimd.hpp>

namespace unroll {
namespace {

struct Vector {
  template <class T, class F, class Which>
  static void run(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                  const Stream<T>& out, Write write) {
    if (write == Write::assign) return rows_of<T, F, Which>(function, rows, columns, in, out, assign);
    if constexpr (adds<F, Which>) {
      if (!out.step) return reduce<T, F, Which>(function, rows, columns, in, out, write);
      if (write == Write::add) return rows_of<T, F, Which>(function, rows, columns, in, out, add);
      if constexpr (maximises<F, Which>)
        sweep<T, F, Which, Row<T, 1, false>>(function, rows, columns, in, out, maximum);
    }
  }

 private:
  // Only what is called is compiled: rules are assigned or added, values assigned, but for these.
  template <class F, const auto& f>
  static constexpr bool is = same<F, decltype(functions::plain(f))>;
  template <class F, class Which>
  static constexpr bool maximises = same<Which, ValueOf>&& is<F, functions::copy>;
  template <class F, class Which>
  static constexpr bool adds = !same<Which, ValueOf> || is<F, functions::copy> || is<F, functions::exp_difference>;

  static constexpr auto assign = [](auto, auto value) { return value; };
  static constexpr auto add = [](auto y, auto value) { return y + value; };
  // Keeps a NaN, whichever side it is on.
  static constexpr auto maximum = [](auto y, auto value) { return select(!(value <= y) && y == y, value, y); };

  // The operands of one row: those that step by 0 are spread over a vector of their own; there are none if it is dense.
  template <class T, int n, bool dense>
  struct Row {
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

    template <class F>
    Lanes call(const F& f, std::size_t j) const {
      Lanes x[n];
      for (int k = 0; k < n; ++k) x[k] = Lanes::load_unaligned(data[k] + j * step[k]);
      return spread<n>(f, x);
    }
  };

  // The first lanes.
  template <class T>
  static auto first(std::size_t count) {
    constexpr std::size_t width = xsimd::batch<T>::size;
    alignas(64) T index[width];
    for (std::size_t l = 0; l < width; ++l) index[l] = T(l);
    return xsimd::batch<T>::load_aligned(index) < xsimd::batch<T>(T(count));
  }

  template <class T, class F, class Which, class Combine>
  static void rows_of(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                      const Stream<T>& out, const Combine& combine) {
    constexpr int n = Which::template arguments<F>;
    bool dense = true;
    for (int k = 0; k < n; ++k) dense &= in[k].step == 1;
    dense ? sweep<T, F, Which, Row<T, n, true>>(function, rows, columns, in, out, combine)
          : sweep<T, F, Which, Row<T, n, false>>(function, rows, columns, in, out, combine);
  }

  // A row may end within a vector. Of the operands, what is behind it is read too (there is memory behind every block);
  // in the result it is put back, if it is not behind the last row, where it may be another thread's.
  template <class T, class F, class Which, class Operands, class Combine>
  static void sweep(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                    const Stream<T>& out, const Combine& combine) {
    using Lanes = typename Operands::Lanes;
    constexpr std::size_t width = Operands::width;
    const auto& f = Which::of(*static_cast<const F*>(function));
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

  // Each row adds up to one element, or gives its maximum.
  template <class T, class F, class Which>
  static void reduce(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                     const Stream<T>& out, Write write) {
    using Operands = Row<T, Which::template arguments<F>, false>;
    using Lanes = typename Operands::Lanes;
    constexpr std::size_t width = Operands::width;
    const auto& f = Which::of(*static_cast<const F*>(function));
    const std::size_t whole = columns / width * width;
    const auto last = first<T>(columns - whole);
    const bool adds_up = !maximises<F, Which> || write == Write::add;
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands x(in, i);
      T& y = out.data[static_cast<std::ptrdiff_t>(i) * out.row];
      const Lanes neutral(adds_up ? T(0) : y);
      Lanes total = neutral;
      const auto include = [&](const Lanes& value) { total = adds_up ? total + value : maximum(total, value); };
      for (std::size_t j = 0; j < whole; j += width) include(x.call(f, j));
      if (whole < columns) include(xsimd::select(last, x.call(f, whole), neutral));
      alignas(64) T lanes[width];
      total.store_aligned(lanes);
      T sum = lanes[0];
      for (std::size_t l = 1; l < width; ++l) sum = adds_up ? sum + lanes[l] : larger(sum, lanes[l]);
      y = adds_up ? y + sum : sum;
    }
  }

  template <class T>
  static T larger(T y, T value) {
    return !(value <= y) && y == y ? value : y;
  }
};

template <class T, const auto&... function>
constexpr Kernels<T> table(functions::List<function...>) {
  return {{loops_of<T, Vector, decltype(functions::plain(function))>()...}};
}

template <class T>
constexpr Kernels<T> all = table<T>(functions::Vectorised{});

}  // namespace

template <class T, int bytes>
const Kernels<T>& kernels_for() {
  return all<T>;
}

template const Kernels<float>& kernels_for<float, sizeof(xsimd::batch<float>)>();
template const Kernels<double>& kernels_for<double, sizeof(xsimd::batch<double>)>();

}  // namespace unroll

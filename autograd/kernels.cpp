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
    constexpr int n = Which::template arguments<F>;
    bool dense = true;
    for (int k = 0; k < n; ++k) dense &= in[k].step == 1;
    const auto assign = [](auto, auto value) { return value; };
    const auto add = [](auto y, auto value) { return y + value; };
    if (!out.step)
      reduce<T, F, Which>(function, rows, columns, in, out, write);
    else if (write == Write::assign)
      dense ? sweep<T, F, Which, Row<T, n, true>>(function, rows, columns, in, out, assign)
            : sweep<T, F, Which, Row<T, n, false>>(function, rows, columns, in, out, assign);
    else if (write == Write::add)
      dense ? sweep<T, F, Which, Row<T, n, true>>(function, rows, columns, in, out, add)
            : sweep<T, F, Which, Row<T, n, false>>(function, rows, columns, in, out, add);
    else
      sweep<T, F, Which, Row<T, n, false>>(function, rows, columns, in, out, maximum);
  }

 private:
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

    // The last elements of a row, which do not fill a vector; its other lanes repeat the first of them.
    template <class F>
    Lanes call(const F& f, std::size_t j, std::size_t count) const {
      Lanes x[n];
      for (int k = 0; k < n; ++k) {
        alignas(64) T last[width];
        for (std::size_t l = 0; l < width; ++l) last[l] = data[k][(j + (l < count ? l : 0)) * step[k]];
        x[k] = Lanes::load_aligned(last);
      }
      return spread<n>(f, x);
    }
  };

  template <class T, class F, class Which, class Operands, class Combine>
  static void sweep(const void* function, std::size_t rows, std::size_t columns, const Stream<const T>* in,
                    const Stream<T>& out, const Combine& combine) {
    using Lanes = typename Operands::Lanes;
    constexpr std::size_t width = Operands::width;
    const auto& f = Which::of(*static_cast<const F*>(function));
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands x(in, i);
      T* y = out.data + static_cast<std::ptrdiff_t>(i) * out.row;
      std::size_t j = 0;
      for (; j + width <= columns; j += width)
        combine(Lanes::load_unaligned(y + j), x.call(f, j)).store_unaligned(y + j);
      if (j == columns) continue;
      alignas(64) T last[width] = {};
      for (std::size_t l = 0; j + l < columns; ++l) last[l] = y[j + l];
      combine(Lanes::load_aligned(last), x.call(f, j, columns - j)).store_aligned(last);
      for (std::size_t l = 0; j + l < columns; ++l) y[j + l] = last[l];
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
    for (std::size_t i = 0; i < rows; ++i) {
      const Operands x(in, i);
      T& y = out.data[static_cast<std::ptrdiff_t>(i) * out.row];
      Lanes total(write == Write::add ? T(0) : y);
      std::size_t j = 0;
      for (; j + width <= columns; j += width)
        total = write == Write::add ? total + x.call(f, j) : maximum(total, x.call(f, j));
      alignas(64) T lanes[width];
      alignas(64) T last[width];
      total.store_aligned(lanes);
      if (j < columns) x.call(f, j, columns - j).store_aligned(last);
      T sum = lanes[0];
      for (std::size_t l = 1; l < width; ++l) sum = write == Write::add ? sum + lanes[l] : larger(sum, lanes[l]);
      for (std::size_t l = 0; j + l < columns; ++l) sum = write == Write::add ? sum + last[l] : larger(sum, last[l]);
      y = write == Write::add ? y + sum : sum;
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

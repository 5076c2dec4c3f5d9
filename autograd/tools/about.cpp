#include "about.hpp"

#include <sstream>
#include <thread>
#include <xsimd/xsimd.hpp>
#include <xtensor-blas/xblas_config.hpp>

#include "../kernels/blas.hpp"
#include "../kernels/instruction_set.hpp"
#include "../version.hpp"
#include "../xtensor.hpp"

namespace unroll {

using namespace detail;

namespace {

// An OpenBLAS that is older than the processor takes it for the first one with 64 bits, several times slower.
std::string advice(const std::string& blas, const std::string& kernels) {
  const bool unknown = blas.ends_with("Prescott") && kernels.find("avx2") != std::string::npos;
  return unknown ? "; it does not know this processor, OPENBLAS_CORETYPE=Haswell or SkylakeX may be faster" : "";
}

}  // namespace

std::string_view version() { return UNROLL_VERSION; }

std::string about() {
  const std::string kernels = about_kernels(), blas = about_blas();
  std::ostringstream text;
  const auto add = [&](const char* name, int major, int minor, int patch) {
    text << ", " << name << ' ' << major << '.' << minor << '.' << patch;
  };
  text << "unroll " << version();
  add("xtensor", XTENSOR_VERSION_MAJOR, XTENSOR_VERSION_MINOR, XTENSOR_VERSION_PATCH);
  add("xtensor-blas", XTENSOR_BLAS_VERSION_MAJOR, XTENSOR_BLAS_VERSION_MINOR, XTENSOR_BLAS_VERSION_PATCH);
  add("xsimd", XSIMD_VERSION_MAJOR, XSIMD_VERSION_MINOR, XSIMD_VERSION_PATCH);
  text << "\nbuild: " << UNROLL_BUILD << "\nkernels: " << kernels << "\nBLAS: " << blas << advice(blas, kernels)
       << "\nthreads: " << all_threads() << ", processors: " << std::thread::hardware_concurrency() << '\n';
  return text.str();
}

}  // namespace unroll

// Which kernels are chosen, and what the library says of itself.
#include <doctest/doctest.h>

#include <cstdlib>
#include <unroll/autograd/kernels/instruction_set.hpp>
#include <unroll/autograd/operations/ops.hpp>
#include <unroll/autograd/tools/about.hpp>
#include <unroll/autograd/version.hpp>

#include "support.hpp"

using namespace unroll;

namespace {

std::string line(const std::string& name) {
  const std::string text = about();
  const auto begin = text.find(name + ": ");
  REQUIRE(begin != std::string::npos);
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string error_with(const char* set) {
  ::setenv("UNROLL_INSTRUCTION_SET", set, true);
  return error_of([] { tanh(Variable<float>({1, 2})); });
}

}  // namespace

TEST_CASE("the widest usable instruction set is chosen, or the one that is named") {
  const std::vector<detail::InstructionSet> sets{{"sse2", 16, true}, {"avx2", 32, true}, {"avx512", 64, false}};
  CHECK(detail::choose(sets, "").bytes == 32);
  CHECK(detail::choose(sets, "sse2").bytes == 16);
  CHECK(detail::choose(sets, "avx2").bytes == 32);
}

TEST_CASE("an instruction set that is unknown is refused when kernels are needed, and the environment is read once") {
  const std::string refusal = error_with("mmx"), words = "UNROLL_INSTRUCTION_SET: mmx; the kernels are built for ";
  REQUIRE(refusal.substr(0, words.size()) == words);
  CHECK(error_of([] { about(); }) == refusal);
  const std::string narrowest = refusal.substr(words.size(), refusal.find(',') - words.size());
  CHECK(error_with((narrowest + "x").c_str()) != "no error");
  CHECK(error_with(narrowest.c_str()) == "no error");
  CHECK(line("kernels").starts_with("kernels: " + narrowest + ", of "));
  CHECK(error_with("mmx") == "no error");
  CHECK(line("kernels").starts_with("kernels: " + narrowest + ", of "));
}

TEST_CASE("headers and library are of one version, and its numbers are those of its text") {
  CHECK(version() == UNROLL_VERSION);
  CHECK(version() == detail::text_of(UNROLL_VERSION_MAJOR, '.', UNROLL_VERSION_MINOR, '.', UNROLL_VERSION_PATCH));
}

TEST_CASE("the library tells its versions, build, kernels, BLAS and threads") {
  const std::string text = about();
  CHECK(text.starts_with("unroll " + std::string(version()) + ", "));
  for (const char* part : {", xtensor 0.", ", xtensor-blas 0.", ", xsimd ",
                           "\nbuild: ", "\nkernels: ", "\nBLAS: OpenBLAS ", "\nthreads: "})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part);
}

#include "operations.hpp"

#include <fstream>
#include <regex>
#include <unroll/autograd/error.hpp>

namespace unroll {

std::set<std::string> declared_operations(const std::set<std::string>& headings) {
  std::ifstream header("../autograd/operations/ops.hpp");
  require(bool(header), "declared_operations",
          "there is no ../autograd/operations/ops.hpp; run this in the directory tests");
  const std::regex heading("// ([A-Z][a-z]+(?: [a-z]+)?)(?::.*)?");
  const std::regex declaration(
      R"((?:template <[^;{]*?> )?(?:inline |constexpr )*(?:const )?[A-Za-z_][\w:]*(?:<.*>)?[&*]? (operator[^\s(]+|\w+)\(.*)");
  const std::set<std::string> none{"element_of", "normal_axis", "apply",
                                   "operands",   "combine",     "indices"};  // that are no operations
  std::set<std::string> declared, unknown = headings;
  bool counts = headings.empty();
  std::smatch match;
  for (std::string line; std::getline(header, line);) {
    if (std::regex_match(line, match, heading)) {
      counts = headings.empty() || headings.contains(match[1]);
      unknown.erase(match[1]);
    } else if (counts && std::regex_match(line, match, declaration) && !none.contains(match[1])) {
      declared.insert(match[1]);
    }
  }
  require(unknown.empty() && !declared.empty(), "declared_operations",
          "autograd/operations/ops.hpp has other headings");
  return declared;
}

}  // namespace unroll

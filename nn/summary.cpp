#include "summary.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

namespace unroll::nn {

template <class T> std::string summary(const Module<T>& model) {
  std::size_t widest = 9, total = 0, trained = 0;
  for (const auto& [name, parameter] : model.named_parameters()) widest = std::max(widest, name.size());
  const auto width = static_cast<int>(widest);
  std::ostringstream out;
  out << std::left << std::setw(width) << "parameter"
      << "  shape            elements\n";
  std::map<const void*, std::string> known;
  for (const auto& [name, parameter] : model.named_parameters()) {
    const auto [first, fresh] = known.try_emplace(parameter.shared().get(), name);
    out << std::left << std::setw(width) << name << "  " << std::setw(14) << unroll::detail::text_of(parameter.shape())
        << std::right << std::setw(11) << parameter.size() << (parameter.frozen() ? "  frozen" : "")
        << (fresh ? "" : "  is " + first->second) << "\n";
    if (!fresh) continue;
    total += parameter.size();
    trained += parameter.frozen() ? 0 : parameter.size();
  }
  out << total << " elements, " << trained << " of them trained, " << std::fixed << std::setprecision(2)
      << double(total * sizeof(T)) / 0x1p20 << " MiB\n";
  return out.str();
}

template std::string summary(const Module<float>&);
template std::string summary(const Module<double>&);

}  // namespace unroll::nn

// Owns: how amounts, numbers and errors read in findings.
// Must not know: what is found.
#include "watch/wording.h"

#include <string.h>

#include <array>
#include <cstdio>

#include "topology/node_files.h"

namespace numapool::watch {

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array<const char*, 7> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    double amount = static_cast<double>(bytes);
    for (; amount >= 1024.0 && unit + 1 < kUnits.size(); ++unit) amount /= 1024.0;
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), "%.1f", amount);
    std::string text = number.data();
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text + ' ' + kUnits[unit];
}

std::string ranges_text(const std::vector<int>& numbers) {
    return numbers.empty() ? "none" : topology::format_id_list(numbers);
}

std::string nodes_text(const std::vector<int>& nodes) {
    return (nodes.size() == 1 ? "node " : "nodes ") + ranges_text(nodes);
}

std::string error_text(int error) {
    const char* const name = ::strerrorname_np(error);
    return name != nullptr ? name : "error " + std::to_string(error);
}

}  // namespace numapool::watch

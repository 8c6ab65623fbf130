// Owns: how much memory the control groups of this process leave it.
// Must not know: what is done about it; memory that the machine has.
#include "pressure/memory_limit.h"

#include <algorithm>
#include <sstream>

#include "os/text_file.h"
#include "pressure/control_groups.h"

namespace numapool::pressure {
namespace {

// Version 1 says "unlimited" as the greatest number of whole pages, whose size differs by machine.
constexpr std::uint64_t kUnlimited = 0x7FFF'FFFF'FFFF'0000;

std::optional<std::uint64_t> read_bound(const std::string& path) {
    const std::optional<std::uint64_t> bytes = os::read_number(path);  // nothing for "max"
    return bytes && *bytes < kUnlimited ? bytes : std::nullopt;
}

// What groups above the mount point allow, which a container does not see as folders.
std::optional<std::uint64_t> read_hierarchical_limit(const std::string& folder) {
    std::istringstream words(os::read_text_file(folder + "/memory.stat").value_or(""));
    std::string name;
    for (std::uint64_t value = 0; words >> name >> value;) {
        if (name == "hierarchical_memory_limit" && value < kUnlimited) return value;
    }
    return std::nullopt;
}

bool lower(std::optional<std::uint64_t>& least, const std::optional<std::uint64_t>& bound) {
    if (!bound || (least && *least <= *bound)) return false;
    least = bound;
    return true;
}

}  // namespace

MemoryLimit read_memory_limit(const std::string& root) {
    const ControlGroups groups = find_control_groups(root, "memory");
    MemoryLimit result;
    result.version = groups.version;
    const bool second = groups.version == 2;
    std::optional<std::uint64_t> least;
    for (const std::string& folder : groups.folders) {
        const auto limit = read_bound(folder + (second ? "/memory.max" : "/memory.limit_in_bytes"));
        const auto high = second ? read_bound(folder + "/memory.high") : std::nullopt;
        lower(result.limit_bytes, limit);
        lower(result.high_bytes, high);
        const bool tighter = lower(least, limit) | lower(least, high);
        if (!tighter && !result.group.empty()) continue;
        // The topmost group of version 2 has no such file.
        const auto used = os::read_number(folder + (second ? "/memory.current" : "/memory.usage_in_bytes"));
        if (!used) continue;
        result.used_bytes = used;
        result.group = folder.substr(root.size());
    }
    if (!second && !groups.folders.empty())
        lower(result.limit_bytes, read_hierarchical_limit(groups.folders.front()));
    return result;
}

}  // namespace numapool::pressure

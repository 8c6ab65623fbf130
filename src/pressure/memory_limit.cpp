// Owns: how much memory the control groups of this process leave it.
// Must not know: what is done about it; memory that the machine has.
#include "pressure/memory_limit.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <string>

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

using Words = std::map<std::string, std::uint64_t>;

Words read_statistics(const std::string& folder) {
    std::istringstream words(os::read_text_file(folder + "/memory.stat").value_or(""));
    Words result;
    std::string name;
    for (std::uint64_t value = 0; words >> name >> value;) result.emplace(name, value);
    return result;
}

std::uint64_t value_of(const Words& words, const std::string& name) {
    const auto found = words.find(name);
    return found != words.end() ? found->second : 0;
}

// What groups above the mount point allow, which a container does not see as folders.
std::optional<std::uint64_t> hierarchical_limit(const Words& statistics) {
    const std::uint64_t value = value_of(statistics, "hierarchical_memory_limit");
    return value != 0 && value < kUnlimited ? std::optional(value) : std::nullopt;
}

// Pages of files: the kernel drops them before it kills.
std::uint64_t droppable(const Words& statistics, bool second) {
    const std::string prefix = second ? "" : "total_";  // of the groups below, too
    return value_of(statistics, prefix + "inactive_file") + value_of(statistics, prefix + "active_file");
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
        // The topmost group of version 2 has no such file.
        const auto used = os::read_number(folder + (second ? "/memory.current" : "/memory.usage_in_bytes"));
        const Words statistics = read_statistics(folder);
        const auto above =
            second || &folder != &groups.folders.front() ? std::nullopt : hierarchical_limit(statistics);
        lower(result.limit_bytes, above);
        lower(result.limit_bytes, limit);
        lower(result.high_bytes, high);
        if (used && (limit || above)) {
            const std::uint64_t bound = std::min(limit.value_or(kUnlimited), above.value_or(kUnlimited));
            const std::uint64_t kept = *used - std::min(*used, droppable(statistics, second));
            lower(result.room_bytes, bound - std::min(bound, kept));
        }
        const bool tighter_limit = lower(least, limit);
        const bool tighter_high = lower(least, high);
        if (!used || (!tighter_limit && !tighter_high && !result.group.empty())) continue;
        result.used_bytes = used;
        result.group = folder.substr(root.size());
    }
    return result;
}

}  // namespace numapool::pressure

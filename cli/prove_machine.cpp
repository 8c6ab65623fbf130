// Owns: the machine as `numapool prove` describes it, so that its figures can be judged elsewhere.
// Must not know: what is measured on it.
#include "prove_machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "numapool/errors.h"

#include "text_table.h"

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

namespace numapool_cli {
namespace {

std::string kernel_name() {
    utsname name{};
    if (::uname(&name) != 0) return "unknown";
    return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::string c_library_name() {
#if defined(__GLIBC__)
    return fmt::format("glibc {}", ::gnu_get_libc_version());
#else
    return "C library";
#endif
}

void read_cpu(ProveMachine& machine) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos || colon + 2 > line.size()) continue;
        const std::string_view value = std::string_view(line).substr(colon + 2);
        // AArch64 kernels name an implementer and a part instead of a model.
        if (line.starts_with("model name") || line.starts_with("CPU part")) machine.cpu_model = value;
        if (line.starts_with("flags")) {
            machine.virtual_machine = fmt::format(" {} ", value).find(" hypervisor ") != std::string::npos;
            return;
        }
    }
}

std::uint64_t last_level_cache() {
    std::uint64_t largest = 0;
    for (int index = 0; index < 8; ++index) {
        std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
        std::uint64_t size = 0;
        char unit = ' ';
        if (!(file >> size >> unit)) break;
        largest = std::max<std::uint64_t>(largest, size << (unit == 'M' ? 20 : unit == 'K' ? 10 : 0));
    }
    return largest;
}

std::map<std::string, std::string> allocator_settings() {
    constexpr std::array<std::string_view, 9> kPrefixes{
        "NUMAPOOL_", "LD_PRELOAD=", "GLIBC_TUNABLES=", "MALLOC_", "MIMALLOC_",
        "TCMALLOC_", "TBB_MALLOC_", "JEMALLOC_",       "OMP_"};
    std::map<std::string, std::string> found;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto concerns = [&](std::string_view prefix) { return text.starts_with(prefix); };
        if (std::none_of(kPrefixes.begin(), kPrefixes.end(), concerns)) continue;
        const std::size_t equals = std::min(text.find('='), text.size() - 1);
        found.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return found;
}

bool has_cpus(const numapool::NumaNode& node) { return !node.cpus.empty(); }
bool has_memory(const numapool::NumaNode& node) { return node.allowed && node.total_bytes > 0; }

void check_nodes(const numapool::Topology& topology, const std::vector<int>& only) {
    std::vector<int> usable;
    for (const numapool::NumaNode& node : topology.nodes) {
        if (has_cpus(node) || has_memory(node)) usable.push_back(node.id);
    }
    for (const int id : only) {
        if (std::find(usable.begin(), usable.end(), id) != usable.end()) continue;
        throw numapool::ArgumentError(
            numapool::ErrorCode::kInvalidNode,
            fmt::format("prove: there is no node {} that this process may use; it may use {}", id,
                        ranges_text(usable)));
    }
}

}  // namespace

std::size_t ProveMachine::cpus_of(int node) const {
    const numapool::NumaNode* const found = topology.find(node);
    return found == nullptr ? 0 : found->cpus.size();
}

ProveMachine look_at_machine(const std::vector<int>& only) {
    ProveMachine machine;
    machine.topology = numapool::discover_topology();
    check_nodes(machine.topology, only);
    for (const numapool::NumaNode& node : machine.topology.nodes) {
        if (!only.empty() && std::find(only.begin(), only.end(), node.id) == only.end()) continue;
        if (has_cpus(node)) machine.cpu_nodes.push_back(node.id);
        if (has_memory(node)) machine.memory_nodes.push_back(node.id);
    }
    read_cpu(machine);
    if (machine.cpu_model.empty()) machine.cpu_model = "unknown";
    machine.kernel = kernel_name();
    machine.c_library = c_library_name();
    machine.last_level_cache_bytes = last_level_cache();
    machine.setting = allocator_settings();
    return machine;
}

std::uint64_t room_on(const std::vector<int>& nodes, double share) {
    const numapool::Topology now = numapool::discover_topology();
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (const int id : nodes) {
        const numapool::NumaNode* const node = now.find(id);
        if (node == nullptr) return 0;
        // Where free memory is unknown, half of the node is taken to be free.
        least = std::min(least, node->free_bytes > 0 ? node->free_bytes : node->total_bytes / 2);
    }
    return nodes.empty() ? 0 : static_cast<std::uint64_t>(share * static_cast<double>(least));
}

}  // namespace numapool_cli

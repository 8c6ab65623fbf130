// Owns: what the tests ask of the machine they run on, and how they report figures.
// Must not know: anything of the library beyond its public headers.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "numapool/numapool.h"

#include "fakes/messages.h"

namespace numapool::vm {

inline constexpr std::size_t kKiB = std::size_t{1} << 10;
inline constexpr std::size_t kMiB = std::size_t{1} << 20;

using fakes::Messages;

/// Nodes that this process may take memory from.
inline std::vector<NumaNode> memory_nodes() {
    std::vector<NumaNode> nodes;
    for (const NumaNode& node : discover_topology().nodes) {
        if (node.allowed && node.total_bytes != 0) nodes.push_back(node);
    }
    return nodes;
}

/// Nodes whose CPUs this process may use.
inline std::vector<int> cpu_nodes() {
    std::vector<int> nodes;
    for (const NumaNode& node : discover_topology().nodes) {
        if (!node.cpus.empty()) nodes.push_back(node.id);
    }
    return nodes;
}

/// Runs `work()` to its end on a thread bound to `node`.
template <class Work>
void run_on(int node, Work work) {
    std::thread([&] {
        const NodeBinding binding(node);
        work();
    }).join();
}

inline void touch(void* memory, std::size_t bytes, char value = 1) { std::memset(memory, value, bytes); }

/// Of the pages that are there, the share on `node`.
inline double share_on(const PageMap& map, int node) {
    const auto found = map.pages_on.find(node);
    const std::uint64_t there = map.total() - map.absent;
    return there == 0 || found == map.pages_on.end()
               ? 0.0
               : static_cast<double>(found->second) / static_cast<double>(there);
}

/// Prints a figure that whoever runs the machine shall see.
[[gnu::format(printf, 1, 2)]] inline void say(const char* format, ...) {
    std::va_list values;
    va_start(values, format);
    std::fputs("numapool-vm: ", stdout);
    std::vprintf(format, values);
    std::fputs("\n", stdout);
    std::fflush(stdout);
    va_end(values);
}

/// Whether the kernel moves pages by itself to where they are used.
inline bool kernel_balances() {
    int balancing = 0;
    std::ifstream("/proc/sys/kernel/numa_balancing") >> balancing;
    return balancing != 0;
}

}  // namespace numapool::vm

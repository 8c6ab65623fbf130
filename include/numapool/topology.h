// Owns: what is known of the machine's NUMA nodes, as plain values.
// Must not know: hwloc, or where the values come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "numapool/export.h"

namespace numapool {

/// One NUMA node. A node may lack CPUs (CXL memory) or memory.
struct NumaNode {
    int id = 0;                          ///< as the system numbers it; ids may have gaps
    std::vector<int> cpus;               ///< those that this process was allowed when asked, ascending
    std::uint64_t total_bytes = 0;       ///< of memory
    std::uint64_t free_bytes = 0;        ///< at the time of asking; 0 if unknown
    bool allowed = true;                 ///< whether memory may be taken here (cpuset, numactl --membind)
    std::uint64_t huge_pages_total = 0;  ///< reserved hugetlb pages of the default size
    std::uint64_t huge_pages_free = 0;
};

/// The machine as this process sees it.
struct Topology {
    std::vector<NumaNode> nodes;  ///< ascending by id, at least one
    /// distances[i][j]: from nodes[i] to nodes[j], 10 = local, as firmware tells; empty if unknown.
    std::vector<std::vector<std::uint64_t>> distances;
    std::size_t page_bytes = 0;
    std::size_t huge_page_bytes = 0;     ///< of a transparent huge page; 0 if the kernel has none
    std::string transparent_huge_pages;  ///< "always" | "madvise" | "never" | "unavailable"
    std::string source;                  ///< how it was learnt, for instance "hwloc 2.9.0"

    /// The node numbered `id`; null if there is none.
    const NumaNode* find(int id) const noexcept {
        for (const NumaNode& node : nodes) {
            if (node.id == id) return &node;
        }
        return nullptr;
    }
};

/// The running machine. Costs milliseconds; free memory and huge pages are read anew.
NUMAPOOL_API Topology discover_topology();

/// A machine described by hwloc's synthetic syntax, for instance "numa:4 core:2 pu:1"; for tests and for
/// planning. Throws ArgumentError (kInvalidOption) if the description cannot be read.
NUMAPOOL_API Topology synthetic_topology(const std::string& description);

}  // namespace numapool

// Owns: what the kernel's text files say of nodes, their memory and huge pages.
// Must not know: hwloc, or how the values are put together.
//
// Each function takes the path that stands before "/sys" and "/proc", empty for the running machine, so that
// tests can hand it a made-up one. None throws but for want of memory; what cannot be read is left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace numapool::topology {

struct MemoryFigures {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;
    /// Free, or freed on demand without swapping: as the kernel estimates it for the machine, free memory and
    /// page cache for a node.
    std::uint64_t available_bytes = 0;
};

struct HugePageCount {
    std::uint64_t total = 0;
    std::uint64_t free = 0;
};

struct TransparentHugePages {
    std::string mode = "unavailable";  ///< "always" | "madvise" | "never" | "unavailable"
    std::size_t page_bytes = 0;
};

/// "0-2,8" -> {0, 1, 2, 8}; an empty text is an empty list, anything else nothing.
std::optional<std::vector<int>> parse_id_list(std::string_view text);

/// {0, 1, 2, 8} -> "0-2,8"; `ids` ascend.
std::string format_id_list(std::span<const int> ids);

/// The node's own memory; nothing if the kernel does not list the node. Allocates nothing: requests ask, also
/// in a signal handler that interrupted malloc.
std::optional<MemoryFigures> read_node_memory(const std::string& root, int node) noexcept;
/// The memory of the whole machine.
std::optional<MemoryFigures> read_machine_memory(const std::string& root);
/// The CPUs that belong to the node, online ones only; nothing if the kernel does not list the node.
std::optional<std::vector<int>> read_node_cpus(const std::string& root, int node);
/// The nodes that this process may take memory from.
std::optional<std::vector<int>> read_allowed_nodes(const std::string& root);
/// The CPUs that this process's main thread may run on.
std::optional<std::vector<int>> read_allowed_cpus(const std::string& root);
/// distances[i][j] between `nodes`, which must be all that are online, ascending; empty unless all can be
/// read.
std::vector<std::vector<std::uint64_t>> read_distances(const std::string& root, std::span<const int> nodes);
/// Reserved huge pages of the default size on one node; nothing if the kernel does not count them there.
std::optional<HugePageCount> read_node_huge_pages(const std::string& root, int node);
/// The same over the whole machine.
std::optional<HugePageCount> read_machine_huge_pages(const std::string& root);
TransparentHugePages read_transparent_huge_pages(const std::string& root);

}  // namespace numapool::topology

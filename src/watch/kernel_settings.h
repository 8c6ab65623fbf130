// Owns: what the kernel's text files say of how it treats memory, beyond nodes and control groups.
// Must not know: what the values mean to a pool or a user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace numapool::watch {

/// Reserved huge pages of one size on one node.
struct ReservedHugePages {
    int node = -1;  ///< -1: of the whole machine, where the kernel does not tell them by node
    std::uint64_t page_bytes = 0;
    std::uint64_t total = 0;
    std::uint64_t free = 0;
};

/// A value that cannot be read is absent.
struct KernelSettings {
    std::string release;           ///< for instance "6.1.0-18-amd64"
    bool numa = false;             ///< whether the kernel lists nodes
    std::string huge_page_mode;    ///< "always" | "madvise" | "never" | "unavailable"
    std::string huge_page_defrag;  ///< "always" | "defer" | "defer+madvise" | "madvise" | "never" | ""
    std::uint64_t huge_page_bytes = 0;
    bool huge_pages_off_for_process = false;  ///< by prctl, of this process or an ancestor
    std::vector<ReservedHugePages> reserved;  ///< only those of which there are any
    std::optional<std::uint64_t> overcommit;  ///< vm.overcommit_memory: 0 heuristic, 1 always, 2 strict
    std::optional<std::uint64_t> overcommit_ratio;
    std::optional<std::uint64_t> commit_limit_bytes;
    std::optional<std::uint64_t> committed_bytes;
    std::optional<std::uint64_t> memory_bytes;
    std::optional<std::uint64_t> available_bytes;
    std::optional<std::uint64_t> swap_bytes;
    std::optional<std::uint64_t> swap_free_bytes;
    std::optional<std::uint64_t> address_limit_bytes;  ///< RLIMIT_AS; absent also if there is none
    std::optional<std::uint64_t> most_maps;            ///< vm.max_map_count
    std::optional<std::uint64_t> maps;                 ///< of this process
    std::optional<std::uint64_t> numa_balancing;       ///< 0 off, 1 on, 2 for tiers of memory
    std::optional<std::uint64_t> zone_reclaim_mode;
    std::optional<std::vector<int>> online_cpus;
    std::optional<std::vector<int>> cpuset_cpus;  ///< of this process's control group
};

/// As of now. `root` stands before "/proc" and "/sys", empty for the running machine. Throws for want of
/// memory only. Any thread.
KernelSettings read_kernel_settings(const std::string& root);

}  // namespace numapool::watch

// Owns: how much memory the control groups of this process leave it.
// Must not know: what is done about it; memory that the machine has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace numapool::pressure {

struct MemoryLimit {
    int version = 0;  ///< of the control groups that were read, 1 or 2; 0 if there are none
    /// The least of the process's own group and all above it; none if all are unlimited. Beyond it the kernel
    /// kills.
    std::optional<std::uint64_t> limit_bytes;
    /// The least from which the kernel slows the group down (version 2, memory.high).
    std::optional<std::uint64_t> high_bytes;
    /// In the group that has the lowest of both bounds, or else in the process's own: page cache included.
    std::optional<std::uint64_t> used_bytes;
    /// The least that one of the groups leaves until its limit, page cache that it would drop counted as
    /// free; 0 if it is beyond. None if there is no limit, or what is used is not told.
    std::optional<std::uint64_t> room_bytes;
    std::string group;  ///< the folder that used_bytes was read in, without `root`; empty if there is none
};

/// As of now. `root` stands before "/proc" and "/sys", empty for the running machine. Reads a few small files
/// for each group; groups above a container's own are not seen, but version 1 tells their limit all the same.
/// Throws for want of memory only. Any thread.
MemoryLimit read_memory_limit(const std::string& root);

}  // namespace numapool::pressure

// Owns: what a pool tells about itself. Every figure is counted, none is estimated unless its comment says
// so. Must not know: how the figures are gathered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "numapool/export.h"

namespace numapool {

/// Buffers by the size of the block that holds them: small below 1 KiB, medium from 1 KiB to 1 MiB, large
/// above.
enum class Tier { kSmall, kMedium, kLarge };
inline constexpr std::size_t kTiers = 3;

/// One tier of a pool or of one node. live + pending + idle bytes = the tier's committed bytes.
struct TierStatistics {
    std::uint64_t allocations = 0;      ///< requests served
    std::uint64_t live_buffers = 0;     ///< handed out and not yet back
    std::uint64_t live_bytes = 0;       ///< bytes of the blocks that hold them
    std::uint64_t pending_buffers = 0;  ///< returned, but something may still look at them; always 0 in C++
    std::uint64_t pending_bytes = 0;
    std::uint64_t idle_buffers = 0;  ///< kept ready; max_buffers bounds large ones, and the others' bytes
    std::uint64_t idle_bytes = 0;    ///< committed, handed out to no one
};

/// Idle memory that was given back to the system.
struct Eviction {
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
};

/// Why idle memory was given back to the system.
enum class EvictionCause {
    kMaxBuffers,    ///< more idle large buffers than max_buffers; smaller ones go back to their slab instead
    kMaxIdleBytes,  ///< more idle bytes than max_idle_bytes
    kMaxBytes,      ///< to stay below max_bytes, or after the system had refused memory
    kDecay,         ///< idle for longer than idle_decay
    kTrim,          ///< trim() or close()
    kNotMovable,    ///< to take new memory in its place, because it could not be moved to where it was needed
};
inline constexpr std::size_t kEvictionCauses = 6;

/// One NUMA node's part of a pool, or that of one set of nodes over which memory is interleaved.
struct NodeStatistics {
    int node = 0;                         ///< the first one for interleaved memory
    std::vector<int> interleaved_over;    ///< empty for one node's memory
    std::vector<int> interleave_weights;  ///< of interleaved_over; empty if all weigh the same
    std::uint64_t allocations = 0;
    std::uint64_t memory_usage_bytes = 0;  ///< committed = live + pending + idle
    std::uint64_t live_bytes = 0;
    std::uint64_t pending_bytes = 0;
    std::uint64_t idle_bytes = 0;
    /// Those for which placement here could not be requested (the system refuses, or the process's cpuset no
    /// longer allows the node), or of which pages were found elsewhere.
    std::uint64_t fallback_allocations = 0;
    /// The system refuses placement here at present: every buffer is a fallback.
    bool placement_refused = false;
    std::uint64_t local_allocations = 0;  ///< [m] those requested from a CPU of the same node
    /// [m] local_allocations / allocations; 0.0 when there were none. It tells where requests came from, not
    /// where pages lie: that is verified_ratio.
    double local_access_ratio = 0.0;
    /// Pages that were looked up here, and how many of them lay on this node (for interleaved memory: on
    /// theirs). With several nodes, pages are looked up when small and medium buffers take new memory, when a
    /// large buffer of new memory is returned, for strict requests, and by verify_placement().
    std::uint64_t pages_looked_up = 0;
    std::uint64_t pages_verified = 0;
    double verified_ratio = 0.0;  ///< pages_verified / pages_looked_up; 0.0 when none was looked up
    std::array<TierStatistics, kTiers> tiers{};

    double memory_usage_mb() const noexcept { return static_cast<double>(memory_usage_bytes) / 1048576.0; }
};

/// What a look at all pages of one node's part of a pool found, or of one set of nodes' part: those of live
/// buffers and idle ones. A huge page counts as the many that it is.
struct PlacementCheck {
    int node = 0;                           ///< the first one for interleaved memory
    std::vector<int> interleaved_over;      ///< empty for one node's memory
    std::vector<int> interleave_weights;    ///< of interleaved_over; empty if all weigh the same
    std::map<int, std::uint64_t> pages_on;  ///< node id -> pages that the kernel says lie there
    std::uint64_t home = 0;                 ///< pages that lie where they should
    std::uint64_t elsewhere = 0;            ///< pages that lie on another node
    std::uint64_t unknown = 0;              ///< pages that the kernel would not tell about
};

/// A pool's figures. Fields marked [m] stay 0 unless PoolOptions::enable_monitoring. They are read without
/// stopping other threads: under load they may be a few operations apart.
struct Statistics {
    std::string name;
    bool monitoring = true;  ///< false: the fields marked [m] stay 0
    bool disabled = false;   ///< NUMAPOOL_DISABLE: plain allocation, nothing is reused

    std::uint64_t total_allocations = 0;  ///< requests served
    std::uint64_t cache_hits = 0;  ///< those served wholly from memory that an earlier buffer had returned
    double cache_hit_ratio = 0.0;  ///< cache_hits / total_allocations; 0.0 when there were none
    std::uint64_t stitched = 0;    ///< hits for which pages were moved together

    std::uint64_t bytes_requested = 0;   ///< [m] as asked for, over all allocations so far
    std::uint64_t bytes_handed_out = 0;  ///< of the blocks that held them, over all allocations so far
    std::uint64_t bytes_reused = 0;      ///< part of bytes_handed_out that an earlier buffer had returned
    double allocation_efficiency = 0.0;  ///< [m] bytes_requested / bytes_handed_out
    double buffer_reuse_ratio = 0.0;     ///< bytes_reused / bytes_handed_out

    std::uint64_t memory_usage_bytes = 0;  ///< committed: handed out or prefaulted, not given back since,
                                           ///< in slices of 64 KiB; live + pending + idle
    std::uint64_t peak_memory_bytes = 0;   ///< highest memory_usage_bytes so far
    std::uint64_t live_buffers = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t pending_buffers = 0;  ///< see TierStatistics
    std::uint64_t pending_bytes = 0;
    std::uint64_t idle_bytes = 0;
    std::uint64_t metadata_bytes = 0;  ///< the pool's own records, beside memory_usage_bytes

    std::uint64_t auto_returns = 0;          ///< buffers that came back because their holder was destroyed
    std::uint64_t fallback_allocations = 0;  ///< see NodeStatistics
    /// Requests that were served with a block that is watched for misuse (NUMAPOOL_CHECK), and how many
    /// misuses were found and told of.
    std::uint64_t fenced_allocations = 0;
    std::uint64_t misuses = 0;
    /// Pages of reused bytes. An upper estimate: a page counts even if nobody touched it before.
    std::uint64_t page_faults_avoided = 0;

    std::array<Eviction, kEvictionCauses> evictions{};  ///< indexed by EvictionCause
    std::array<TierStatistics, kTiers> tiers{};         ///< indexed by Tier
    std::vector<NodeStatistics> nodes;                  ///< ascending by node, interleaved ones last

    double memory_usage_mb() const noexcept { return static_cast<double>(memory_usage_bytes) / 1048576.0; }
    double peak_memory_mb() const noexcept { return static_cast<double>(peak_memory_bytes) / 1048576.0; }
    const Eviction& evicted(EvictionCause cause) const noexcept {
        return evictions[static_cast<std::size_t>(cause)];
    }
    const TierStatistics& tier(Tier tier) const noexcept { return tiers[static_cast<std::size_t>(tier)]; }
};

/// "small" | "medium" | "large".
NUMAPOOL_API const char* to_string(Tier tier) noexcept;
/// "max_buffers" | "max_idle_bytes" | "max_bytes" | "decay" | "trim" | "not_movable".
NUMAPOOL_API const char* to_string(EvictionCause cause) noexcept;

}  // namespace numapool

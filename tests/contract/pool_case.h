// Owns: what the contract tests share: sizes, checks of figures, pools with named options.
// Must not know: anything beyond the public headers.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/numapool.h"

namespace numapool {

inline constexpr std::size_t kKiB = std::size_t{1} << 10;
inline constexpr std::size_t kMiB = std::size_t{1} << 20;
inline constexpr std::size_t kGiB = std::size_t{1} << 30;

/// Sizes on both sides of every bound there is.
inline constexpr std::size_t kSizes[] = {1,        63,   64,       65,        1023,    1024,
                                         1025,     4096, 5000,     64 * kKiB, 65537,   300 * kKiB,
                                         kMiB - 1, kMiB, kMiB + 1, 2 * kMiB,  3000000, 8 * kMiB + 1};

/// Options without decay: figures then change by calls alone.
inline PoolOptions steady_options() {
    PoolOptions options;
    options.idle_decay = std::nullopt;
    return options;
}

/// Keeps the calling thread, and those that it starts, on the CPU where it is: exact figures are those of one
/// node, and the system moves threads between nodes.
class OnOneCpu {
public:
    OnOneCpu() {
        const MemoryPool first;  // the library looks at its CPUs once, and should see all of them
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~OnOneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }
    OnOneCpu(const OnOneCpu&) = delete;
    OnOneCpu& operator=(const OnOneCpu&) = delete;

private:
    cpu_set_t before_{};
};

inline void fill(void* block, std::size_t bytes, int value) { std::memset(block, value, bytes); }

inline bool holds(const void* block, std::size_t bytes, int value) {
    const auto* at = static_cast<const unsigned char*>(block);
    return std::all_of(at, at + bytes,
                       [value](unsigned char byte) { return byte == static_cast<unsigned char>(value); });
}

/// What is true of figures whatever happened before, while no other thread uses the pool.
inline void expect_consistent(const Statistics& s) {
    EXPECT_EQ(s.live_bytes + s.pending_bytes + s.idle_bytes, s.memory_usage_bytes);
    EXPECT_LE(s.memory_usage_bytes, s.peak_memory_bytes);
    EXPECT_LE(s.cache_hits, s.total_allocations);
    EXPECT_LE(s.bytes_reused, s.bytes_handed_out);
    EXPECT_LE(s.bytes_requested, s.bytes_handed_out);
    EXPECT_LE(s.auto_returns + s.live_buffers, s.total_allocations);
    if (s.disabled) return;
    TierStatistics tiers;
    for (const TierStatistics& tier : s.tiers) {
        EXPECT_TRUE(tier.idle_buffers == 0 || tier.idle_bytes != 0) << "buffers without bytes";
        tiers.allocations += tier.allocations;
        tiers.live_buffers += tier.live_buffers;
        tiers.live_bytes += tier.live_bytes;
        tiers.idle_bytes += tier.idle_bytes;
    }
    EXPECT_EQ(tiers.allocations, s.total_allocations);
    EXPECT_EQ(tiers.live_buffers, s.live_buffers);
    EXPECT_EQ(tiers.live_bytes, s.live_bytes);
    EXPECT_EQ(tiers.idle_bytes, s.idle_bytes);
    std::uint64_t allocations = 0;
    std::uint64_t usage = 0;
    for (const NodeStatistics& node : s.nodes) {
        EXPECT_EQ(node.live_bytes + node.pending_bytes + node.idle_bytes, node.memory_usage_bytes);
        allocations += node.allocations;
        usage += node.memory_usage_bytes;
    }
    EXPECT_EQ(allocations, s.total_allocations);
    EXPECT_EQ(usage, s.memory_usage_bytes);
}

/// The figures that a refused call must leave as they were; not those of idle memory where it goes by itself.
inline std::vector<std::uint64_t> figures(const MemoryPool& pool) {
    const Statistics s = pool.get_statistics();
    const bool decays = pool.options().idle_decay.has_value();
    return {s.total_allocations,
            s.cache_hits,
            s.bytes_requested,
            s.bytes_handed_out,
            s.bytes_reused,
            s.live_buffers,
            s.live_bytes,
            s.auto_returns,
            decays ? 0 : s.idle_bytes,
            decays ? 0 : s.memory_usage_bytes};
}

}  // namespace numapool

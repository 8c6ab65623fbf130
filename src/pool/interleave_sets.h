// Owns: the sets of nodes that this process interleaves memory over, each known by a small number.
// Must not know: pools.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "os/memory_policy.h"

namespace numapool::detail {

inline constexpr int kMaxInterleaveSets = 64;

struct InterleaveSet {
    os::NodeMask nodes;
    /// With weights: the node of each granule of a round. Constant size, so that sets need no destructor.
    std::array<std::int16_t, 256> granules{};
    std::size_t granule_count = 0;

    std::span<const std::int16_t> round() const noexcept { return {granules.data(), granule_count}; }
    friend bool operator==(const InterleaveSet&, const InterleaveSet&) = default;
};

/// Set number `set`, which Placement::interleave returned; never changes. Any thread.
const InterleaveSet& interleave_set(int set) noexcept;

/// For fork.
void lock_interleave_sets() noexcept;
void unlock_interleave_sets() noexcept;

}  // namespace numapool::detail

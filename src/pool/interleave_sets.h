// Owns: the sets of nodes that this process interleaves memory over, each known by a small number.
// Must not know: pools.
#pragma once

#include "os/memory_policy.h"

namespace numapool::detail {

inline constexpr int kMaxInterleaveSets = 64;

/// The nodes of set number `set`, which Placement::interleave returned. Any thread.
const os::NodeMask& interleave_nodes_of(int set) noexcept;

/// For fork.
void lock_interleave_sets() noexcept;
void unlock_interleave_sets() noexcept;

}  // namespace numapool::detail

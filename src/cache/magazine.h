// Owns: a thread's ready blocks of one size class, and its count of what passed through.
// Must not know: where blocks come from when it is empty.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/slab_bin.h"
#include "base/counter.h"

namespace numapool::cache {

/// A stack of blocks that were all handed out before, so that every pop is a hit. One thread uses it; the
/// counters may be read by any. 256 bytes: four cache lines, the first of which holds all that a typical
/// operation touches.
struct alignas(64) Magazine {
    static constexpr std::uint32_t kCapacity = 13;

    std::atomic<std::uint32_t> count{0};  // relaxed: other threads only read it for statistics
    std::uint32_t limit = 0;              ///< how many blocks the pool's bounds let it hold now
    base::Counter allocations;
    base::Counter frees;
    base::Counter requested_bytes;
    std::array<arena::Block, kCapacity> blocks{};

    std::uint32_t size() const noexcept { return count.load(std::memory_order_relaxed); }
    void resize(std::uint32_t size) noexcept { count.store(size, std::memory_order_relaxed); }

    arena::Block pop() noexcept {
        const std::uint32_t top = size() - 1;
        const arena::Block block = blocks[top];
        resize(top);
        block.state->store(static_cast<std::uint8_t>(arena::BlockState::kLive), std::memory_order_relaxed);
        return block;
    }
    void push(const arena::Block& block) noexcept {
        block.state->store(static_cast<std::uint8_t>(arena::BlockState::kCached), std::memory_order_relaxed);
        const std::uint32_t top = size();
        blocks[top] = block;
        resize(top + 1);
    }
};
static_assert(sizeof(Magazine) == 256);

}  // namespace numapool::cache

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
/// counters and the size may be read by any. 256 bytes: four cache lines, the first of which holds all that a
/// typical operation touches.
class alignas(64) Magazine {
public:
    static constexpr std::uint32_t kCapacity = 13;

    base::Counter allocations;
    base::Counter frees;
    base::Counter requested_bytes;

    Magazine() noexcept {
        set_top(blocks_.data());
        end_ = blocks_.data();
    }
    Magazine(const Magazine&) = delete;
    Magazine& operator=(const Magazine&) = delete;

    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(top() - blocks_.data()); }
    void resize(std::uint32_t size) noexcept { set_top(blocks_.data() + size); }
    /// How many blocks the pool's bounds let it hold now.
    std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(end_ - blocks_.data()); }
    void set_limit(std::uint32_t limit) noexcept { end_ = blocks_.data() + limit; }
    arena::Block* blocks() noexcept { return blocks_.data(); }

    bool empty() const noexcept { return top() == blocks_.data(); }
    /// The block that was pushed last, live again; there must be one.
    arena::Block pop() noexcept {
        arena::Block* const newest = top() - 1;
        const arena::Block block = *newest;
        set_top(newest);
        block.state->store(static_cast<std::uint8_t>(arena::BlockState::kLive), std::memory_order_relaxed);
        return block;
    }
    /// False, and nothing is done, at the limit.
    bool push(const arena::Block& block) noexcept {
        arena::Block* const at = top();
        if (at >= end_) return false;
        block.state->store(static_cast<std::uint8_t>(arena::BlockState::kCached), std::memory_order_relaxed);
        *at = block;
        set_top(at + 1);
        return true;
    }

private:
    arena::Block* top() const noexcept { return top_.load(std::memory_order_relaxed); }
    void set_top(arena::Block* top) noexcept { top_.store(top, std::memory_order_relaxed); }

    std::atomic<arena::Block*> top_{nullptr};  // relaxed: other threads only read it for statistics
    arena::Block* end_ = nullptr;              // of what may be held now
    std::array<arena::Block, kCapacity> blocks_{};
};
static_assert(sizeof(Magazine) == 256);

}  // namespace numapool::cache

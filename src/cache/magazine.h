// Owns: a thread's ready blocks of one size class, and its count of what was taken from them.
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
/// counters and the size may be read by any. 512 bytes: eight cache lines, the first of which holds all that
/// a typical operation touches.
class alignas(64) Magazine {
public:
    static constexpr std::uint32_t kCapacity = 29;

    base::Counter allocations;
    base::Counter requested_bytes;

    Magazine() noexcept {
        set_top(slots_.data());
        last_ = slots_.data();
    }
    Magazine(const Magazine&) = delete;
    Magazine& operator=(const Magazine&) = delete;

    /// Acquire pairs with the release in push: who sees the last return sees all that went before it.
    std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(top_.load(std::memory_order_acquire) - slots_.data());
    }
    void resize(std::uint32_t size) noexcept { set_top(slots_.data() + size); }
    /// How many blocks the pool's bounds let it hold now.
    std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(last_ - slots_.data()); }
    void set_limit(std::uint32_t limit) noexcept { last_ = slots_.data() + limit; }
    bool full() const noexcept { return top_.load(std::memory_order_relaxed) >= last_; }
    /// The oldest comes first.
    arena::Block* blocks() noexcept { return slots_.data() + 1; }

    /// The block that was pushed last, live again; 0 if there is none.
    std::uintptr_t pop() noexcept {
        arena::Block* const newest = top_.load(std::memory_order_relaxed);
        const std::uintptr_t address = newest->address;
        if (address == 0) return 0;
        arena::mark_live(*newest->mark);
        set_top(newest - 1);
        return address;
    }
    /// Takes a live block; false, and nothing is done, at the limit. The last step lets go of
    /// the block: from then on a pool that is being released may be gone.
    bool push(const arena::Block& block) noexcept {
        arena::Block* const newest = top_.load(std::memory_order_relaxed);
        if (newest >= last_) return false;
        arena::mark_cached(*block.mark);
        newest[1] = block;
        set_top(newest + 1);
        return true;
    }

private:
    void set_top(arena::Block* top) noexcept { top_.store(top, std::memory_order_release); }

    std::atomic<arena::Block*> top_{nullptr};          ///< the newest block's slot
    arena::Block* last_ = nullptr;                     ///< the last slot that may be used now
    std::array<arena::Block, kCapacity + 1> slots_{};  ///< the first stays empty: what pop() finds at the end
};
static_assert(sizeof(Magazine) == 512);

}  // namespace numapool::cache

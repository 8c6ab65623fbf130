// Owns: a thread's ready large blocks, which any other thread may steal.
// Must not know: arenas.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/size_classes.h"

namespace numapool::cache {

/// A few slots for large blocks. Only the owning thread fills a slot, so filling is a plain store; everyone
/// empties one by an exchange, so a block has exactly one taker.
class LargeSlots {
public:
    static constexpr std::uint32_t kSlots = 4;

    /// Owner only. A block cut for `bytes`, at a multiple of `alignment`; 0 if there is none. Looser matches
    /// would scatter what is live over memory that could otherwise merge.
    std::uintptr_t take(std::size_t bytes, std::size_t alignment) noexcept {
        for (Slot& slot : slots_) {
            if (slot.bytes < bytes || slot.bytes - bytes >= base::kSliceBytes) continue;
            const std::uintptr_t seen = slot.block.load(std::memory_order_relaxed);
            if (seen == 0 || (seen & (alignment - 1)) != 0) continue;
            // Acquire pairs with the release in put; a thief may have been faster.
            if (const std::uintptr_t block = slot.block.exchange(0, std::memory_order_acquire); block != 0)
                return block;
        }
        return 0;
    }
    /// Owner only. Keeps the block if one of the slots that may be used is empty.
    bool put(std::uintptr_t block, std::size_t bytes) noexcept {
        for (std::uint32_t i = 0; i < limit; ++i) {
            if (slots_[i].block.load(std::memory_order_relaxed) != 0) continue;
            slots_[i].bytes = bytes;
            // Release pairs with the acquire in take and steal.
            slots_[i].block.store(block, std::memory_order_release);
            return true;
        }
        return false;
    }
    /// Owner only. Empties the slot whose turn it is.
    std::uintptr_t evict() noexcept { return limit == 0 ? 0 : steal(turn_++ % limit); }

    /// Any thread. The block in slot `index`, now the caller's; 0 if there is none.
    std::uintptr_t steal(std::uint32_t index) noexcept {
        std::atomic<std::uintptr_t>& block = slots_[index].block;
        return block.load(std::memory_order_relaxed) == 0 ? 0 : block.exchange(0, std::memory_order_acquire);
    }
    std::size_t filled() const noexcept {
        std::size_t count = 0;
        for (const Slot& slot : slots_) count += slot.block.load(std::memory_order_relaxed) != 0;
        return count;
    }

    std::uint32_t limit = 0;  ///< owner only: how many slots the pool's bounds let it use now

private:
    struct Slot {
        std::atomic<std::uintptr_t> block{0};
        std::size_t bytes = 0;  ///< owner only
    };
    std::array<Slot, kSlots> slots_{};
    std::uint32_t turn_ = 0;
};

}  // namespace numapool::cache

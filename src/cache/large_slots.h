// Owns: a thread's ready large blocks, which any other thread may steal.
// Must not know: arenas, beyond how an entry says that a block is kept.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/slice_entry.h"
#include "base/size_classes.h"

namespace numapool::cache {

/// What a slot knows of its block.
struct KeptBlock {
    std::size_t bytes = 0;
    std::atomic<std::uint64_t>* entry = nullptr;  ///< the word of its SliceEntry

    /// Relaxed, as all entries: see AddressRange.
    void mark(arena::BlockState state) const noexcept {
        entry->store(arena::SliceEntry::block(bytes / base::kSliceBytes, state).word(),
                     std::memory_order_relaxed);
    }
};

/// A few slots for large blocks. Only the owning thread fills a slot, so filling is a plain store; everyone
/// empties one by an exchange, so a block has exactly one taker.
class LargeSlots {
public:
    static constexpr std::uint32_t kSlots = 4;

    /// Owner only. A block cut for `bytes`, at a multiple of `alignment`, or 0 if there is none. Looser
    /// matches would scatter what is live over memory that could otherwise merge. It is marked as cached
    /// still; `kept` is good until the next put.
    std::uintptr_t take(std::size_t bytes, std::size_t alignment, const KeptBlock*& kept) noexcept {
        for (Slot& slot : slots_) {
            if (slot.kept.bytes - bytes >= base::kSliceBytes) continue;
            const std::uintptr_t seen = slot.block.load(std::memory_order_relaxed);
            // Every large block starts at a slice.
            if (seen == 0 || (alignment > base::kSliceBytes && (seen & (alignment - 1)) != 0)) continue;
            // Acquire pairs with the release in put; a thief may have been faster.
            kept = &slot.kept;
            if (const std::uintptr_t block = slot.block.exchange(0, std::memory_order_acquire); block != 0)
                return block;
        }
        return 0;
    }
    /// Owner only. Keeps the block if one of the slots that may be used is empty, and marks it as cached.
    bool put(std::uintptr_t block, const KeptBlock& kept) noexcept {
        for (Slot* at = slots_.data(); at != end_; ++at) {
            Slot& slot = *at;
            if (slot.block.load(std::memory_order_relaxed) != 0) continue;
            slot.kept = kept;
            kept.mark(arena::BlockState::kCached);  // before it can be stolen
            // Release pairs with the acquire in take and steal.
            slot.block.store(block, std::memory_order_release);
            return true;
        }
        return false;
    }
    /// Owner only. Empties the slot whose turn it is.
    std::uintptr_t evict() noexcept { return limit() == 0 ? 0 : steal(turn_++ % limit()); }

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

    /// Owner only: how many slots the pool's bounds let it use now.
    std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(end_ - slots_.data()); }
    void set_limit(std::uint32_t limit) noexcept { end_ = slots_.data() + limit; }

private:
    struct Slot {
        std::atomic<std::uintptr_t> block{0};
        KeptBlock kept;  ///< owner only
    };
    std::array<Slot, kSlots> slots_{};
    Slot* end_ = slots_.data();  ///< of the slots that may be used now
    std::uint32_t turn_ = 0;
};

}  // namespace numapool::cache

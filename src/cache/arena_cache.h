// Owns: one thread's cache for one arena: a magazine for each class, large slots, and the thread's figures.
// Must not know: pools, other threads' caches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "numapool/statistics.h"

#include "arena/node_arena.h"
#include "base/counter.h"
#include "base/result.h"
#include "base/size_classes.h"
#include "cache/depot.h"
#include "cache/drawn_blocks.h"
#include "cache/large_slots.h"
#include "cache/magazine.h"

namespace numapool::cache {

/// What a thread did with an arena beyond what its magazines count. Written by the thread, read by any.
struct ThreadFigures {
    base::Counter large_allocations;
    base::Counter large_frees;
    base::Counter large_bytes_out;   ///< of the blocks handed out
    base::Counter large_bytes_back;  ///< of the blocks that came back
    base::Counter large_requested_bytes;
    std::array<base::Counter, kTiers> misses;        ///< allocations not wholly of returned memory
    std::array<base::Counter, kTiers> missed_bytes;  ///< what of their blocks was not
    base::Counter remote_allocations;                ///< requested from another node's CPU
    base::Counter auto_returns;
};

/// Thread safety: its thread only, but for steal_large, ready_blocks, live, Magazine::has and the figures. A
/// cache that waits for a thread is whoever's who has the lock of the list that it is in.
class ArenaCache {
    // By the mark of a class's blocks; the one for no mark has no room and no block. First, so that one is
    // found without an offset.
    std::array<Magazine, base::kSizeClasses + 1> magazines_{};

public:
    /// Ties the cache, empty and zeroed, to an arena.
    void attach(arena::NodeArena& arena, SharedBlocks& shared) noexcept {
        arena_ = &arena;
        shared_ = &shared;
    }
    arena::NodeArena& arena() noexcept { return *arena_; }
    /// The magazine of the class whose blocks have that mark.
    Magazine& magazine_of(std::uint32_t mark) noexcept { return magazines_[mark]; }
    Magazine& magazine(std::uint32_t size_class) noexcept {
        return magazines_[arena::mark_of_class(size_class)];
    }
    const Magazine& magazine(std::uint32_t size_class) const noexcept {
        return magazines_[arena::mark_of_class(size_class)];
    }
    /// Blocks of a class that the thread handed out less those that came back to it: negative where other
    /// threads' blocks do. Any thread.
    std::int64_t live(std::uint32_t size_class) const noexcept {
        return drawn_[size_class].live(magazine(size_class));
    }
    /// Between the two a block that comes back counts as live: see DrawnBlocks.
    void hold_return(std::uint32_t size_class) noexcept { drawn_[size_class].hold_return(); }
    void conclude_return(std::uint32_t size_class) noexcept { drawn_[size_class].conclude_return(); }

    LargeSlots& large() noexcept { return large_; }
    const LargeSlots& large() const noexcept { return large_; }

    /// When the magazine gave no block: fills it with blocks that other threads let go of, or that were
    /// returned to their slabs; false if there are none.
    bool refill(std::uint32_t size_class) noexcept;
    /// A block when refill() found none. The block is live.
    base::Result<arena::FreshBlock> allocate_past_magazine(std::uint32_t size_class) noexcept;
    /// Takes a block; when the magazine is at its limit, raises that if the budget allows, else lets the
    /// oldest go, to other threads or their slabs.
    void free_past_magazine(std::uint32_t size_class, std::uintptr_t block) noexcept;
    /// Takes a large block, its entry already marked cached: keeps it if a slot is empty or the budget
    /// allows, in place of another if need be; what goes, goes to the arena.
    void free_past_slots(std::uintptr_t block, const KeptBlock& kept) noexcept;
    /// Puts the blocks of the large slots back to the arena. Returns whether NodeArena::release_lapsed is
    /// due.
    bool drain_large() noexcept;
    /// The same, by any thread, under the lock of the list that the cache is in.
    bool steal_large() noexcept;
    /// Puts a large block back to the arena; returns the same.
    bool put_large(std::uintptr_t block, std::size_t bytes) noexcept;

    /// Whether a block was found without its seal, and dropped; and which, since this was asked last, or 0.
    bool dropped_unsealed() const noexcept { return unsealed_ != 0; }
    std::uintptr_t take_unsealed() noexcept { return std::exchange(unsealed_, 0); }

    /// Puts a block, sealed or without a mark, back to its slab.
    void put_past_magazine(std::uint32_t size_class, std::uintptr_t block) noexcept;
    /// Puts a class's blocks to its depot or back to their slabs, and gives the budget back.
    void flush_magazine(std::uint32_t size_class) noexcept;
    void flush_magazines() noexcept;
    /// Whether enough of the budget is free for the blocks to stay when their thread ends.
    bool may_wait() const noexcept { return shared_->budget.slab_bytes.quarter_free(); }
    /// Empties the large slots and gives their budget back.
    void close_large() noexcept;
    std::size_t ready_blocks(Tier tier) const noexcept;

    ThreadFigures figures;
    std::uint64_t large_seen_by_decay =
        0;                               ///< large_frees when decay last looked; under the cache list's lock
    std::uint32_t large_seen_at_ms = 0;  ///< when it last changed; the same

private:
    void spill(Magazine& magazine, std::uint32_t size_class, std::uint32_t count) noexcept;
    std::uint32_t draw(std::uint32_t size_class, std::uint32_t most) noexcept;
    void grow(Magazine& magazine, std::uint32_t size_class) noexcept;

    arena::NodeArena* arena_ = nullptr;
    SharedBlocks* shared_ = nullptr;
    LargeSlots large_;
    std::uint64_t large_taken_when_robbed_ = ~std::uint64_t{0};  ///< none as yet
    std::uint32_t next_to_search_ = 0;
    std::uintptr_t unsealed_ = 0;
    std::array<DrawnBlocks, base::kSizeClasses> drawn_{};  ///< by class
};

}  // namespace numapool::cache

// Owns: the slabs of one size class on one node: which of their blocks are free.
// Must not know: threads' caches; large blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "arena/address_range.h"
#include "base/adaptive_mutex.h"
#include "base/result.h"
#include "base/size_classes.h"

namespace numapool::arena {

/// A stretch of slices cut into blocks of one class. The record lies off the memory; a bitmap of returned
/// blocks follows it.
struct Slab {
    std::uintptr_t base = 0;
    base::ClassShape shape{};
    std::uint32_t size_class = 0;
    // From here on guarded by the bin's lock.
    std::uint32_t used = 0;        ///< blocks that are not in the bitmap and below fresh: live or in a cache
    std::uint32_t fresh = 0;       ///< blocks from here on were never handed out
    std::uint32_t charged = 0;     ///< slices counted as committed
    std::uint32_t idle_since = 0;  ///< coarse milliseconds when the last block came back
    bool listed = false;           ///< has a returned or fresh block, and so is in its bin's list
    const AddressRange* range = nullptr;
    Slab* previous = nullptr;
    Slab* next = nullptr;
    std::uint64_t* returned = nullptr;  ///< a bit for each block that came back

    std::uint32_t returned_count() const noexcept { return fresh - used; }
    std::uintptr_t address_of(std::uint32_t index) const noexcept {
        return base + std::uintptr_t{index} * shape.block_bytes;
    }
};

struct FreshBlock {
    std::uintptr_t address = 0;
    bool reused = false;  ///< an earlier buffer had it, and it is sealed; if not, it reads zero
};

/// Thread safety: every function may be called from any thread.
class SlabBin {
public:
    /// Takes up to `most` blocks of memory that was handed out before, sealed but where someone wrote to one
    /// after its return; returns how many there were.
    std::size_t take_returned(std::uintptr_t* blocks, std::size_t most) noexcept;
    /// Takes one block, from a new slab if need be.
    base::Result<FreshBlock> take_new(NodeArena& arena, std::uint32_t size_class) noexcept;
    /// Takes blocks back, sealed or without a mark; returns how many were not back already.
    std::size_t put(NodeArena& arena, const std::uintptr_t* blocks, std::size_t count) noexcept;
    /// Whether the block at `address`, which had the mark of `size_class`, was taken back, or its slab went.
    bool has_returned(const AddressRange& range, std::uintptr_t address, std::uint32_t size_class) noexcept;
    /// Blocks that are live or in a cache.
    std::size_t used() noexcept;
    /// Gives slabs without used blocks back to the arena if they are idle since `now_ms` - `age_ms` or
    /// longer. Returns whether younger ones are left.
    bool retire_empty(NodeArena& arena, std::uint32_t now_ms, std::uint32_t age_ms) noexcept;

    base::AdaptiveMutex& mutex() noexcept { return mutex_; }

private:
    // All below: the caller holds mutex_.
    std::uintptr_t pop_returned(Slab& slab) noexcept;
    base::Result<Slab*> make_slab(NodeArena& arena, std::uint32_t size_class) noexcept;
    void retire(NodeArena& arena, Slab* slab) noexcept;
    void link(Slab* slab) noexcept;
    void unlink(Slab* slab) noexcept;
    void relist(Slab* slab) noexcept;

    base::AdaptiveMutex mutex_;
    Slab* slabs_ = nullptr;     ///< those with a returned or fresh block; the last one used comes first
    std::size_t returned_ = 0;  ///< returned blocks in all slabs
    std::size_t empty_ = 0;     ///< slabs without used blocks
    std::size_t used_ = 0;      ///< used blocks in all slabs
};

}  // namespace numapool::arena

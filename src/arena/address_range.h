// Owns: one reserved range of addresses with its slice table, and the process-wide table that finds it.
// Must not know: which blocks exist; how free runs are searched.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "arena/block_marks.h"
#include "arena/slice_entry.h"
#include "arena/window.h"
#include "base/size_classes.h"

namespace numapool::arena {

class NodeArena;

/// Links of a free run in its bin, kept for its first slice: run addresses, 0 for none.
struct RunLinks {
    std::uintptr_t previous;
    std::uintptr_t next;
};

/// What memory is wanted for. Slabs live long: one cut out of a long run, or set into a gap between large
/// blocks, would keep that memory from ever being whole again. So each purpose has ranges of its own.
enum class Purpose : std::uint8_t {
    kLargeBlock,
    kFineSlab,
    kCoarseSlab,  ///< of blocks that are multiples of a coarse unit
};
inline constexpr std::size_t kPurposes = 3;

/// A multiple of 1 GiB of address space, owned by one arena. Records lie off the memory that they describe.
struct AddressRange {
    std::uintptr_t base = 0;
    std::atomic<std::uint64_t>* entries = nullptr;  ///< a SliceEntry for each slice
    void* pool = nullptr;                           ///< whoever made the arena
    std::uint32_t arena_index = 0;                  ///< of `arena` in its pool
    Purpose purpose = Purpose::kLargeBlock;
    unsigned unit_shift = kFineUnitShift;  ///< of the marks
    BlockMark* marks = nullptr;            ///< one for each unit, all readable
    std::size_t marked = 0;                ///< slices below have writable marks
    std::size_t slices = 0;
    RunLinks* links = nullptr;  ///< one for each slice
    std::uint32_t* idle_since =
        nullptr;  ///< for each granule: coarse milliseconds (modulo 2^32) when it last became idle
    std::uint8_t* huge_advised = nullptr;  ///< for each granule: whether it asks for huge pages already
    std::uint8_t* mappings = nullptr;      ///< for each granule: bits of MappingMark
    bool lost_some = false;                ///< some of its addresses are not ours any more
    std::size_t fresh = 0;                 ///< slices from here on were never used
    std::size_t writable = 0;  ///< slices below are committed to the address space; whole granules
    AddressRange* next = nullptr;

    std::size_t index_of(std::uintptr_t address) const noexcept {
        return (address - base) / base::kSliceBytes;
    }
    std::uintptr_t address_of(std::size_t slice) const noexcept { return base + slice * base::kSliceBytes; }
    /// The mark of the small or medium block at `address`.
    BlockMark& mark_of(std::uintptr_t address) const noexcept {
        return marks[(address - base) >> unit_shift];
    }
    /// The mark of the block that starts at `address`; 0 if none does.
    std::uint32_t mark_at(std::uintptr_t address) const noexcept {
        if ((address & ((std::uintptr_t{1} << unit_shift) - 1)) != 0) return 0;
        return mark_of(address).load(std::memory_order_relaxed);
    }
    Window<BlockMark> marks_window() const noexcept {
        return {base, slices * base::kSliceBytes >> unit_shift, marks};
    }
    Window<std::atomic<std::uint64_t>> entries_window() const noexcept { return {base, slices, entries}; }
    // Relaxed throughout: a block's entry is written by its holder, by whoever claimed it or under the
    // arena's lock, and whoever hands a block to another thread orders the two.
    SliceEntry entry(std::size_t slice) const noexcept {
        return SliceEntry(entries[slice].load(std::memory_order_relaxed));
    }
    void set_entry(std::size_t slice, SliceEntry entry) noexcept {
        entries[slice].store(entry.word(), std::memory_order_relaxed);
    }
};

/// Reserves a range of `wanted` bytes and enters it into the owner table; where that is more than half of
/// what the process can have, of `least`. Sizes are rounded up to 1 GiB. nullptr if not even the least can be
/// had.
AddressRange* reserve_range(std::size_t wanted, std::size_t least, Purpose purpose,
                            NodeArena& arena) noexcept;

/// Makes the marks of the slices below `end` writable; an errno, 0 for success.
int open_marks(AddressRange& range, std::size_t end) noexcept;

/// Takes the range out of the owner table and gives its addresses and records back.
void release_range(AddressRange* range) noexcept;

inline constexpr unsigned kSliceShift = 16;
static_assert(base::kSliceBytes == std::size_t{1} << kSliceShift);
inline constexpr unsigned kStepBits = 30;  ///< ranges start and end at multiples of 1 GiB
inline constexpr std::size_t kRangeUnitBytes = std::size_t{1} << kStepBits;
inline constexpr unsigned kAddressBits = 47;

/// One word for each GiB of user addresses; 1 MiB of bss of which only the touched pages exist.
extern std::atomic<AddressRange*> owner_table[std::size_t{1} << (kAddressBits - kStepBits)];

/// The range that `address` lies in; nullptr for memory that is not ours. One load.
inline AddressRange* find_range(std::uintptr_t address) noexcept {
    const std::uintptr_t step = address >> kStepBits;
    if (step >= std::size(owner_table)) return nullptr;
    // Acquire pairs with the release in reserve_range.
    return owner_table[step].load(std::memory_order_acquire);
}

/// Changes the state of the large block that starts at `address`; false if it is not `from`, or not any more.
inline bool change_block(std::uintptr_t address, BlockState from, BlockState to) noexcept {
    AddressRange& range = *find_range(address);
    const std::size_t slice = range.index_of(address);
    const SliceEntry entry = range.entry(slice);
    return entry == SliceEntry::block(entry.slices(), from) &&
           SliceEntry::change(range.entries[slice], entry, to);
}

}  // namespace numapool::arena

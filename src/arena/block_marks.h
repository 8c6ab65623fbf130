// Owns: the marks of small and medium blocks: a byte that says of which class the block is.
// Must not know: slabs, caches, whether a block is live; seal.h does.
//
// A range has one byte for each unit of its memory, of which the byte of a block's first unit is used, from
// when the block is first handed out until its slab's memory goes. An address that starts no block finds a
// mark of 0, or is no multiple of the unit. Marks of neighbours share a cache line, so nothing that happens
// to a block on its way from holder to holder may write to one.
#pragma once

#include <atomic>
#include <cstdint>

namespace numapool::arena {

/// Fine units serve any block, coarse ones those whose sizes they divide.
inline constexpr unsigned kFineUnitShift = 6;
inline constexpr unsigned kCoarseUnitShift = 9;

/// 0: no block that was ever handed out. Relaxed throughout: whoever hands a block to another thread orders
/// its mark too.
using BlockMark = std::atomic<std::uint8_t>;

/// The mark of a class's blocks, 1 to kSizeClasses.
constexpr std::uint32_t mark_of_class(std::uint32_t size_class) noexcept { return size_class + 1; }
constexpr std::uint32_t class_of_mark(std::uint32_t mark) noexcept { return mark - 1; }

inline void set_mark(BlockMark& mark, std::uint32_t value) noexcept {
    mark.store(static_cast<std::uint8_t>(value), std::memory_order_relaxed);
}

}  // namespace numapool::arena

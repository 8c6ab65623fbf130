// Owns: the marks of small and medium blocks: a byte that says whether a block is live, and of which class.
// Must not know: slabs, caches.
//
// A range has one byte for each unit of its memory, of which the byte of a block's first unit is used. Who
// holds a block, a thread's cache included, is the only one to write its mark, so no mark needs a locked
// instruction. An address that starts no block finds a mark of 0, or is no multiple of the unit.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace numapool::arena {

/// Fine units serve any block, coarse ones those whose sizes they divide.
inline constexpr unsigned kFineUnitShift = 6;
inline constexpr unsigned kCoarseUnitShift = 9;

/// 0: not handed out, or handed out and back in its slab.
using BlockMark = std::atomic<std::uint8_t>;

/// Set while a block is kept ready by a thread's cache.
inline constexpr std::uint8_t kCachedBit = 0x80;

/// The mark of a class's live blocks, 1 to kSizeClasses.
constexpr std::uint32_t live_mark(std::uint32_t size_class) noexcept { return size_class + 1; }
constexpr bool is_live(std::uint32_t mark) noexcept { return static_cast<std::int8_t>(mark) > 0; }

// Relaxed: whoever hands a block to another thread orders its mark too.
inline bool is_live(const BlockMark& mark) noexcept {
    return is_live(std::uint32_t{mark.load(std::memory_order_relaxed)});
}
inline void set_mark(BlockMark& mark, std::uint32_t value) noexcept {
    mark.store(static_cast<std::uint8_t>(value), std::memory_order_relaxed);
}
/// Marks a live block as kept ready.
inline void mark_cached(BlockMark& mark) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    // One instruction, of which compilers make three.
    __asm__("orb %1, %0" : "+m"(mark) : "i"(kCachedBit) : "cc");
#else
    set_mark(mark, mark.load(std::memory_order_relaxed) | kCachedBit);
#endif
}
/// Marks a block that was kept ready as live.
inline void mark_live(BlockMark& mark) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    __asm__("andb %1, %0" : "+m"(mark) : "i"(static_cast<std::int8_t>(~kCachedBit)) : "cc");
#else
    set_mark(mark, mark.load(std::memory_order_relaxed) & ~std::uint32_t{kCachedBit});
#endif
}

}  // namespace numapool::arena

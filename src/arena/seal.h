// Owns: the seal: what stands in the first word of a small or medium block that came back.
// Must not know: where such blocks are kept.
//
// Returning seals a block, handing it out breaks the seal. A block that comes back sealed is most likely
// returned twice; whoever finds one looks where blocks are kept, because a holder may write the same word. A
// block that is to be handed out and is not sealed was written to after its return, or lies ready a second
// time and has a holder: it is not handed out (two threads that take the two at the same instant are not
// told apart). The word lies in memory that is its holder's alone, so no two
// threads ever fight for a line of it, as they would for marks side by side.
#pragma once

#include <cstdint>

namespace numapool::arena {

/// Nothing that is likely to start a buffer: no number, no address, no text. An instruction can hold it.
inline constexpr std::uint64_t kSeal = 0xFFFF'FFFF'D127'4B8FU;

// Plain: a block has one holder. Where two threads wrongly return one block at once, ThreadSanitizer says so.
using Word [[gnu::may_alias]] = std::uint64_t;
inline Word& first_word(std::uintptr_t block) noexcept { return *reinterpret_cast<Word*>(block); }

inline bool is_sealed(std::uintptr_t block) noexcept { return first_word(block) == kSeal; }
/// Seals the block; false if it is sealed already.
inline bool seal(std::uintptr_t block) noexcept {
    if (is_sealed(block)) return false;
    first_word(block) = kSeal;
    return true;
}
/// Breaks the seal; false if there is none.
inline bool unseal(std::uintptr_t block) noexcept {
    if (!is_sealed(block)) return false;
    first_word(block) = 0;
    return true;
}

}  // namespace numapool::arena

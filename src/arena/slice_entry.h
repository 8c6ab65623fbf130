// Owns: what the slice table says of one 64 KiB slice, packed into a word.
// Must not know: who reads it.
//
// Only the first slice of a large block and the first and last slice of a free run carry an entry; slices
// inside them are empty, so an address inside a block is never mistaken for its start. Every slice of a slab
// names the slab.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/size_classes.h"

namespace numapool::arena {

struct Slab;

/// What the memory of a free run is.
enum class RunKind : std::uint8_t {
    kIdle,  ///< committed; an earlier buffer returned all of it, or it filled up that buffer's last granule
    kPrefaulted,  ///< committed; reads zero: nothing of it was handed out since it came from the system
    kVacant,      ///< not committed; reads zero
    kBusy,        ///< being given back to the system right now, out of everyone's reach
};
inline constexpr std::size_t kSearchableKinds = 3;

enum class BlockState : std::uint8_t {
    kLive = 1,    ///< handed out
    kCached = 2,  ///< returned: on its way back, or kept ready by a thread's cache
    kNew = 3,     ///< handed out; large blocks: its pages were not looked up since they came from the system
    kFenced = 4,  ///< watched for misuse: its holder has an address inside
};

class SliceEntry {
public:
    constexpr SliceEntry() noexcept = default;
    explicit constexpr SliceEntry(std::uint64_t word) noexcept : word_(word) {}
    static SliceEntry slab(const Slab* slab) noexcept {
        return SliceEntry(reinterpret_cast<std::uintptr_t>(slab) | kSlab);
    }
    static constexpr SliceEntry block(std::size_t slices, BlockState state) noexcept {
        return SliceEntry(slices << kLengthShift | static_cast<std::uint64_t>(state) << kDetailShift |
                          kBlock);
    }
    /// The same by its bytes, whole slices.
    static constexpr SliceEntry block_of(std::size_t bytes, BlockState state) noexcept {
        return SliceEntry(bytes / (base::kSliceBytes >> kLengthShift) |
                          static_cast<std::uint64_t>(state) << kDetailShift | kBlock);
    }
    static constexpr SliceEntry free_run(std::size_t slices, RunKind kind) noexcept {
        return SliceEntry(slices << kLengthShift | static_cast<std::uint64_t>(kind) << kDetailShift | kFree);
    }

    constexpr bool is_slab() const noexcept { return (word_ & kTagMask) == kSlab; }
    constexpr bool is_block() const noexcept { return (word_ & kTagMask) == kBlock; }
    /// is_block() with state() kLive, in one comparison.
    constexpr bool is_live_block() const noexcept {
        return (word_ & 0xff) == (kBlock | static_cast<std::uint64_t>(BlockState::kLive) << kDetailShift);
    }
    /// is_block() and handed out.
    constexpr bool is_held_block() const noexcept {
        return is_live_block() || (is_block() && state() == BlockState::kNew);
    }
    constexpr bool is_free_run() const noexcept { return (word_ & kTagMask) == kFree; }
    Slab* slab() const noexcept { return reinterpret_cast<Slab*>(word_ & ~kTagMask); }
    constexpr std::size_t slices() const noexcept { return word_ >> kLengthShift; }
    constexpr BlockState state() const noexcept {
        return static_cast<BlockState>(word_ >> kDetailShift & kTagMask);
    }
    constexpr RunKind kind() const noexcept { return static_cast<RunKind>(word_ >> kDetailShift & kTagMask); }
    constexpr std::uint64_t word() const noexcept { return word_; }
    constexpr bool operator==(const SliceEntry&) const noexcept = default;

    /// Changes a block's state. Of all who try at once, where each saw `from` in `word`, true for one.
    template <class Word>
    static bool change(Word& word, SliceEntry from, BlockState to) noexcept {
        std::uint64_t expected = from.word();
        // Relaxed, as all entries: see AddressRange.
        return word.compare_exchange_strong(expected, block(from.slices(), to).word(),
                                            std::memory_order_relaxed);
    }
    /// The same by who returns a block of which `word` said `held`: whatever follows is the winner's to do.
    template <class Word>
    static bool claim(Word& word, SliceEntry held) noexcept {
        return change(word, held, BlockState::kCached);
    }

private:
    static constexpr std::uint64_t kTagMask = 7;
    static constexpr std::uint64_t kSlab = 1;
    static constexpr std::uint64_t kBlock = 2;
    static constexpr std::uint64_t kFree = 3;
    static constexpr unsigned kDetailShift = 3;
    static constexpr unsigned kLengthShift = 8;

    std::uint64_t word_ = 0;
};

}  // namespace numapool::arena

// Owns: what surrounds one block that is watched: where it lies in a block of the arenas, what lies before
// and behind it, and how its memory is closed once it is returned. Must not know: pools, where such blocks
// are kept, what is told of damage.
//
//     inner            user                user + bytes     inner + inner_bytes
//     | front  | filling | the holder's bytes | filling | back |
//
// The idea and the name of sampling are those of GWP-ASan (Serebryany et al.: GWP-ASan, Sampling-Based
// Detection of Memory-Safety Bugs in Production, 2023).
#pragma once

#include <cstddef>
#include <cstdint>

#include "os/call_site.h"

namespace numapool::detail {

enum class FenceKind : std::uint8_t {
    kPages,    ///< pages that allow no access, and nor does all of the block from its return on
    kPattern,  ///< a pattern, which is looked at when the block returns, and fills it from then on
    kTool,     ///< AddressSanitizer or Valgrind sees to it
};

/// What a watched block of `bytes` needs of the arenas.
struct FenceShape {
    FenceKind kind = FenceKind::kPages;
    std::size_t front = 0;        ///< bytes before the block, at least
    std::size_t back = 0;         ///< and behind it
    std::size_t inner_bytes = 0;  ///< of all
    std::size_t alignment = 0;    ///< of all

    /// Fences of that kind around a block. An alignment of more than a page leaves no room in front.
    static FenceShape around(FenceKind kind, std::size_t bytes, std::size_t alignment) noexcept;
    /// No fence, but the block allows no access once it is returned.
    static FenceShape open(FenceKind kind, std::size_t bytes, std::size_t alignment) noexcept {
        return {kind, 0, 0, bytes, alignment};
    }
    bool fits_in(std::size_t available) const noexcept { return inner_bytes <= available; }
};

/// What was found wrong with a watched block.
struct Damage {
    std::uintptr_t address = 0;  ///< the first byte that changed; 0: none
    explicit operator bool() const noexcept { return address != 0; }
};

/// A block that is watched. Thread safety: none of its own.
struct FencedBlock {
    enum class State : std::uint8_t { kLive, kReturned };

    std::uintptr_t inner = 0;
    std::size_t inner_bytes = 0;
    /// Not the address itself, which would keep tools from calling a block lost that nobody else knows.
    std::size_t offset = 0;
    std::size_t bytes = 0;  ///< as asked for
    std::size_t front = 0;  ///< bytes at the beginning that allow no access
    std::size_t back = 0;   ///< and at the end
    std::uint32_t arena = 0;
    std::uint32_t size_class = 0;  ///< of the inner block; kSizeClasses for a large one
    FenceKind kind = FenceKind::kPages;
    State state = State::kLive;
    bool counted = false;  ///< among the process's fences of pages
    bool settled = true;   ///< as BlockInfo has it
    bool misused = false;  ///< an access was told of already, and its memory is nobody's any more
    std::uint32_t returned_at_ms = 0;
    os::CallSite got;
    os::CallSite returned;

    FencedBlock() = default;
    /// The place of `bytes` in a block of the arenas; right before the back fence where the alignment allows.
    FencedBlock(const FenceShape& shape, std::uintptr_t inner_address, std::size_t inner_size,
                std::size_t user_bytes, std::size_t alignment) noexcept;

    std::uintptr_t user() const noexcept { return inner + offset; }
    std::uintptr_t end() const noexcept { return inner + inner_bytes; }
    bool covers(std::uintptr_t address) const noexcept { return address >= inner && address < end(); }
    /// Puts the fences up, the holder's bytes being as they shall be. Where the system refuses to protect
    /// pages, or the fences of the process take a quarter of the mappings that it may have, the pattern
    /// stands in for them.
    void close_off(const void* pool, bool zeroed) noexcept;
    /// What of the filling changed while the block was out.
    Damage overrun() const noexcept;
    /// Closes all of the block: it is returned. The same holds.
    void shut(const void* pool) noexcept;
    /// What changed since shut().
    Damage late_write() const noexcept;
    /// Opens everything for the library's own use. False if the system refuses at present.
    bool open_up() noexcept;
};

}  // namespace numapool::detail

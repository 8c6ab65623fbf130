// Owns: blocks of the C library's allocator, for NUMAPOOL_DISABLE: who got which, so that returns are still
// checked. Must not know: arenas, nodes.
#pragma once

#include <cstddef>
#include <optional>

namespace numapool::detail {

class PoolCore;

struct PlainBlock {
    PoolCore* pool = nullptr;
    std::size_t bytes = 0;
};

/// Thread safety: any thread. A lock and a hash table: this mode is for finding faults, not for speed.
class PlainHeap {
public:
    /// Whether NUMAPOOL_DISABLE asks for it. Throws ArgumentError (kInvalidOption) for a value that is
    /// neither 0 nor 1.
    static bool wanted();
    /// `alignment` is a power of two, at least that of a pointer; nullptr without memory.
    static void* allocate(PoolCore& pool, std::size_t bytes, std::size_t alignment) noexcept;
    static std::optional<PlainBlock> find(const void* block) noexcept;
    /// Frees a block that find knows; false if someone else was faster.
    static bool free(void* block) noexcept;
    static void lock() noexcept;
    static void unlock() noexcept;
};

}  // namespace numapool::detail
